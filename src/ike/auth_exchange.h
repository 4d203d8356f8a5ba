#pragma once
/*
 * The IKE_AUTH exchange (RFC 7296 sections 1.2, 2.15 and 2.21.2).
 *
 *   I -> R   SK{ IDi [N(INITIAL_CONTACT)] [IDr] AUTH SAi2 TSi TSr }
 *   R -> I   SK{ IDr AUTH SAr2 TSi TSr }          or an error in place of SA and TS
 *
 * Both sides' AUTH is made and checked by jobs, so the exchange is a chain of events:
 *
 *   Initiator  start -> (job) -> request ... response -> (keys) -> (job) -> up
 *   Responder  request -> (owner) -> (job: check) -> (job: make) -> up, response
 */
#include "crypto/x509.h"
#include "ike/ike_sa.h"

/* Backstop for an owner or a job that never answers; both have shorter limits of their own. */
#define AUTH_WAIT_MAX SECONDS(30)

/* Payloads of one of our messages before sealing, certificates among them. */
enum { AUTH_INNER_MAX = INNER_MAX + X509_CHAIN_LEN_MAX + 1024 };

/* Initiator, after IKE_SA_INIT: has our AUTH made. */
void auth_start(struct ike_sa *sa, struct instant now);
void auth_on_response(struct ike_sa *sa, const struct payloads *p, struct instant now);
/* The response was well sealed but is no IKE_AUTH response (ERR-8). */
void auth_on_bad_response(struct ike_sa *sa, struct instant now);
void auth_on_keys(struct ike_sa *sa, const struct pubkey *keys, size_t count, struct instant now);

/* Responder. */
void auth_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now);
void auth_on_permission(struct ike_sa *sa, const struct ike_permission *permission,
                        struct instant now);
/* Answers with the error; the IKE SA is not created (ERR-6, ERR-7). */
void auth_refuse(struct ike_sa *sa, uint16_t notify, struct bytes data, enum ike_reason reason,
                 struct instant now);

/* A job this exchange waited for has ended. */
void auth_on_job(struct ike_sa *sa, struct bytes result, struct instant now);
/* Which one, in the order of the chains above. */
void auth_on_request_made(struct ike_sa *sa, struct bytes proof, struct instant now);
void auth_on_response_checked(struct ike_sa *sa, struct bytes result, struct instant now);
void auth_on_request_checked(struct ike_sa *sa, struct bytes result, struct instant now);
void auth_on_response_made(struct ike_sa *sa, struct bytes proof, struct instant now);
