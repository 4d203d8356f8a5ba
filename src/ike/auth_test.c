#include "util/test.h"
#include "ike/auth.h"
#include "util/vectors.h"

struct fixture {
	json_t *root;
	struct buf octets_i;
};

static int set_up(void **state)
{
	struct fixture *f = new_zeroed(sizeof(*f));

	f->root = vectors_load("auth");
	f->octets_i = vector_octets(f->root, "signed_octets_i");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	json_decref(f->root);
	buf_free(&f->octets_i);
	free(f);
	return 0;
}

/* AUT-1, INI-6 */
static void makes_the_signed_octets_of_both_sides(void **state)
{
	static const struct {
		const char *message, *nonce, *sk_p, *id, *want;
	} cases[] = {
		{ "request", "nr", "sk_pi", "idi_body", "signed_octets_i" },
		{ "response", "ni", "sk_pr", "idr_body", "signed_octets_r" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf message = vector_octets(f->root, cases[i].message);
		CLEANUP(buf_free) struct buf nonce = vector_octets(f->root, cases[i].nonce);
		CLEANUP(buf_free) struct buf sk_p = vector_octets(f->root, cases[i].sk_p);
		CLEANUP(buf_free) struct buf id = vector_octets(f->root, cases[i].id);
		CLEANUP(buf_free) struct buf want = vector_octets(f->root, cases[i].want);
		CLEANUP(buf_free) struct buf got = { 0 };

		assert_true(auth_signed_octets(PRF_HMAC_SHA2_256, buf_view(&sk_p),
		                               buf_view(&message), buf_view(&nonce), buf_view(&id),
		                               (struct bytes){ 0 }, &got));
		assert_true(bytes_equal(buf_view(&got), buf_view(&want)));
	}
}

/* AUT-4 */
static void signs_the_reserved_octets_as_they_came(void **state)
{
	static const uint8_t id[] = { 1, 1, 2, 3, 192, 0, 2, 1 };
	static const uint8_t plain[] = { 1, 0, 0, 0, 192, 0, 2, 1 };
	CLEANUP(buf_free) struct buf a = { 0 };
	CLEANUP(buf_free) struct buf b = { 0 };
	struct bytes key = BYTES_STR("0123456789abcdef0123456789abcdef");

	assert_true(auth_signed_octets(PRF_HMAC_SHA2_256, key, BYTES_STR("m"), BYTES_STR("n"),
	                               BYTES_OF(id), (struct bytes){ 0 }, &a));
	assert_true(auth_signed_octets(PRF_HMAC_SHA2_256, key, BYTES_STR("m"), BYTES_STR("n"),
	                               BYTES_OF(plain), (struct bytes){ 0 }, &b));
	assert_false(bytes_equal(buf_view(&a), buf_view(&b)));
}

static struct pubkey rsa_key(const struct fixture *f)
{
	const json_t *rsa = vector_member(f->root, "rsa_public");
	CLEANUP(buf_free) struct buf n = vector_octets(rsa, "n");
	struct pubkey key;

	assert_true(pubkey_from_rsa(buf_view(&n), BYTES("\x01\x00\x01", 3), &key));
	return key;
}

static struct pubkey ed25519_key(const json_t *v)
{
	CLEANUP(buf_free) struct buf octets = vector_octets(v, "public_key");
	struct pubkey key;

	assert_true(pubkey_from_ed25519(buf_view(&octets), &key));
	return key;
}

static struct pubkey ecdsa_key(const json_t *v)
{
	CLEANUP(buf_free) struct buf point = vector_octets(v, "public_key");
	struct pubkey key;

	assert_true(pubkey_from_ecdsa(BYTES(point.data + 1, point.len - 1), &key));
	return key;
}

/* The AUTH body around the vector's data. */
static struct bytes body_of(const json_t *v, uint8_t *out, size_t size)
{
	CLEANUP(buf_free) struct buf data = vector_octets(v, "auth_data");
	struct writer w = writer_on(out, size);

	write_u8(&w, (uint8_t)vector_number(v, "method"));
	write_zeros(&w, 3);
	write_bytes(&w, buf_view(&data));
	return writer_view(&w);
}

/* DS-4, DS-7 */
static void reads_signatures_that_verify_and_writes_them_back(void **state)
{
	static const struct {
		const char *id;
		enum signature_id signature_id;
	} cases[] = {
		{ "ds-ed25519", SIGNATURE_ED25519 },
		{ "ds-rsa-pkcs1-sha256", SIGNATURE_RSA_PKCS1_SHA2_256 },
		{ "ds-rsa-pkcs1-sha512", SIGNATURE_RSA_PKCS1_SHA2_512 },
		{ "ds-rsassa-pss-sha256", SIGNATURE_RSA_PSS_SHA2_256 },
		{ "ds-ecdsa-sha256", SIGNATURE_ECDSA_SHA2_256 },
	};
	struct fixture *f = *state;
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(f->root, "signatures"), i, v)
	{
		uint8_t octets[1024], again[1024];
		struct bytes body = body_of(v, octets, sizeof(octets));
		struct writer w = writer_on(again, sizeof(again));
		struct auth_payload auth;
		struct pubkey key;

		assert_true(auth_parse(body, &auth));
		assert_int_equal(auth.method, vector_number(v, "method"));
		if (i >= ARRAY_LEN(cases))
			continue;
		assert_string_equal(vector_string(v, "id"), cases[i].id);
		assert_int_equal(auth.signature_id, cases[i].signature_id);
		key = i == 0 ? ed25519_key(v) : i == 4 ? ecdsa_key(v) : rsa_key(f);
		assert_true(
		    pubkey_verify(&key, auth.signature_id, buf_view(&f->octets_i), auth.value));
		auth_write_signature(&w, auth.signature_id, auth.value);
		assert_true(bytes_equal(writer_view(&w), body));
	}
	assert_int_equal(i, 6);
}

/* AUT-1, NUL-1: the MACs of both, and of who proves nothing */
static void makes_the_macs_of_both_sides(void **state)
{
	static const struct {
		const char *group, *auth, *octets, *sk_p;
	} cases[] = {
		{ "psk", "auth_i", "signed_octets_i", NULL },
		{ "psk", "auth_r", "signed_octets_r", NULL },
		{ "null", "auth_i", NULL, "sk_pi" },
		{ "null", "auth_r", NULL, "sk_pr" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const json_t *group = vector_member(f->root, cases[i].group);
		bool is_i = cases[i].auth[5] == 'i';
		CLEANUP(buf_free) struct buf want = vector_octets(group, cases[i].auth);
		CLEANUP(buf_free) struct buf octets = { 0 };
		CLEANUP(buf_free) struct buf secret = { 0 };
		uint8_t mac[PRF_LEN_MAX];

		if (cases[i].octets != NULL) {
			octets = vector_octets(f->root, cases[i].octets);
			secret = buf_copy(BYTES_STR(vector_string(group, "shared_secret_ascii")));
		} else {
			CLEANUP(buf_free)
			struct buf message = vector_octets(f->root, is_i ? "request" : "response");
			CLEANUP(buf_free)
			struct buf nonce = vector_octets(f->root, is_i ? "nr" : "ni");
			CLEANUP(buf_free) struct buf id = vector_octets(group, "id_body");

			secret = vector_octets(f->root, cases[i].sk_p);
			assert_true(auth_signed_octets(PRF_HMAC_SHA2_256, buf_view(&secret),
			                               buf_view(&message), buf_view(&nonce),
			                               buf_view(&id), (struct bytes){ 0 }, &octets));
		}
		assert_true(auth_mac(PRF_HMAC_SHA2_256, buf_view(&secret), buf_view(&octets), mac));
		assert_true(bytes_equal(BYTES(mac, want.len), buf_view(&want)));
		assert_int_equal(want.len, prf_len(PRF_HMAC_SHA2_256));
	}
}

/* AUT-1: the shared secret's AUTH goes as method 2 */
static void writes_and_reads_a_shared_key_mac(void **state)
{
	struct fixture *f = *state;
	CLEANUP(buf_free) struct buf mac = vector_octets(vector_member(f->root, "psk"), "auth_i");
	uint8_t octets[64];
	struct writer w = writer_on(octets, sizeof(octets));
	struct auth_payload auth;

	auth_write_shared_key(&w, buf_view(&mac));
	assert_int_equal(octets[0], AUTH_METHOD_SHARED_KEY);
	assert_true(auth_parse(writer_view(&w), &auth));
	assert_int_equal(auth.method, AUTH_METHOD_SHARED_KEY);
	assert_int_equal(auth.signature_id, SIGNATURE_NONE);
	assert_true(bytes_equal(auth.value, buf_view(&mac)));
}

/* DS-3, DS-5 */
static void knows_no_algorithm_with_sha1(void **state)
{
	json_t *root = vectors_load("asn1_blobs");
	const json_t *hex;
	const char *name;
	unsigned refused = 0;

	json_object_foreach((json_t *)vector_member(root, "blobs"), name, hex)
	{
		CLEANUP(buf_free) struct buf der = vector_octets_of(json_string_value(hex));
		uint8_t octets[256];
		struct writer w = writer_on(octets, sizeof(octets));
		struct auth_payload auth;
		bool is_accept = strncmp(name, "accept_", 7) == 0;

		write_u8(&w, AUTH_METHOD_DIGITAL_SIGNATURE);
		write_zeros(&w, 3);
		write_u8(&w, (uint8_t)der.len);
		write_bytes(&w, buf_view(&der));
		assert_true(auth_parse(writer_view(&w), &auth));
		if (strncmp(name, "reject_", 7) == 0) {
			assert_int_equal(auth.signature_id, SIGNATURE_NONE);
			assert_false(auth_is_acceptable(auth.signature_id));
			refused++;
		}
		if (is_accept || strncmp(name, "rsa", 3) == 0 || strcmp(name, "ed25519") == 0)
			assert_true(auth_is_acceptable(auth.signature_id));
	}
	assert_int_equal(refused, 3);
	json_decref(root);
}

/* PLD-1 */
static void refuses_an_algorithm_that_runs_past_the_end(void **state)
{
	static const uint8_t body[] = { 14, 0, 0, 0, 7, 0x30, 5, 6, 3, 0x2b, 0x65 };
	struct auth_payload auth;

	assert_false(auth_parse(BYTES_OF(body), &auth));
	assert_false(auth_parse(BYTES(body, 4), &auth));
	assert_false(auth_parse(BYTES(body, 3), &auth));
}

/* DS-2, DS-7, DS-9 */
static void signs_with_a_hash_the_peer_listed(void **state)
{
	static const struct {
		enum pubkey_type key;
		const char *hashes;
		enum signature_id id;
	} cases[] = {
		{ PUBKEY_RSA, "0002000300040005", SIGNATURE_RSA_PSS_SHA2_256 },
		{ PUBKEY_RSA, "00010002", SIGNATURE_RSA_PSS_SHA2_256 },
		{ PUBKEY_RSA, "0003", SIGNATURE_RSA_PSS_SHA2_384 },
		{ PUBKEY_RSA, "0004", SIGNATURE_RSA_PSS_SHA2_512 },
		{ PUBKEY_RSA, "0001", SIGNATURE_NONE }, /* SHA-1 */
		{ PUBKEY_RSA, "0005", SIGNATURE_NONE },
		{ PUBKEY_RSA, "", SIGNATURE_NONE },
		{ PUBKEY_RSA, "000200", SIGNATURE_RSA_PSS_SHA2_256 },
		{ PUBKEY_RSA, "ffff", SIGNATURE_NONE },
		{ PUBKEY_ED25519, "0002000300040005", SIGNATURE_ED25519 },
		{ PUBKEY_ED25519, "000200030004", SIGNATURE_NONE }, /* without identity */
		{ PUBKEY_ECDSA_P256, "0002000300040005", SIGNATURE_ECDSA_SHA2_256 },
		{ PUBKEY_ECDSA_P256, "00030004", SIGNATURE_ECDSA_SHA2_384 },
		{ PUBKEY_ECDSA_P384, "0002000300040005", SIGNATURE_ECDSA_SHA2_384 },
		{ PUBKEY_ECDSA_P384, "0002", SIGNATURE_ECDSA_SHA2_256 },
		{ PUBKEY_ECDSA_P521, "0002000300040005", SIGNATURE_ECDSA_SHA2_512 },
		{ PUBKEY_ECDSA_P521, "0005", SIGNATURE_NONE },
		{ PUBKEY_NONE, "0002000300040005", SIGNATURE_NONE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf data = vector_octets_of(cases[i].hashes);
		hash_set set = hash_set_parse(buf_view(&data));

		assert_int_equal(auth_choose(cases[i].key, set), cases[i].id);
	}
}

/* DS-1 */
static void lists_our_hashes(void **state)
{
	static const uint8_t want[] = { 0, 2, 0, 3, 0, 4, 0, 5 };
	uint8_t octets[16];
	struct writer w = writer_on(octets, sizeof(octets));

	hash_set_write(&w, HASH_SET_OURS);
	assert_true(bytes_equal(writer_view(&w), BYTES_OF(want)));
	assert_int_equal(hash_set_parse(writer_view(&w)), HASH_SET_OURS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_the_signed_octets_of_both_sides),
		cmocka_unit_test(signs_the_reserved_octets_as_they_came),
		cmocka_unit_test(reads_signatures_that_verify_and_writes_them_back),
		cmocka_unit_test(makes_the_macs_of_both_sides),
		cmocka_unit_test(writes_and_reads_a_shared_key_mac),
		cmocka_unit_test(knows_no_algorithm_with_sha1),
		cmocka_unit_test(refuses_an_algorithm_that_runs_past_the_end),
		cmocka_unit_test(signs_with_a_hash_the_peer_listed),
		cmocka_unit_test(lists_our_hashes),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
