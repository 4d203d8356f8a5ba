#pragma once
/*
 * Cookies of the Responder (RFC 7296 section 2.6): proof that an Initiator receives what is sent to
 * its address, before anything is kept for it.
 *
 * A cookie is the version of a secret and a MAC under it of what the request says and where it came
 * from; nothing of a request is remembered. The owner brings a new secret every minute; the one
 * before it is accepted too, so a cookie lives for one to two minutes.
 */
#include "util/address.h"
#include "util/secret.h"
#include "util/time.h"

enum { COOKIE_LEN = 17, COOKIE_SECRET_LEN = 32 };

struct cookies {
	uint8_t secrets[2][COOKIE_SECRET_LEN]; /* by the lowest bit of their version */
	bool is_set[2];
	uint8_t version;
	struct instant since;
};

/* What a cookie vouches for. */
struct cookie_facts {
	struct bytes nonce; /* Ni */
	struct endpoint source;
	uint64_t spi_i;
};

/* Is a new secret due? Call before every use of the others. */
bool cookies_want_secret(const struct cookies *cookies, struct instant now);
void cookies_turn(struct cookies *cookies, const uint8_t secret[COOKIE_SECRET_LEN],
                  struct instant now);
void cookies_wipe(struct cookies *cookies);

/* False: the crypto library refused. */
MUST_USE bool cookie_make(const struct cookies *cookies, const struct cookie_facts *facts,
                          uint8_t out[COOKIE_LEN]);
/* Time does not depend on where a wrong one differs. */
MUST_USE bool cookie_is_good(const struct cookies *cookies, const struct cookie_facts *facts,
                             struct bytes cookie);
