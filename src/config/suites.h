#pragma once
/*
 * ike= and esp=: which algorithms, as FreeS/WAN's successors write them.
 *
 *   aes256gcm16-sha256-x25519,aes256-sha256-modp2048
 *
 * A comma ends a proposal; - ; + stand between its words, whose order within a kind is that of
 * preference. In ike= a hash is the PRF, and beside a cipher without integrity of its own that
 * too; prfsha384 is a PRF only. What a proposal does not say is left to our defaults.
 */
#include "util/bytes.h"
#include "util/text.h"

enum suites_use { SUITES_IKE, SUITES_ESP };

enum { SUITES_MAX = 8, SUITE_TRANSFORMS_MAX = 24 };

/* Numbers of the IANA registry. */
struct suite_transform {
	uint8_t type;
	uint16_t id;
	uint16_t key_bits;
};

struct suite_words {
	size_t count;
	struct suite_transform transforms[SUITE_TRANSFORMS_MAX];
};

struct suites {
	size_t count;
	struct suite_words list[SUITES_MAX];
};

/*
 * Each proposal of `out` is complete and could be offered as it is, but for the key exchange of
 * esp=, which may be missing. False: `why` says which word is wrong and what to write; `out` is
 * untouched.
 */
MUST_USE bool suites_parse(const char *value, enum suites_use use, struct suites *out,
                           struct text *why);
