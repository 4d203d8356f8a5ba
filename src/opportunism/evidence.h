#pragma once
/*
 * What a verdict rests on, for whoever asks why (promise 6): the questions that were asked with
 * what the DNS said, and the gateways that were tried, in order, with what each said.
 *
 * One log a flow: two pointers in the flow, an entry of some 100 octets each for a stranger's two
 * questions. At EVIDENCE_OCTETS_MAX the oldest questions go first, then the oldest gateways, and
 * `is_cut` says so.
 */
#include <sys/queue.h>

#include "crypto/pubkey.h"
#include "opportunism/limits.h"
#include "opportunism/records.h"

struct gateway;
struct key_search;
struct claim;

/* One question to the DNS. */
struct evidence_question {
	STAILQ_ENTRY(evidence_question) next;
	struct instant asked;
	struct instant answered; /* INSTANT_NEVER: not yet */
	uint32_t ttl_s;
	enum dns_type type;
	bool is_proven;     /* `trust` means something: the DNS did answer */
	uint8_t trust;      /* enum dns_trust */
	const char *status; /* "found", "NXDOMAIN", "no answer"; static */
	char *records;      /* what was found, in short, or NULL */
	char name[];        /* asked about */
};

/* One gateway that was tried. */
struct evidence_gateway {
	STAILQ_ENTRY(evidence_gateway) next;
	struct instant tried;
	struct instant at;  /* of the result; INSTANT_NEVER: none yet */
	const char *result; /* static; NULL: being tried */
	struct ip address;  /* IP_NONE while only its name is known */
	char name[];        /* of IPSECKEY gateway type 3, else empty */
};

struct evidence_log {
	STAILQ_HEAD(, evidence_question) questions;
	STAILQ_HEAD(, evidence_gateway) gateways;
	uint32_t octets;
	bool is_cut;
};

void evidence_init(struct evidence_log *log);
void evidence_wipe(struct evidence_log *log);
/* Of all that `from` has; it is empty afterwards. */
void evidence_move(struct evidence_log *log, struct evidence_log *from);

void evidence_asked(struct evidence_log *log, const char *name, enum dns_type type,
                    struct instant now);
/* The answer to a question of before, as it was read. */
void evidence_answered(struct evidence_log *log, enum dns_type type, const char *name,
                       const struct record_set *set, struct instant now);
/* A or AAAA. */
void evidence_address(struct evidence_log *log, enum dns_type type, const char *name,
                      const struct dns_answer *answer, struct instant now);
/* Nobody waits for the answers that are not there: "no answer", "not waited for". */
void evidence_unanswered(struct evidence_log *log, const char *status, struct instant now);
/* A whole search for keys: asked at its beginning, and all it found. */
void evidence_search(struct evidence_log *log, const struct key_search *search,
                     struct instant asked, struct instant now);
/* What a claim of the peer was weighed by. */
void evidence_claim(struct evidence_log *log, const struct claim *claim, struct instant now);

void evidence_tried(struct evidence_log *log, const struct gateway *gateway, struct instant now);
/* Not waited for any more, if it has said nothing yet. */
void evidence_left(struct evidence_log *log, const struct gateway *gateway, struct instant now);
void evidence_said(struct evidence_log *log, const struct gateway *gateway, const char *result,
                   struct instant now);

/* "RSA 3072 bits AwEAAdk3jf8sKq0x": enough to find it in a zone. */
struct evidence_key {
	char s[48];
};
struct evidence_key evidence_key(const struct pubkey *key);
const char *evidence_type(enum dns_type type);
