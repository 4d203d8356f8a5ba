#include "crypto/kem_bed.h"

enum { PUBLIC_LEN = 1184, CIPHERTEXT_LEN = 1088 };

static bool make_public(struct bytes seed, uint8_t *out)
{
	for (size_t i = 0; i < PUBLIC_LEN; i++)
		out[i] = (uint8_t)(seed.data[i % seed.len] + i);
	return true;
}

static bool encapsulate(struct bytes public_key, struct bytes coins, uint8_t *ciphertext,
                        struct secret *shared)
{
	if (public_key.len != PUBLIC_LEN)
		return false;
	for (size_t i = 0; i < CIPHERTEXT_LEN; i++)
		ciphertext[i] = (uint8_t)(coins.data[i % coins.len] ^ public_key.data[i % 32]);
	*shared = secret_copy(coins);
	return true;
}

static bool decapsulate(struct bytes seed, struct bytes ciphertext, struct secret *shared)
{
	uint8_t public_key[PUBLIC_LEN];

	if (ciphertext.len != CIPHERTEXT_LEN || !make_public(seed, public_key))
		return false;
	*shared = secret_new(KEM_SHARED_LEN);
	for (size_t i = 0; i < KEM_SHARED_LEN; i++)
		shared->data[i] = ciphertext.data[i] ^ public_key[i];
	return true;
}

static const struct kem bed = {
	.id = KEX_ML_KEM_768,
	.name = "for tests",
	.public_len = PUBLIC_LEN,
	.ciphertext_len = CIPHERTEXT_LEN,
	.make_public = make_public,
	.encapsulate = encapsulate,
	.decapsulate = decapsulate,
};

const struct kem *kem_bed(void)
{
	return &bed;
}
