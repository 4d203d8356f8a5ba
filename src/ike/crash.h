#pragma once
/*
 * Quick crash detection (RFC 6290), both roles.
 *
 * Each side gives the other a token when the IKE SA comes up: a MAC of the two SPIs under a secret
 * that outlives a crash and that only the signer has. Who lost the SA and is asked for it answers
 * with that token, which nobody else can know, and so the other may believe it at once.
 *
 *      maker   token job --> N(QUICK_CRASH_DETECTION) in IKE_AUTH; in an INFORMATIONAL of its own
 *                            if the job comes later, or after a rekey
 *      taker   keeps it; an unprotected N(INVALID_IKE_SPI) with it ends the IKE SA
 */
#include "ike/ike_sa.h"

enum { CRASH_TOKEN_LEN = 32, CRASH_TOKEN_MIN = 16, CRASH_TOKEN_MAX = 128 };

/* Has our token for the SPIs of `sa` made. Call it once both are known. */
void crash_start_token(struct ike_sa *sa);
/* A job is done. False: it was none of ours. */
MUST_USE bool crash_on_job(struct ike *ike, uint64_t job_id, struct bytes result,
                           struct instant now);
/* Adds our token, if it is there by now. */
void crash_add_token(struct ike_sa *sa, struct message_writer *m);
/* Keeps the peer's token, if one is in it. */
void crash_keep_token(struct ike_sa *sa, const struct payloads *p);

/* Somebody says that the peer lost this IKE SA. True: the token proves it. */
MUST_USE bool crash_is_proven(const struct ike_sa *sa, const struct payloads *p);

/*
 * A request came for an IKE SA that is not there, and may be answered: with our token for its SPIs,
 * unless an IKE SA of ours has one of them (RFC 6290 section 9: the token of one that lives must
 * not be revealed), or without. At most 32 wait for their token; then it is said without.
 */
void crash_answer(struct ike *ike, const struct path *path, const struct ike_header *header);

/* For jobs of IKE SAs that end. */
void crash_stop(struct ike_sa *sa);
