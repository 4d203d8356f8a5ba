#include "util/test.h"
#include "crypto/kex.h"
#include "crypto/prf.h"
#include "util/vectors.h"

#include <openssl/bn.h>

static void check_exchange(enum kex_id id, const json_t *v, const char *public_i,
                           const char *public_r, const char *result)
{
	CLEANUP(buf_free) struct buf private_i = vector_octets(v, "private_i");
	CLEANUP(buf_free) struct buf private_r = vector_octets(v, "private_r");
	CLEANUP(buf_free) struct buf value_i = vector_octets(v, public_i);
	CLEANUP(buf_free) struct buf value_r = vector_octets(v, public_r);
	CLEANUP(buf_free) struct buf expected = vector_octets(v, result);
	CLEANUP(secret_free) struct secret shared_i = { 0 };
	CLEANUP(secret_free) struct secret shared_r = { 0 };
	uint8_t out[KEX_PUBLIC_MAX];

	assert_true(kex_public(id, buf_view(&private_i), out));
	assert_memory_equal(out, value_i.data, kex_public_len(id));
	assert_true(kex_public(id, buf_view(&private_r), out));
	assert_memory_equal(out, value_r.data, kex_public_len(id));
	assert_true(kex_shared(id, buf_view(&private_i), buf_view(&value_r), &shared_i));
	assert_true(kex_shared(id, buf_view(&private_r), buf_view(&value_i), &shared_r));
	assert_true(secret_equal(secret_view(&shared_i), buf_view(&expected)));
	assert_true(secret_equal(secret_view(&shared_r), buf_view(&expected)));
}

/* KDF-4 */
static void computes_the_published_exchanges(void **state)
{
	json_t *root = vectors_load("ike_kdf");

	check_exchange(KEX_X25519, vector_member(root, "x25519"), "public_i", "public_r",
	               "shared_secret");
	check_exchange(KEX_P256, vector_member(root, "p256"), "ke_data_i", "ke_data_r",
	               "shared_secret_x_only");
	json_decref(root);
}

/* KDF-9 */
static void refuses_points_of_small_order(void **state)
{
	static const uint8_t ours[32] = { 1, 2, 3 };
	/* 0, 1, p-1, p, and the two of order 8: all give zeros. */
	static const char *points[] = {
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	};
	struct secret shared = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		CLEANUP(buf_free) struct buf point = vector_octets_of(points[i]);

		assert_false(kex_shared(KEX_X25519, BYTES_OF(ours), buf_view(&point), &shared));
		assert_null(shared.data);
	}
}

/* KDF-9, RFC 6989 section 2.3. */
static void refuses_points_off_the_curve(void **state)
{
	static const uint8_t ours[32] = { [31] = 7 };
	uint8_t theirs[KEX_PUBLIC_MAX];
	struct secret shared = { 0 };

	assert_true(kex_public(KEX_P256, BYTES_OF(ours), theirs));
	theirs[63] ^= 1;
	assert_false(kex_shared(KEX_P256, BYTES_OF(ours), BYTES_OF(theirs), &shared));
	memset(theirs, 0, sizeof(theirs));
	assert_false(kex_shared(KEX_P256, BYTES_OF(ours), BYTES_OF(theirs), &shared));
	memset(theirs, 0xff, sizeof(theirs));
	assert_false(kex_shared(KEX_P256, BYTES_OF(ours), BYTES_OF(theirs), &shared));
	assert_null(shared.data);
}

static void refuses_wrong_lengths_and_unknown_methods(void **state)
{
	static const uint8_t octets[KEX_PUBLIC_MAX + 1] = { [31] = 9 };
	struct bytes ours = BYTES(octets, 32);
	struct secret shared = { 0 };
	uint8_t out[KEX_PUBLIC_MAX];

	assert_false(kex_shared(KEX_X25519, ours, BYTES(octets, 31), &shared));
	assert_false(kex_shared(KEX_X25519, ours, BYTES(octets, 33), &shared));
	assert_false(kex_shared(KEX_P256, ours, BYTES(octets, 65), &shared));
	assert_false(kex_public(KEX_X25519, BYTES(octets, 31), out));
	assert_false(kex_public((enum kex_id)2, ours, out)); /* MODP 1024: never */
	assert_int_equal(kex_public_len((enum kex_id)2), 0);
	assert_int_equal(kex_public_len(KEX_P256), 64);
}

/* KDF-4, RFC 5903 section 8.2 */
static void computes_the_exchange_of_p384(void **state)
{
	CLEANUP(buf_free)
	struct buf i = vector_octets_of("099f3c7034d4a2c699884d73a375a67f7624ef7c6b3c0f16"
	                                "0647b67414dce655e35b538041e649ee3faef896783ab194");
	CLEANUP(buf_free)
	struct buf r = vector_octets_of("41cb0779b4bdb85d47846725fbec3c9430fab46cc8dc5060"
	                                "855cc9bda0aa2942e0308312916b8ed2960e4bd55a7448fc");
	CLEANUP(buf_free)
	struct buf public_i = vector_octets_of("667842d7d180ac2cde6f74f37551f55755c7645c20ef73e3"
	                                       "1634fe72b4c55ee6de3ac808acb4bdb4c88732aee95f41aa"
	                                       "9482ed1fc0eeb9cafc4984625ccfc23f65032149e0e144ad"
	                                       "a024181535a0f38eeb9fcff3c2c947dae69b4c634573a81c");
	CLEANUP(buf_free)
	struct buf secret = vector_octets_of("11187331c279962d93d604243fd592cb9d0a926f422e4718"
	                                     "7521287e7156c5c4d603135569b9e9d09cf5d4a270f59746");
	CLEANUP(secret_free) struct secret at_i = { 0 };
	CLEANUP(secret_free) struct secret at_r = { 0 };
	uint8_t out[KEX_PUBLIC_MAX];

	assert_true(kex_public(KEX_P384, buf_view(&i), out));
	assert_memory_equal(out, public_i.data, 96);
	assert_true(kex_shared(KEX_P384, buf_view(&r), buf_view(&public_i), &at_r));
	assert_true(secret_equal(secret_view(&at_r), buf_view(&secret)));
	assert_true(kex_public(KEX_P384, buf_view(&r), out));
	assert_true(kex_shared(KEX_P384, buf_view(&i), BYTES(out, 96), &at_i));
	assert_true(secret_equal(secret_view(&at_i), buf_view(&secret)));
	out[95] ^= 1; /* off the curve */
	assert_false(kex_shared(KEX_P384, buf_view(&i), BYTES(out, 96), &at_i));
}

static void check_hash(struct bytes octets, const char *hex)
{
	CLEANUP(buf_free) struct buf want = vector_octets_of(hex);
	uint8_t hash[SHA2_256_LEN];

	assert_true(sha2_256(&octets, 1, hash));
	assert_memory_equal(hash, want.data, SHA2_256_LEN);
}

/*
 * KDF-4. SHA2-256 of 2^i, 2^r and 2^ir modulo p, reckoned with the formula for p in RFC 3526 and
 * exponents 80 01 02 03 ... 27 and 80 07 0e 15 ...
 */
static void computes_modp(void **state)
{
	static const struct {
		enum kex_id id;
		const char *public_i, *public_r, *secret;
	} cases[] = {
		{ KEX_MODP_2048, "1a85df7a0e6bd93db4ad7efa8487e34603b2f177ac6dcbe7e1314b634eb5609a",
		  "12ef376dce700980be2cd55f88afb6d4c2c79b622aa47584a858ecc02e734bf1",
		  "ab72be12b982198cdb51147376485ba339db8800a2e3adf45841d3a06b3d52bb" },
		{ KEX_MODP_3072, "114abdf1431dd5ba0421fc6eaf37dae325bf226509195f89d905bd14cad09065",
		  "d6bc44eead74548e6d039836447f0009dcd2e2fe4f18c7c1ae96a0a88ba670df",
		  "6d069f738e2ac0b9fa40bcebc36883ceed1cd043d553cd9fb5c16dcd81fa4edb" },
		{ KEX_MODP_4096, "3bd79ab1d47c67049ac0c2f9faa6dd0ce3f857734b1837516e0a47d8634c7238",
		  "e4b9b9f4cd2ef7a1dba09a9d57a7748f7e9f502dd5a02301e62aa352e5311cf6",
		  "9a15a855c57d41987f611b3bd6d3c0e19498b44ee8818b0395296531db8d0c69" },
	};
	uint8_t i[40] = { 0x80 }, r[40] = { 0x80 };
	uint8_t public_i[KEX_PUBLIC_MAX], public_r[KEX_PUBLIC_MAX];

	for (size_t at = 1; at < sizeof(i); at++) {
		i[at] = (uint8_t)at;
		r[at] = (uint8_t)(7 * at);
	}
	for (size_t at = 0; at < ARRAY_LEN(cases); at++) {
		enum kex_id id = cases[at].id;
		size_t len = kex_public_len(id);
		CLEANUP(secret_free) struct secret at_i = { 0 };
		CLEANUP(secret_free) struct secret at_r = { 0 };

		assert_true(kex_public(id, BYTES_OF(i), public_i));
		assert_true(kex_public(id, BYTES_OF(r), public_r));
		check_hash(BYTES(public_i, len), cases[at].public_i);
		check_hash(BYTES(public_r, len), cases[at].public_r);
		assert_true(kex_shared(id, BYTES_OF(i), BYTES(public_r, len), &at_i));
		assert_true(kex_shared(id, BYTES_OF(r), BYTES(public_i, len), &at_r));
		check_hash(secret_view(&at_i), cases[at].secret);
		assert_true(secret_equal(secret_view(&at_i), secret_view(&at_r)));
	}
}

/* KDF-9, RFC 6989 section 2.1: 0, 1, p-1, p; 2 and p-2 are values like others. */
static void refuses_modp_values_that_hide_nothing(void **state)
{
	static const uint8_t ours[40] = { 1, 2, 3 };
	static const struct {
		int last; /* added to p; 100 and above: the value itself */
		bool ok;
	} cases[] = { { 100, false }, { 101, false }, { 102, true }, { -2, true },
		      { -1, false },  { 0, false },   { 1, false } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		BIGNUM *value = BN_get_rfc3526_prime_2048(NULL);
		struct secret shared = { 0 };
		uint8_t theirs[256];

		if (cases[i].last >= 100)
			BN_set_word(value, (BN_ULONG)cases[i].last - 100);
		else if (cases[i].last < 0)
			BN_sub_word(value, (BN_ULONG)-cases[i].last);
		else
			BN_add_word(value, (BN_ULONG)cases[i].last);
		assert_int_equal(BN_bn2binpad(value, theirs, sizeof(theirs)), sizeof(theirs));
		assert_int_equal(
		    kex_shared(KEX_MODP_2048, BYTES_OF(ours), BYTES_OF(theirs), &shared),
		    cases[i].ok);
		secret_free(&shared);
		BN_free(value);
	}
}

/* PLD-20: one octet more or less is refused */
static void every_method_has_its_lengths(void **state)
{
	static const struct {
		enum kex_id id;
		size_t public_len, secret_len;
	} cases[] = {
		{ KEX_X25519, 32, 32 },      { KEX_P256, 64, 32 },
		{ KEX_P384, 96, 48 },        { KEX_MODP_2048, 256, 256 },
		{ KEX_MODP_3072, 384, 384 }, { KEX_MODP_4096, 512, 512 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		enum kex_id id = cases[i].id;
		uint8_t ours[KEX_PRIVATE_MAX] = { 0, 1, 2, 3 };
		uint8_t theirs[KEX_PUBLIC_MAX + 1];
		struct bytes private_value = BYTES(ours, kex_private_len(id));
		struct secret shared = { 0 };

		assert_int_equal(kex_public_len(id), cases[i].public_len);
		assert_true(kex_public(id, private_value, theirs));
		assert_false(
		    kex_shared(id, private_value, BYTES(theirs, cases[i].public_len - 1), &shared));
		assert_false(
		    kex_shared(id, private_value, BYTES(theirs, cases[i].public_len + 1), &shared));
		assert_true(
		    kex_shared(id, private_value, BYTES(theirs, cases[i].public_len), &shared));
		assert_int_equal(shared.len, cases[i].secret_len);
		secret_free(&shared);
		assert_false(kex_public(id, BYTES(ours, private_value.len - 1), theirs));
	}
}

static void draws_again_outside_the_order_of_p256(void **state)
{
	static const struct {
		const char *private_value;
		bool ok;
	} cases[] = {
		{ "0000000000000000000000000000000000000000000000000000000000000000", false },
		{ "0000000000000000000000000000000000000000000000000000000000000001", true },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550", true },
		{ "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", false },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", false },
	};
	uint8_t out[KEX_PUBLIC_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf value = vector_octets_of(cases[i].private_value);

		assert_int_equal(kex_public(KEX_P256, buf_view(&value), out), cases[i].ok);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(computes_the_published_exchanges),
		cmocka_unit_test(refuses_points_of_small_order),
		cmocka_unit_test(refuses_points_off_the_curve),
		cmocka_unit_test(refuses_wrong_lengths_and_unknown_methods),
		cmocka_unit_test(computes_the_exchange_of_p384),
		cmocka_unit_test(computes_modp),
		cmocka_unit_test(refuses_modp_values_that_hide_nothing),
		cmocka_unit_test(every_method_has_its_lengths),
		cmocka_unit_test(draws_again_outside_the_order_of_p256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
