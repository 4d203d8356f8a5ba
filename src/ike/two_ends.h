#pragma once
/*
 * Two IKE endpoints in one process, for tests: datagrams are passed by hand, jobs are done with
 * real keys, the owner's answers come from a small policy.
 *
 *   WEST 192.0.2.1   for 10.1.0.5        EAST 198.51.100.2   for 10.2.0.7
 *
 * What an endpoint sends waits in its out queue until pass(), lose() or repeat() takes it. Owner
 * questions and jobs are answered by settle(), which pass() calls; so a test moves one datagram
 * at a time, each headed by its arrow.
 */
#include "util/test.h"

#include <openssl/evp.h>

#include "ike/ike_sa.h"

enum side { WEST, EAST };
/* Seconds since 1970, for certificates. */
enum { TWO_ENDS_TIME = 1800000000 };
enum { OUT_MAX = 1024, NEWS_MAX = 512, QUESTIONS_MAX = 256, JOBS_MAX = 16 };

static inline enum side peer_of(enum side side)
{
	return side == WEST ? EAST : WEST;
}

enum key_kind { KEY_ED25519, KEY_RSA, KEY_ECDSA };

struct out {
	struct path path;
	struct buf datagram;
};

struct job {
	uint64_t id;
	struct crypto_job job; /* with views into the copies below */
	struct buf data;
	struct buf signature;
	struct pubkey keys[16];
	struct x509_trust *trust;
	struct buf chain, ca, claimed; /* of the job's claim */
};

enum news_kind {
	NEWS_SA_UP,
	NEWS_CHILD_UP,
	NEWS_CHILD_GONE,
	NEWS_CHILD_FAILED,
	NEWS_REFUSED_UNPROVEN,
	NEWS_SA_GONE,
};

/* What the owner was told, in order. */
struct news {
	enum news_kind kind;
	ike_handle sa;
	uint64_t tag;
	enum ike_reason reason;
	bool proven;
	struct child_sa child; /* CHILD_UP; keys are copies */
	struct ike_established up;
	size_t sent_before; /* datagrams sent when it was told */
};

struct question {
	ike_handle sa;
	bool is_child;
	struct ike_claim claim;
};

struct end {
	enum side side;
	struct ike *ike;
	struct ip address;
	struct ip inside;
	EVP_PKEY *key;
	struct pubkey pubkey;
	enum pubkey_type key_type;
	struct ike_self self;
	uint64_t random;
	uint32_t spi;
	struct out out[OUT_MAX];
	size_t out_count;
	size_t sent;
	struct job jobs[JOBS_MAX];
	size_t job_count;
	struct question questions[QUESTIONS_MAX];
	size_t question_count;
	struct news news[NEWS_MAX];
	size_t news_count;
	/* policy */
	enum ike_verdict verdict;
	enum ike_verdict child_verdict;
	struct pubkey trusted; /* what it believes to be the other end's key */
	const char *psk[2];
	const char *ppk;        /* NULL: it has none */
	struct ike_certs certs; /* unless empty: what it wants of the other end instead of a key */
	const char *crash_secret; /* NULL: none */
	bool late_tokens;         /* are made after what was asked for later */
	bool holds_answers;       /* questions stay open: settle() leaves them */
	const struct kem *kem;    /* offered and taken after two_ends_reopen(); NULL: none */
	const struct ike_profile *profile;      /* for whoever calls */
	const struct ike_profile *peer_profile; /* for whoever has said who he is */
	bool holds_jobs;
	bool lets_go;       /* no child is wanted any longer than its life */
	bool knows_no_keys; /* the other's keys are not given by initiate() */
	unsigned unrenewed; /* how often a child was said to need another IKE SA */
	unsigned moves;     /* of children, and where the last went */
	struct path moved_to;
	unsigned keepalives; /* and along which path the last went */
	struct path kept_alive;
	struct ike_traffic traffic; /* of all its children */
	struct ip claims;           /* unless IP_NONE: grants this instead of what was asked for */
};

struct two_ends {
	struct end end[2];
	struct instant now;
};

void two_ends_init(struct two_ends *t, enum key_kind kind);
void two_ends_wipe(struct two_ends *t);
/* A new endpoint for that side, whose old one was freed: it remembers nothing. */
void two_ends_reopen(struct two_ends *t, enum side side);
/* A new endpoint that has it, in place of one without SAs. */
void two_ends_give_kem(struct two_ends *t, enum side side, const struct kem *kem);
/* A tunnel for the host pair, made by `side`. */
ike_handle bring_up(struct two_ends *t, enum side side);

/* From `side` to the other, for the host pair; keys of the other end are given at once. */
ike_handle initiate(struct two_ends *t, enum side side);
/* The wish initiate() uses, to be changed by a test. */
struct ike_wish wish_of(struct two_ends *t, enum side side);
ike_handle initiate_wish(struct two_ends *t, enum side side, const struct ike_wish *wish);
struct traffic_selector host_ts(const char *address);

/* Answers questions and does jobs of both until there are none. */
void settle(struct two_ends *t);
/* The first datagram in the out queue of `from` reaches the other end. Fails if there is none or
 * if its exchange is another. */
#define pass(t, from, exchange) pass_at(t, from, exchange, __FILE__, __LINE__)
void pass_at(struct two_ends *t, enum side from, uint8_t exchange, const char *file, int line);
/* It is lost. */
#define lose(t, from) lose_at(t, from, __FILE__, __LINE__)
void lose_at(struct two_ends *t, enum side from, const char *file, int line);
/* The same with all that waits: the pieces of a message. */
#define pass_whole(t, from, exchange) pass_whole_at(t, from, exchange, __FILE__, __LINE__)
void pass_whole_at(struct two_ends *t, enum side from, uint8_t exchange, const char *file,
                   int line);
#define lose_whole(t, from) lose_whole_at(t, from, __FILE__, __LINE__)
void lose_whole_at(struct two_ends *t, enum side from, const char *file, int line);
/* It reaches the other end and stays in the queue too. */
void repeat(struct two_ends *t, enum side from);
/* Octets out of nowhere. */
void inject(struct two_ends *t, enum side to, const struct path *path, struct bytes datagram);
/* Path of what arrives at `to`, between the ports for `exchange`. */
struct path path_to(const struct two_ends *t, enum side to, uint8_t exchange);
/* The one IKE SA of an end; fails if there is another number of them. */
struct ike_sa *only_sa(const struct two_ends *t, enum side side);
/* The one that its owner knows and that is up, among those that a rekey leaves for a while. */
struct ike_sa *live_sa(const struct two_ends *t, enum side side);
/* A message sealed with the keys of that IKE SA, as its peer would take it; not sent. */
struct buf seal_as(struct ike_sa *sa, uint8_t exchange, uint8_t flags, uint32_t message_id,
                   uint8_t first, struct bytes inner);
/* The first datagram in the queue. */
struct out *first_out(struct two_ends *t, enum side from);
/* What it says to that IKE SA of the peer. */
struct opened {
	struct ike_header header;
	uint8_t first;
	uint8_t plain[4096];
	struct bytes text;
	struct payloads p; /* of that text */
};
void open_first(struct two_ends *t, enum side from, struct ike_sa *to, struct opened *o);
/* The type of the first Notify in it, to the live one; 0: none. */
uint16_t first_notify(struct two_ends *t, enum side from);
/* Everything reaches the other end until nothing is left. */
void pass_all(struct two_ends *t);
/* Time goes by; deadlines fire, datagrams wait in the queues. */
void wait_ms(struct two_ends *t, int64_t ms);
/* The same, and whatever is sent arrives. */
void live_ms(struct two_ends *t, int64_t ms);

size_t count_news(const struct end *end, enum news_kind kind);
/* The last of that kind; fails if there is none. */
const struct news *last_news(const struct end *end, enum news_kind kind);
void forget_news(struct two_ends *t);

/* `count` children at both ends that fit each other: SPIs, keys, selectors. */
#define expect_tunnels(t, count) expect_tunnels_at(t, count, __FILE__, __LINE__)
void expect_tunnels_at(struct two_ends *t, size_t count, const char *file, int line);
/* No IKE SA, listed or not, and no message outstanding, at either end, after a long time. */
#define expect_nothing_left(t) expect_nothing_left_at(t, __FILE__, __LINE__)
void expect_nothing_left_at(struct two_ends *t, const char *file, int line);
