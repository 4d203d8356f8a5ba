#pragma once
/*
 * A stranger's claim: "I hold this identity, and may speak for that Source". The Responder finds
 * out before it answers (opportunism.md section 8).
 */
#include "opportunism/discovery.h"
#include "opportunism/core.h"
#include "opportunism/keysearch.h"
#include "opportunism/reach.h"

struct claim {
	struct hash_node by_sa;
	struct hash_node by_source; /* outer */
	struct timer timer;
	struct opportunism *opp;
	struct instant began;
	ike_handle sa;
	uint64_t tag;
	bool is_child;   /* CREATE_CHILD_SA: who the peer is, is proven already */
	bool waits;      /* for its source's other lookups (SEC-7): nothing is known yet */
	unsigned names;  /* being looked up on its source's account */
	TAILQ_ENTRY(claim) in_waiting;
	bool is_granted; /* answered; kept until its CHILD SA is up or time is over */
	struct ike_claim said;
	struct conn_state *conn; /* the one that answers; NULL: none does */
	bool has_grant;          /* ranges for a configured tunnel: as much as the conn allows */
	struct reach grant;
	const char *refusal; /* why there will be no CHILD SA, else NULL */
	bool wants_keys;
	struct key_search keys;
	bool wants_source;
	struct lookup_client source_client;
	struct discovery source;
	enum strength key_strength;
	enum strength strength; /* of the CHILD SA: the weakest of key and authorisation */
};

/* Whether a record at the Source's reverse name names this Initiator (AUZ-5). */
bool record_names_initiator(const struct delegation *record, bool is_txt, const struct ike_id *id);
/* NUL-4: who proves nothing speaks for the address it comes from, to ours, and for nothing else.
 * NULL: nothing against it. */
const char *anonymous_objection(const struct ike_claim *said);
/*
 * A road warrior speaks for the address it comes from; behind a NAT, for one of those that nobody
 * has in the Internet. NULL: nothing against it.
 */
const char *warrior_objection(const struct ike_claim *said);
/* AUZ-2 (b), AUZ-16 and the like: what needs no lookup. NULL: nothing against it. */
const char *claim_objection(const struct ike_claim *said, const struct conn_state *conn,
                            const struct opportunism *opp);
/* AUZ-3: who can be looked up at all. NULL: this one can. */
const char *identity_objection(const struct ike_claim *said);
/* AUT-2: the method that the conn wants, and no other. NULL: this is it. */
const char *method_objection(const struct claim *claim);
/* AUT-8: an IDr in the request that names somebody else. */
bool claim_wants_somebody_else(const struct opportunism *opp, const struct ike_id *wanted);

/* claim.c: the one of that IKE SA, or NULL; those of one source that are not answered yet. */
struct claim *claim_find(struct opportunism *opp, ike_handle sa);
unsigned claims_from(const struct opportunism *opp, const struct ip *from);
/* In place of an older one of the same IKE SA. Its timer and its client call nobody yet. */
struct claim *claim_new(struct opportunism *opp, const struct event *event);
void claim_free(struct claim *claim);
/* A conn that names its gateway has said who carries its addresses; the DNS gives the key alone. */
bool claim_is_arranged(const struct claim *claim);
bool claim_asks_about_source(const struct claim *claim);
/* SEC-7: what a peer may make us ask before it has proven anything; and when it is answered. */
enum asker_answer claim_may_look(struct claim *claim);
void claim_release_names(struct claim *claim);
void claim_stop_waiting(struct claim *claim);

/* weigh.c: `vouched` gets the keys of the Source's record, `candidates` all that may prove who the
 * Initiator is; strength and refusal are the claim's. */
void claim_weigh(struct claim *claim, struct gateway *vouched, struct gateway *candidates);
/* AUZ-6 */
void claim_log_other_key(const struct claim *claim);

/* answer.c. The claim is freed, or stays until its CHILD SA is up, or for a minute. */
void claim_refuse(struct claim *claim, const char *why);
void claim_answer(struct claim *claim, const struct pubkey *keys, size_t count, unsigned psk);
/* NAT-14: since it was granted another peer got some of its addresses, for a key exchange in
 * several steps takes as long as its Initiator likes. */
MUST_USE bool claim_is_taken(struct claim *claim);
