#include "signer/keyring.h"

#include <stdlib.h>

#include "crypto/pkey.h"
#include "signer/private.h"

/* A key, or a shared secret. */
struct secret_item {
	EVP_PKEY *pkey; /* NULL for a shared secret */
	struct pubkey public;
	struct secret psk;
	bool is_ppk; /* `psk` is one of RFC 8784, and good for nothing else */
	uint32_t since; /* the number of the first set that has had it in this place till now */
};

struct secret_set {
	struct secret_item *items;
	uint32_t count;
	uint32_t bad; /* the first unusable one, or SIGNER_BAD_NONE */
	uint32_t number;
};

struct keyring {
	struct secret_set in_use;
	struct secret_set made;
};

static void set_wipe(struct secret_set *set)
{
	for (uint32_t i = 0; i < set->count; i++) {
		EVP_PKEY_free(set->items[i].pkey); /* the library wipes private numbers */
		secret_free(&set->items[i].psk);
	}
	free(set->items);
	*set = (struct secret_set){ .bad = SIGNER_BAD_NONE };
}

struct keyring *keyring_new(void)
{
	struct keyring *keyring = new_zeroed(sizeof(*keyring));

	set_wipe(&keyring->in_use);
	set_wipe(&keyring->made);
	return keyring;
}

void keyring_free(struct keyring *keyring)
{
	if (keyring == NULL)
		return;
	set_wipe(&keyring->in_use);
	set_wipe(&keyring->made);
	free(keyring);
}

static enum signature_id probe_signature(enum pubkey_type type)
{
	if (pubkey_is_ecdsa(type))
		return SIGNATURE_ECDSA_SHA2_256;
	return type == PUBKEY_RSA ? SIGNATURE_RSA_PKCS1_SHA2_256 : SIGNATURE_ED25519;
}

/* A key whose halves do not fit would fail with every peer and look like their fault. */
static bool key_works(struct secret_item *item)
{
	struct bytes probe = BYTES_STR("do the halves of this key fit?");
	CLEANUP(buf_free) struct buf signature = { 0 };
	enum signature_id id;

	if (!pkey_public(item->pkey, &item->public))
		return false;
	id = probe_signature(item->public.type);
	signature = private_sign(item->pkey, id, probe);
	return pubkey_verify(&item->public, id, probe, buf_view(&signature));
}

static bool item_load(struct secret_item *item, enum signer_secret_kind kind,
                      const struct bytes *parts)
{
	switch (kind) {
	case SIGNER_SECRET_RSA_NUMBERS:
		item->pkey = private_from_numbers(parts);
		break;
	case SIGNER_SECRET_RSA_PEM:
		item->pkey = private_from_pem(parts[0], EVP_PKEY_RSA);
		break;
	case SIGNER_SECRET_ED25519_PEM:
		item->pkey = private_from_pem(parts[0], EVP_PKEY_ED25519);
		break;
	case SIGNER_SECRET_ECDSA_PEM:
		item->pkey = private_from_pem(parts[0], EVP_PKEY_EC);
		break;
	case SIGNER_SECRET_PSK:
	case SIGNER_SECRET_PPK:
		item->psk = secret_copy(parts[0]);
		item->is_ppk = kind == SIGNER_SECRET_PPK;
		return parts[0].len > 0;
	}
	return item->pkey != NULL && key_works(item);
}

void keyring_add(struct keyring *keyring, enum signer_secret_kind kind, const struct bytes *parts)
{
	struct secret_set *set = &keyring->made;
	bool has_room = set->count < SIGNER_SECRETS_MAX;

	if (!has_room && set->bad == SIGNER_BAD_NONE)
		set->bad = set->count;
	if (set->bad != SIGNER_BAD_NONE)
		return; /* this set is lost already */
	set->items = grow_array(set->items, set->count + 1, sizeof(*set->items));
	set->items[set->count] = (struct secret_item){ 0 };
	if (!item_load(&set->items[set->count], kind, parts))
		set->bad = set->count;
	set->count++;
}

static bool item_equal(const struct secret_item *a, const struct secret_item *b)
{
	if (a->pkey != NULL || b->pkey != NULL)
		return a->pkey != NULL && b->pkey != NULL && pubkey_equal(&a->public, &b->public);
	return a->is_ppk == b->is_ppk && secret_equal(secret_view(&a->psk), secret_view(&b->psk));
}

/* A reload that does not touch a secret does not disturb the handshakes that are at it. */
static void set_number(struct secret_set *set, uint32_t number, const struct secret_set *before)
{
	set->number = number;
	for (uint32_t i = 0; i < set->count; i++) {
		bool stays = i < before->count && item_equal(&set->items[i], &before->items[i]);

		set->items[i].since = stays ? before->items[i].since : number;
	}
}

uint32_t keyring_commit(struct keyring *keyring, uint32_t count, uint32_t number)
{
	uint32_t bad = keyring->made.bad;

	if (bad == SIGNER_BAD_NONE && keyring->made.count != count)
		bad = count;
	if (bad == SIGNER_BAD_NONE) {
		set_number(&keyring->made, number, &keyring->in_use);
		set_wipe(&keyring->in_use);
		keyring->in_use = keyring->made;
		keyring->made = (struct secret_set){ .bad = SIGNER_BAD_NONE };
	}
	set_wipe(&keyring->made);
	return bad;
}

void keyring_drop(struct keyring *keyring)
{
	set_wipe(&keyring->made);
}

size_t keyring_count(const struct keyring *keyring)
{
	return keyring->in_use.count;
}

const struct pubkey *keyring_public(const struct keyring *keyring, size_t index)
{
	const struct secret_set *set = &keyring->in_use;

	if (index >= set->count || set->items[index].pkey == NULL)
		return NULL;
	return &set->items[index].public;
}

/* NULL: what was there in that set is not there now. */
static const struct secret_item *item_at(const struct keyring *keyring, struct keyring_place at)
{
	const struct secret_set *set = &keyring->in_use;

	if (at.index >= set->count || at.set > set->number || at.set < set->items[at.index].since)
		return NULL;
	return &set->items[at.index];
}

struct buf keyring_sign(const struct keyring *keyring, struct keyring_place at,
                        enum signature_id id, struct bytes data)
{
	const struct secret_item *item = item_at(keyring, at);

	if (item == NULL || item->pkey == NULL || !signature_fits(id, item->public.type))
		return (struct buf){ 0 };
	return private_sign(item->pkey, id, data);
}

struct buf keyring_psk_mac(const struct keyring *keyring, struct keyring_place at, enum prf_id id,
                           struct bytes data)
{
	const struct secret_item *item = item_at(keyring, at);
	struct bytes pad = BYTES_STR("Key Pad for IKEv2");
	uint8_t key[PRF_LEN_MAX];
	uint8_t mac[PRF_LEN_MAX];
	struct buf result = { 0 };

	if (item == NULL || item->pkey != NULL || item->is_ppk || prf_len(id) == 0)
		return result;
	if (prf(id, secret_view(&item->psk), &pad, 1, key) &&
	    prf(id, BYTES(key, prf_len(id)), &data, 1, mac))
		result = buf_copy(BYTES(mac, prf_len(id)));
	secret_wipe(key, sizeof(key));
	return result;
}

/* prf+ with as many octets as a key of that kind has is enough of the PPK in each. */
struct buf keyring_ppk(const struct keyring *keyring, struct keyring_place at, enum prf_id id,
                       struct bytes data)
{
	const struct secret_item *item = item_at(keyring, at);
	size_t len = prf_len(id);
	struct buf result = { 0 };

	if (item == NULL || !item->is_ppk || len == 0 || data.len != KEYRING_PPK_KEYS * len)
		return result;
	result = buf_copy(data);
	for (size_t i = 0; i < KEYRING_PPK_KEYS; i++) {
		struct bytes key = BYTES(data.data + i * len, len);

		if (!prf_plus(id, secret_view(&item->psk), &key, 1, result.data + i * len, len)) {
			secret_wipe(result.data, result.len);
			buf_free(&result);
			return result;
		}
	}
	return result;
}
