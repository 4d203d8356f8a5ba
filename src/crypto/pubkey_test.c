#include "util/test.h"
#include "crypto/pubkey.h"
#include "util/vectors.h"

static struct pubkey rsa_of(const json_t *v)
{
	CLEANUP(buf_free) struct buf n = vector_octets(v, "n");
	static const uint8_t e[] = { 1, 0, 1 };
	struct pubkey key;

	assert_string_equal(vector_string(v, "e"), "10001");
	assert_true(pubkey_from_rsa(buf_view(&n), BYTES_OF(e), &key));
	return key;
}

static struct pubkey key_of(const json_t *root, const json_t *v, enum signature_id id)
{
	CLEANUP(buf_free) struct buf octets = { 0 };
	struct pubkey key = { 0 };

	if (signature_is_rsa(id))
		return rsa_of(vector_member(root, "rsa_public"));
	octets = vector_octets(v, "public_key");
	if (signature_fits(id, PUBKEY_ED25519))
		assert_true(pubkey_from_ed25519(buf_view(&octets), &key));
	else /* 04, x, y */
		assert_true(pubkey_from_ecdsa(BYTES(octets.data + 1, octets.len - 1), &key));
	return key;
}

/* length(1) AlgorithmIdentifier signature: RFC 7427 section 3. */
static void check_signature(const json_t *root, const json_t *v, const struct pubkey *key,
                            enum signature_id id, struct bytes signature)
{
	CLEANUP(buf_free) struct buf data = vector_octets(root, "signed_octets_i");
	CLEANUP(buf_free) struct buf changed = buf_copy(signature);

	assert_true(pubkey_verify(key, id, buf_view(&data), signature));
	data.data[3] ^= 1;
	assert_false(pubkey_verify(key, id, buf_view(&data), signature));
	data.data[3] ^= 1;
	for (size_t i = 0; i < changed.len; i += changed.len / 16) {
		changed.data[i] ^= 4;
		assert_false(pubkey_verify(key, id, buf_view(&data), buf_view(&changed)));
		changed.data[i] ^= 4;
	}
	assert_false(
	    pubkey_verify(key, id, buf_view(&data), BYTES(signature.data, signature.len - 1)));
	assert_false(pubkey_verify(key, id, buf_view(&data), BYTES(NULL, 0)));
	for (int other = SIGNATURE_NONE; other <= SIGNATURE_ECDSA_SHA2_512; other++) {
		if (other != (int)id)
			assert_false(pubkey_verify(key, (enum signature_id)other, buf_view(&data),
			                           signature));
	}
}

/* DS-4, DS-7 */
static void accepts_each_signature_under_its_own_algorithm_only(void **state)
{
	json_t *root = vectors_load("auth");
	unsigned checked = 0;
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "signatures"), i, v)
	{
		CLEANUP(buf_free) struct buf auth = vector_octets(v, "auth_data");
		struct reader r = reader_of(buf_view(&auth));
		enum signature_id id = signature_algorithm_parse(read_bytes(&r, read_u8(&r)));
		struct pubkey key;

		if (id == SIGNATURE_NONE) {
			assert_int_equal(vector_number(v, "method"), 9);
			continue;
		}
		key = key_of(root, v, id);
		check_signature(root, v, &key, id, read_rest(&r));
		checked++;
	}
	assert_int_equal(checked, 5);
	json_decref(root);
}

/* DS-3, DS-4, DS-5 */
static void knows_the_algorithm_identifiers_octet_by_octet(void **state)
{
	static const struct {
		const char *name;
		enum signature_id id;
		bool is_written;
	} cases[] = {
		{ "rsa_pkcs1_sha256", SIGNATURE_RSA_PKCS1_SHA2_256, true },
		{ "rsa_pkcs1_sha384", SIGNATURE_RSA_PKCS1_SHA2_384, true },
		{ "rsa_pkcs1_sha512", SIGNATURE_RSA_PKCS1_SHA2_512, true },
		{ "rsassa_pss_sha256", SIGNATURE_RSA_PSS_SHA2_256, true },
		{ "rsassa_pss_sha384", SIGNATURE_RSA_PSS_SHA2_384, true },
		{ "rsassa_pss_sha512", SIGNATURE_RSA_PSS_SHA2_512, true },
		{ "ed25519", SIGNATURE_ED25519, true },
		{ "accept_rsassa_pss_sha256_with_explicit_trailer_field",
		  SIGNATURE_RSA_PSS_SHA2_256, false },
		{ "reject_rsa_pkcs1_sha1", SIGNATURE_NONE, false },
		{ "reject_ecdsa_sha1", SIGNATURE_NONE, false },
		{ "reject_rsassa_pss_empty_parameters", SIGNATURE_NONE, false },
		{ "ed448", SIGNATURE_NONE, false },
		{ "ecdsa_sha256", SIGNATURE_ECDSA_SHA2_256, true },
		{ "ecdsa_sha384", SIGNATURE_ECDSA_SHA2_384, true },
		{ "ecdsa_sha512", SIGNATURE_ECDSA_SHA2_512, true },
	};
	json_t *root = vectors_load("asn1_blobs");
	const json_t *blobs = vector_member(root, "blobs");

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf der = vector_octets(blobs, cases[i].name);

		assert_int_equal(signature_algorithm_parse(buf_view(&der)), cases[i].id);
		assert_int_equal(signature_algorithm_parse(BYTES(der.data, der.len - 1)),
		                 SIGNATURE_NONE);
		if (cases[i].is_written)
			assert_true(
			    bytes_equal(signature_algorithm_write(cases[i].id), buf_view(&der)));
	}
	assert_int_equal(signature_algorithm_parse(BYTES(NULL, 0)), SIGNATURE_NONE);
	assert_int_equal(signature_algorithm_write(SIGNATURE_NONE).len, 0);
	json_decref(root);
}

static void names_key_and_hash_of_each_algorithm(void **state)
{
	assert_true(signature_fits(SIGNATURE_RSA_PSS_SHA2_384, PUBKEY_RSA));
	assert_false(signature_fits(SIGNATURE_RSA_PSS_SHA2_384, PUBKEY_ECDSA_P256));
	assert_int_equal(signature_hash(SIGNATURE_RSA_PSS_SHA2_384), HASH_SHA2_384);
	assert_int_equal(signature_hash(SIGNATURE_RSA_PKCS1_SHA2_512), HASH_SHA2_512);
	assert_true(signature_fits(SIGNATURE_ED25519, PUBKEY_ED25519));
	assert_true(signature_fits(SIGNATURE_ECDSA_SHA2_512, PUBKEY_ECDSA_P256));
	assert_false(signature_fits(SIGNATURE_ECDSA_SHA2_512, PUBKEY_ED25519));
	assert_int_equal(signature_hash(SIGNATURE_ECDSA_SHA2_384), HASH_SHA2_384);
	assert_int_equal(signature_hash(SIGNATURE_ED25519), HASH_IDENTITY);
	assert_false(signature_fits(SIGNATURE_NONE, PUBKEY_NONE));
}

/* RSA-1 */
static void reads_the_rsa_key_as_rfc_3110_has_it(void **state)
{
	json_t *root = vectors_load("dns");
	const json_t *v = vector_member(root, "rsa_key_rfc3110");
	CLEANUP(buf_free) struct buf octets = vector_octets(v, "octets");
	CLEANUP(buf_free)
	struct buf longer = { .data = new_array(octets.len + 2, 1), .len = octets.len + 2 };
	struct pubkey numbers = rsa_of(v);
	struct pubkey key;

	assert_true(pubkey_from_rfc3110(buf_view(&octets), &key));
	assert_true(pubkey_equal(&key, &numbers));
	assert_true(bytes_equal(pubkey_octets(&key), buf_view(&octets)));
	assert_string_equal(pubkey_text(&key).s, "RSA 2048 bits");
	/* The same key with the long length form is the same key. */
	longer.data[2] = 3;
	memcpy(longer.data + 3, octets.data + 1, octets.len - 1);
	assert_true(pubkey_from_rfc3110(buf_view(&longer), &key));
	assert_true(pubkey_equal(&key, &numbers));
	json_decref(root);
}

/* An RFC 3110 key with an exponent of `exponent_len` octets and a modulus of `modulus_len`. */
static struct buf made_key(const char *exponent_hex, size_t modulus_len, uint8_t first,
                           uint8_t last)
{
	CLEANUP(buf_free) struct buf exponent = vector_octets_of(exponent_hex);
	struct buf key = { .data = new_array(4 + exponent.len + modulus_len, 1) };

	key.data[0] = (uint8_t)exponent.len;
	key.len = 1 + exponent.len + modulus_len;
	memcpy(key.data + 1, exponent.data, exponent.len);
	if (modulus_len > 0) {
		memset(key.data + 1 + exponent.len, 0x55, modulus_len);
		key.data[1 + exponent.len] = first;
		key.data[key.len - 1] = last;
	}
	return key;
}

/* DS-8, RSA-1 */
static void refuses_rsa_keys_that_nobody_should_have(void **state)
{
	static const struct {
		const char *exponent;
		size_t modulus_len;
		uint8_t first, last;
		bool ok;
	} cases[] = {
		{ "03", 256, 0x80, 1, true },
		{ "010001", 256, 0xff, 0xff, true },
		{ "010001", 1024, 0xff, 0xff, true },
		{ "ffffffffffffffff", 384, 0xc1, 1, true },
		{ "01ffffffffffffffff", 384, 0xc1, 1, false }, /* more than 64 bits */
		{ "01", 256, 0x80, 1, false },
		{ "04", 256, 0x80, 1, false },
		{ "0003", 256, 0x80, 1, false },  /* leading zero */
		{ "03", 257, 0x00, 1, false },    /* leading zero */
		{ "03", 256, 0x7f, 1, false },    /* 2047 bits */
		{ "03", 255, 0xff, 1, false },    /* 2040 bits */
		{ "03", 1025, 0x01, 1, false },   /* 8193 bits */
		{ "03", 256, 0x80, 0x02, false }, /* even */
		{ "03", 0, 0, 0, false },
		{ "", 256, 0x80, 1, false },
	};
	struct pubkey key = { .len = 77 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free)
		struct buf octets = made_key(cases[i].exponent, cases[i].modulus_len,
		                             cases[i].first, cases[i].last);

		assert_int_equal(pubkey_from_rfc3110(buf_view(&octets), &key), cases[i].ok);
	}
	assert_false(pubkey_from_rfc3110(BYTES(NULL, 0), &key));
	assert_false(pubkey_from_rfc3110(BYTES("\0\x01", 2), &key));
	assert_false(pubkey_from_rfc3110(BYTES("\xff\x01\x01", 3), &key));
}

static void refuses_the_overlong_exponent_of_the_vectors(void **state)
{
	json_t *root = vectors_load("dns");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "rsa_exponent_forms"), i, v)
	{
		CLEANUP(buf_free) struct buf octets = vector_octets(v, "octets");
		struct pubkey key;

		/* The first is well formed but its modulus is too short for use. */
		assert_false(pubkey_from_rfc3110(buf_view(&octets), &key));
	}
	assert_int_equal(i, 2);
	json_decref(root);
}

static void an_ed25519_key_has_32_octets(void **state)
{
	static const uint8_t octets[33] = { 1 };
	struct pubkey key;

	assert_true(pubkey_from_ed25519(BYTES(octets, 32), &key));
	assert_string_equal(pubkey_text(&key).s, "Ed25519");
	assert_false(pubkey_from_ed25519(BYTES(octets, 31), &key));
	assert_false(pubkey_from_ed25519(BYTES(octets, 33), &key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts_each_signature_under_its_own_algorithm_only),
		cmocka_unit_test(knows_the_algorithm_identifiers_octet_by_octet),
		cmocka_unit_test(names_key_and_hash_of_each_algorithm),
		cmocka_unit_test(reads_the_rsa_key_as_rfc_3110_has_it),
		cmocka_unit_test(refuses_rsa_keys_that_nobody_should_have),
		cmocka_unit_test(refuses_the_overlong_exponent_of_the_vectors),
		cmocka_unit_test(an_ed25519_key_has_32_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
