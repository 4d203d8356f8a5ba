#pragma once
/* Host keys as ipsec.secrets has them, and the public keys that go with them. */
#include "config/secrets.h"

struct hostkey {
	struct pubkey key;
	bool is_next;
};

/*
 * The public half of an entry. False: it is no host key (`error` is empty then), or it is damaged:
 * the private half does not fit the public one, or the file holds a key of another type.
 */
MUST_USE bool hostkey_of_entry(const struct secret_entry *entry, struct hostkey *out, char *error,
                               size_t size);

enum { HOSTKEYS_MAX = 16 };
/* All host keys, in order. False: `error` says which is damaged. */
MUST_USE bool hostkeys_of_secrets(const struct secrets *secrets, struct hostkey out[HOSTKEYS_MAX],
                                  size_t *count, char *error, size_t size);
/* As after --type and in JSON: "rsa", "ed25519", "ecdsa". */
const char *hostkey_type_word(enum pubkey_type type);
/* Any curve stands for ECDSA. */
bool hostkey_is_of_type(const struct pubkey *key, enum pubkey_type type);
/* Bits of the modulus, or of the curve. */
unsigned hostkey_bits(const struct pubkey *key);
