#include "util/test.h"
#include "crypto/pkey.h"
#include "util/vectors.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

static struct pubkey ecdsa_of_vector(void)
{
	json_t *root = vectors_load("auth");
	const json_t *v;
	struct pubkey key = { 0 };
	size_t i;

	json_array_foreach(vector_member(root, "signatures"), i, v)
	{
		CLEANUP(buf_free) struct buf point = { 0 };

		if (strcmp(vector_string(v, "id"), "ds-ecdsa-sha256") != 0)
			continue;
		point = vector_octets(v, "public_key");
		assert_true(pubkey_from_ecdsa(BYTES(point.data + 1, point.len - 1), &key));
	}
	json_decref(root);
	assert_int_equal(key.type, PUBKEY_ECDSA_P256);
	return key;
}

static struct pubkey made(const char *type, const char *curve, unsigned bits)
{
	EVP_PKEY *pkey = curve != NULL ? EVP_EC_gen(curve)
	                 : bits != 0   ? EVP_RSA_gen(bits)
	                               : EVP_PKEY_Q_keygen(NULL, NULL, type);
	struct pubkey key;

	assert_non_null(pkey);
	assert_true(pkey_public(pkey, &key));
	EVP_PKEY_free(pkey);
	return key;
}

/* AUT-12, RFC 7670 */
static void reads_back_the_subject_public_key_info_it_wrote(void **state)
{
	const struct pubkey keys[] = {
		ecdsa_of_vector(),      made("EC", "P-256", 0),  made("EC", "P-384", 0),
		made("EC", "P-521", 0), made("RSA", NULL, 2048), made("ED25519", NULL, 0),
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		uint8_t der[SPKI_LEN_MAX];
		struct writer w = writer_on(der, sizeof(der));
		struct pubkey again;

		assert_true(spki_write(&keys[i], &w));
		assert_true(spki_parse(writer_view(&w), &again));
		assert_true(pubkey_equal(&keys[i], &again));
		assert_false(spki_parse(BYTES(der, w.len - 1), &again));
		write_u8(&w, 0);
		assert_false(spki_parse(writer_view(&w), &again)); /* something behind it */
	}
}

static void refuses_keys_of_other_kinds_and_sizes(void **state)
{
	EVP_PKEY *keys[] = {
		EVP_RSA_gen(1024),
		EVP_EC_gen("secp256k1"), /* as long as P-256 */
		EVP_EC_gen("P-224"),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED448"),
		EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct pubkey key;

		assert_non_null(keys[i]);
		assert_false(pkey_public(keys[i], &key));
		EVP_PKEY_free(keys[i]);
	}
}

static void a_point_beside_the_curve_is_no_key(void **state)
{
	struct pubkey key = ecdsa_of_vector();
	EVP_PKEY *pkey = pkey_of_public(&key);

	assert_non_null(pkey);
	EVP_PKEY_free(pkey);
	key.octets[63] ^= 1;
	assert_null(pkey_of_public(&key));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back_the_subject_public_key_info_it_wrote),
		cmocka_unit_test(refuses_keys_of_other_kinds_and_sizes),
		cmocka_unit_test(a_point_beside_the_curve_is_no_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
