#pragma once
/*
 * Inside of `struct ike`: tables of its IKE SAs, their deadlines, the jobs under way, the counters.
 *
 * Private to this folder. An IKE SA that ends within an event stays in memory until the event is
 * over (ike_end_event()), so that nobody on the way back up the stack holds a dangling pointer.
 */
#include <sys/queue.h>

#include "ike/gate.h"
#include "ike/half_open.h"
#include "ike/ike.h"
#include "ike/join.h"
#include "ike/message.h"
#include "ike/once.h"
#include "ike/profile.h"
#include "util/hash.h"
#include "util/heap.h"

struct ike_sa;

enum {
	/* New requests are dropped (FULL) and ike_initiate() gives 0 from here on. */
	IKE_SAS_MAX = 65536,
	/* Answers without protection, of all kinds, a second (ERR-18); the rest is not answered. One
	 * (ERR-13) would be too few: after a restart every peer has to hear that its IKE SA is lost
	 * (crash.h), and of twenty thousand the last would wait for hours. */
	IKE_UNPROTECTED_ANSWERS_PER_SECOND = 100,
	/* Answers that wait for a token; further ones go without. */
	IKE_LOST_MAX = 32,
	IKE_PEER_BUCKETS = 4096,
};

/* At most so many in a second that starts with the first. */
struct rate {
	struct instant since;
	unsigned used;
};

/* A request for an IKE SA that is not there, while its token is being made (crash.h). */
struct lost_sa {
	uint64_t job; /* 0: none */
	struct path path;
	struct ike_header header;
};

LIST_HEAD(ike_sas, ike_sa);

struct ike {
	/* settled at creation */
	struct ike_ports ports;
	struct ike_owner owner;
	struct ike_settings settings;
	/* change */
	struct hash by_spi;    /* our SPI */
	struct hash by_handle; /* every IKE SA */
	struct hash by_init;   /* as Responder: SPI and source of IKE_SA_INIT */
	struct hash by_job;    /* those that wait for a job */
	struct hash by_token_job; /* those that wait for their token */
	/* Buckets of lists that let go of one in the middle at once: many IKE SAs may have the same
	 * address, or the same identities (peers.h). */
	struct ike_sas by_address[IKE_PEER_BUCKETS];
	struct ike_sas by_names[IKE_PEER_BUCKETS];
	struct heap deadlines;
	struct profiles profiles;
	struct ike_sa *ended; /* freed at the end of the event */
	ike_handle last_handle;
	uint64_t last_job;
	struct half_opens half_opens;
	struct gate gate;
	struct joins joins;
	bool is_shutting_down;
	struct rate unprotected;
	struct once told_of_esp; /* who sent under an SPI we do not know, and was told */
	struct once told_of_ike;
	struct lost_sa lost[IKE_LOST_MAX];
	uint64_t dropped[IKE_DROP_COUNT];
	uint8_t plain[IKE_MESSAGE_MAX]; /* what SK held, while one datagram is handled */
};

void ike_drop(struct ike *ike, enum ike_drop drop);
/* May an answer without protection leave now? */
bool ike_may_answer_unprotected(struct ike *ike, struct instant now);
uint8_t ike_random_octet(struct ike *ike);

struct ike_sa *ike_find_spi(const struct ike *ike, uint64_t own_spi);
struct ike_sa *ike_find_handle(const struct ike *ike, ike_handle handle);

/* Another IKE SA than that of the event was touched: it gets its next deadline. */
void ike_settle(struct ike_sa *sa);
/* Every event ends here: `sa` (may be NULL) gets its next deadline, what ended is freed. */
void ike_end_event(struct ike *ike, struct ike_sa *sa);
