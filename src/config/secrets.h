#pragma once
/*
 * ipsec.secrets: RSA keys in FreeS/WAN's inline form or in PEM files, Ed25519 and ECDSA keys in PEM
 * files, shared secrets with the identities they are for.
 *
 *      : RSA { Modulus: 0x...  PublicExponent: 0x03  PrivateExponent: 0x...  Prime1: ... }
 *      : RSA west.pem          : ED25519 west-ed.pem         (next: `: RSA-NEXT`, `: ED25519-NEXT`)
 *      : ECDSA west-ec.pem     : ECDSA-NEXT west-ec2.pem
 *      192.0.2.1 @east.example.net : PSK "secret", or 0x..., or 0s...
 *      192.0.2.1 @east.example.net : PPK "its name" "secret", or 0x..., or 0s...
 *      include FILE
 *
 * An entry begins in the first column and goes on in indented lines, an inline key up to its `}`.
 * A PEM file's name without a slash is looked for in ipsec.d/private beside ipsec.secrets, then
 * beside ipsec.secrets; any other name is relative to the file that names it.
 *
 * Messages never quote a value: it may be a secret.
 */
#include "config/conf.h"
#include "util/secret.h"

enum secret_kind {
	SECRET_RSA_INLINE,
	SECRET_RSA_FILE,
	SECRET_ED25519_FILE,
	SECRET_ECDSA_FILE,
	SECRET_PSK,
	SECRET_PPK
};

/* More are errors that say so. */
enum { SECRET_IDS_MAX = 8, SECRETS_MAX = 4096, PSK_LEN_MAX = 1024, PPK_ID_MAX = 128 };

/* The numbers of an inline RSA key, big-endian, no leading zeros. */
struct rsa_numbers {
	struct secret modulus, public_exponent, private_exponent;
	struct secret prime1, prime2, exponent1, exponent2, coefficient;
};

struct secret_entry {
	enum secret_kind kind;
	bool is_next;                       /* published now, used later (newhostkey --next) */
	struct conf_id ids[SECRET_IDS_MAX]; /* %any leaves none */
	size_t id_count;
	struct rsa_numbers rsa; /* SECRET_RSA_INLINE: all of them, or the entry is refused */
	char *file;             /* the name as written, of a PEM file */
	struct secret pem;      /* contents of that file */
	struct secret psk;      /* PSK, PPK */
	char *ppk_id;           /* PPK: the name both ends call it by (RFC 8784 section 3) */
	unsigned line;
};

struct secrets {
	struct secret_entry *entries;
	size_t count;
};

/*
 * PEM files and `include` lines are fetched with `reader`. False if there was an error; `out` is
 * then empty. Both are wiped by the caller.
 */
MUST_USE bool secrets_parse(struct secrets *out, const char *file, struct bytes text,
                            const struct conf_reader *reader, struct conf_messages *messages);
void secrets_wipe(struct secrets *secrets);
/*
 * The shared secret for these two identities: the entry that names both, then one that names the
 * peer alone, then this gateway alone, then nobody. The first of equals. -1 if there is none, else
 * an index into entries.
 */
long secrets_find_psk(const struct secrets *secrets, const struct conf_id *ours,
                      const struct conf_id *theirs);
/* The post-quantum secret for them, in the same way; of that name unless `name` is NULL. */
long secrets_find_ppk(const struct secrets *secrets, const struct conf_id *ours,
                      const struct conf_id *theirs, const char *name);
