#pragma once
/*
 * Every bound of the core on one page, with what happens at it.
 */
#include "util/time.h"

enum {
	/* Questions of ours to the resolver at once; further flows wait in the queue (TTL-8). */
	LOOKUPS_MAX = 256,
	/* Questions about claims of strangers at once; further ones wait in order. */
	CLAIM_LOOKUPS_MAX = 128,
	/* Negotiations of opportunism at once (TTL-8), and gateways that no tunnel is remembered of
	 * tried in a second; further ones wait in lines by Source (SEC-4). No more wait than flows
	 * have gateways. */
	ATTEMPTS_MAX = 64,
	NEW_GATEWAYS_PER_S = 10,
	/* Negotiations with one such gateway that came to nothing in a minute; then what names it
	 * fails at once, for the rest of it (SEC-4). */
	GATEWAY_FAILURES_MAX = 3,
	/* Flows of one Source that are being asked about while others ask too: its further ones
	 * wait, so that the others' questions do not stand behind hundreds at the name server. */
	FLOWS_ASKED_SHARE = 32,
	/* A Source with so many is not kept waiting by one more turn of questions: the second one
	 * about a destination may wait for the first. */
	FLOWS_PATIENT = 16,
	/* Flows that wait for the resolver, in lines by Source. At the bound the oldest of the
	 * longest line ends as "overload" (TTL-8). */
	FLOWS_WAITING_MAX = 16384,
	/* Shunts of opportunism that are remembered. At the bound the oldest of the Source with the
	 * most goes back to the trap. */
	SHUNTS_MAX = 1 << 17,
	/* Of those, for flows whose packets wait. With fewer left a shunt whose time is over stays
	 * for some seconds more before it is asked again. */
	LOOKUPS_FOR_NEW_FLOWS = 64,
	/* How often an engine may refuse a tunnel's eroute before the tunnel is given up. */
	APPLIES_AGAIN_MAX = 4,
	/* Flows known at once. At the bound an acquire is not taken: the engine asks again, and the
	 * packets stay held within the engine's own bounds. */
	FLOWS_MAX = 1 << 20,
	/* Claims of strangers being looked into. At the bound a claim is refused at once. */
	CLAIMS_MAX = 4096,
	/* Claims under way per outer source address; further ones are refused (AUZ-11). */
	CLAIMS_PER_SOURCE_MAX = 10,
	/* How long what was found is believed (TTL-1), whatever its TTL says. */
	FOUND_TTL_LEAST_S = 60,
	FOUND_TTL_MOST_S = 86400,
	/* Near misses that are remembered as told; at the bound the oldest is told again. */
	NEAR_MISSES_MAX = 64,
	/* Usable records of one answer; further ones are ignored (TXT-9). */
	RECORDS_MAX = 16,
	/* Gateways of one Destination; further ones, less preferred, are ignored. */
	GATEWAYS_MAX = 8,
	/* Destinations remembered as protected; at the bound a sixteenth of them is forgotten, of
	 * the networks with the most, the least recent first. */
	PROTECTED_MAX = 16384,
	/* Candidate keys of one gateway or identity; further ones are ignored. */
	KEYS_MAX = 8,
	/* Gateways whose silence is remembered; at the bound those with nothing to remember go. */
	GATEWAYS_REMEMBERED_MAX = 65536,
	/* CHILD SAs of one pair that still receive; at the bound the oldest is deleted. */
	CHILDREN_PER_FLOW_MAX = 4,
	/* IKE SAs with one peer, each with IKE_SA_CHILDREN_MAX children at most (SEC-13); of more
	 * the least missed is deleted, and we make no more. */
	IKE_SAS_PER_PEER_MAX = 4,
	/* Above so many IKE SAs those without children go, longest so first (LIFE-7). */
	IDLE_SAS_ABOVE = 10000,
	/* Pairs remembered whose tunnels were closed lately; at the bound the oldest is forgotten.
	 */
	CLOSED_PAIRS_MAX = 65536,
	/* Peers that were refused, as remembered; the oldest goes. */
	REFUSALS_MAX = 128,
	/* Of what a flow keeps for whoever asks why; at the bound the oldest goes, and it says so.
	 */
	EVIDENCE_OCTETS_MAX = 1536,
	/* Records of an answer that are kept in words; the others are counted. */
	EVIDENCE_RECORDS_MAX = 4,
};

#define NEXT_TRY_TIME       SECONDS(60)        /* POL-7: from one attempt to the next */
#define MAKESHIFT_TIME      SECONDS(10)        /* held, where files of policies are wrong */
#define DNS_TIME            MILLISECONDS(4000) /* TTL-5: then the result is "no answer" */
#define GATEWAY_FAILURES_TIME SECONDS(60)
#define SHARED_TIME         SECONDS(1) /* for so long after them others count as asking */
#define QUEUE_TIME             SECONDS(30) /* then a flow that waits ends as "overload" */
#define SELF_LOOK_TIME      SECONDS(3600)       /* OIN-4: our own records are looked up again */
#define SELF_RETRY_TIME     SECONDS(60)         /* where nobody answered */
#define PROTECTED_TIME      SECONDS(30 * 86400) /* TRU-9 */
#define DNS_GRACE           MILLISECONDS(500)  /* CHS-1: for the slower of two answers */
#define RESPONDER_DNS_TIME  MILLISECONDS(8000) /* AUZ-10: below the Initiator's patience */
#define HELD_TIME_PASS      SECONDS(10)        /* TTL-6: where failure means pass */
#define HELD_TIME_PRIVATE   SECONDS(60)        /* TTL-6: where failure means drop */
#define NEXT_GATEWAY_TIME   SECONDS(2)         /* CHS-6 */
#define SILENT_GATEWAY_TIME SECONDS(60)        /* OIN-11; doubles with each silence in a row */
#define SILENT_GATEWAY_MOST SECONDS(600)
#define TUNNEL_REMEMBERED   SECONDS(3600)      /* LIFE-5: who was a peer so lately is restarting */
#define CONFIRM_TIME        SECONDS(2)         /* then held packets leave by it all the same */
#define CROSSED_TIME        SECONDS(5)         /* two that came up so close together crossed */
#define CROSSED_CHILD_TIME  SECONDS(300)       /* COL-27: unused, and the peer did not close it */
#define RETIRED_CHILD_TIME  SECONDS(60)        /* AUZ-13 */
#define TAKE_OVER_TIME      SECONDS(100)       /* a rekey the peer made: it has our answer */
#define APPLY_AGAIN_TIME      SECONDS(1) /* an eroute the engine asks about again, at the soonest */
#define APPLIES_FORGOTTEN     SECONDS(60)
/* Lifetimes of shunts, FAIL-1. */
#define ABSENCE_TIME_LEAST  SECONDS(60) /* whatever TTL an answer has */
#define ABSENCE_TIME_MOST   SECONDS(10800)
#define STALE_MARGIN        SECONDS(2)  /* TTLs are whole seconds: by then no cache has it */
#define NO_SOA_TIME         SECONDS(300) /* TTL-2: a negative answer without an SOA */
#define NO_ANSWER_TIME      SECONDS(120)
#define FAILURE_TIME        SECONDS(600)
#define RESTARTING_TIME     SECONDS(60) /* LIFE-5 */
#define REFUSAL_TIME        SECONDS(3600)
#define OVERLOAD_TIME       SECONDS(10)
#define CLOSED_PAIR_TIME    SECONDS(600)       /* LIFE-3 */
#define LEAVING_CHILD_TIME  SECONDS(2)         /* what a Delete may have overtaken */
