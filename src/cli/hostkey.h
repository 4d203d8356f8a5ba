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
/* Bits of the modulus; 256 for Ed25519. */
unsigned hostkey_bits(const struct pubkey *key);
