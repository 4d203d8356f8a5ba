#include "signer/signer_bed.h"

#include "control/keeper_wire.h"
#include "control/sealed.h"
#include "util/secret.h"
#include "util/vectors.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct buf pem_of(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	struct buf pem;
	long len;

	assert_int_equal(PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL), 1);
	len = BIO_get_mem_data(bio, &text);
	pem = buf_copy(BYTES(text, len));
	BIO_free(bio);
	return pem;
}

/* One RSA key for all tests: making one takes a while. */
static EVP_PKEY *test_rsa(void)
{
	static EVP_PKEY *pkey;

	if (pkey == NULL)
		pkey = EVP_RSA_gen(2048);
	assert_non_null(pkey);
	return pkey;
}

static struct buf ed25519_pem(const char *secret_hex)
{
	CLEANUP(buf_free) struct buf secret = vector_octets_of(secret_hex);
	EVP_PKEY *pkey =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret.data, secret.len);
	struct buf pem = pem_of(pkey);

	EVP_PKEY_free(pkey);
	return pem;
}

static struct buf ecdsa_pem(const char *curve)
{
	EVP_PKEY *pkey = EVP_EC_gen(curve);
	struct buf pem = pem_of(pkey);

	EVP_PKEY_free(pkey);
	return pem;
}

static struct buf number_of(EVP_PKEY *pkey, const char *name)
{
	BIGNUM *number = NULL;
	struct buf b;

	assert_int_equal(EVP_PKEY_get_bn_param(pkey, name, &number), 1);
	b.len = (size_t)BN_num_bytes(number);
	b.data = new_array(b.len, 1);
	BN_bn2bin(number, b.data);
	BN_free(number);
	return b;
}

/* As ipsec.secrets has them inline: all eight numbers. */
static void add_numbers(struct signer *s, EVP_PKEY *pkey, bool is_damaged)
{
	static const char *const names[] = {
		OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
		OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
		OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
		OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
	};
	struct signer_message m = { .kind = SIGNER_ADD, .algorithm = SIGNER_SECRET_RSA_NUMBERS };
	struct buf numbers[ARRAY_LEN(names)];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		numbers[i] = number_of(pkey, names[i]);
		m.parts[i] = buf_view(&numbers[i]);
	}
	if (is_damaged) {
		numbers[2].data[40] ^= 1;
		numbers[3].data[40] ^= 1;
	}
	put(s, &m);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		buf_free(&numbers[i]);
}

static void signs_with_every_kind_of_key(void **state)
{
	static const struct {
		uint32_t index;
		enum signature_id id;
		bool ok;
	} cases[] = {
		{ 0, SIGNATURE_RSA_PKCS1_SHA2_256, true },
		{ 0, SIGNATURE_RSA_PKCS1_SHA2_384, true },
		{ 0, SIGNATURE_RSA_PKCS1_SHA2_512, true },
		{ 0, SIGNATURE_RSA_PSS_SHA2_256, true },
		{ 0, SIGNATURE_RSA_PSS_SHA2_384, true },
		{ 0, SIGNATURE_RSA_PSS_SHA2_512, true },
		{ 1, SIGNATURE_ED25519, true },
		{ 2, SIGNATURE_RSA_PSS_SHA2_256, true },
		{ 4, SIGNATURE_ECDSA_SHA2_256, true },
		{ 4, SIGNATURE_ECDSA_SHA2_384, true },
		{ 4, SIGNATURE_ECDSA_SHA2_512, true },
		{ 4, SIGNATURE_ED25519, false },
		{ 0, SIGNATURE_ECDSA_SHA2_256, false },
		{ 0, SIGNATURE_ED25519, false },
		{ 1, SIGNATURE_RSA_PSS_SHA2_256, false },
		{ 3, SIGNATURE_RSA_PSS_SHA2_256, false }, /* a shared secret */
		{ 4, SIGNATURE_RSA_PSS_SHA2_256, false },
		{ 5, SIGNATURE_RSA_PSS_SHA2_256, false },
		{ UINT32_MAX, SIGNATURE_ED25519, false },
		{ 0, SIGNATURE_NONE, false },
		{ 0, (enum signature_id)200, false },
	};
	struct bytes data = BYTES_STR("octets to sign");
	struct signer *s = signer_start();
	CLEANUP(buf_free) struct buf rsa = pem_of(test_rsa());
	CLEANUP(buf_free)
	struct buf ed25519 =
	    ed25519_pem("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
	CLEANUP(buf_free) struct buf ecdsa = ecdsa_pem("P-256");
	struct pubkey keys[5] = { 0 };

	add(s, SIGNER_SECRET_RSA_PEM, buf_view(&rsa));
	add(s, SIGNER_SECRET_ED25519_PEM, buf_view(&ed25519));
	add_numbers(s, test_rsa(), false);
	add(s, SIGNER_SECRET_PSK, BYTES_STR("shared"));
	add(s, SIGNER_SECRET_ECDSA_PEM, buf_view(&ecdsa));
	assert_int_equal(commit(s, 5, keys), SIGNER_BAD_NONE);
	assert_true(pubkey_equal(&keys[0], &keys[2]));
	assert_int_equal(keys[3].type, PUBKEY_NONE);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free)
		struct buf signature = ask(s, SIGNER_SIGN, cases[i].index, cases[i].id, data);

		assert_int_equal(signature.len > 0, cases[i].ok);
		if (cases[i].ok)
			assert_true(pubkey_verify(&keys[cases[i].index], cases[i].id, data,
			                          buf_view(&signature)));
	}
	assert_int_equal(signer_end(s), 0);
}

/* The signature behind length and algorithm identifier in AUTH data. */
static struct buf vector_signature(const json_t *root, const char *id)
{
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "signatures"), i, v)
	{
		CLEANUP(buf_free) struct buf auth = vector_octets(v, "auth_data");

		if (strcmp(vector_string(v, "id"), id) == 0)
			return buf_copy(
			    BYTES(auth.data + 1 + auth.data[0], auth.len - 1 - auth.data[0]));
	}
	fail_msg("no vector %s", id);
	return (struct buf){ 0 };
}

/* n, e and d alone will do: FreeS/WAN's files have all, the vectors have these. */
static void add_vector_rsa(struct signer *s, const json_t *rsa)
{
	CLEANUP(buf_free) struct buf n = vector_octets(rsa, "n");
	CLEANUP(buf_free) struct buf d = vector_octets(rsa, "d");
	static const uint8_t e[] = { 1, 0, 1 };
	const struct signer_message m = {
		.kind = SIGNER_ADD,
		.algorithm = SIGNER_SECRET_RSA_NUMBERS,
		.parts = { buf_view(&n), BYTES_OF(e), buf_view(&d) },
	};

	put(s, &m);
}

static void check_answer(struct signer *s, enum signer_message_kind kind, uint32_t index,
                         unsigned algorithm, struct bytes data, struct buf expected)
{
	CLEANUP(buf_free) struct buf answer = ask(s, kind, index, algorithm, data);

	assert_true(bytes_equal(buf_view(&answer), buf_view(&expected)));
	buf_free(&expected);
}

/* AUT-1, AUT-5, DS-7 */
static void makes_the_auth_data_of_the_vectors(void **state)
{
	json_t *root = vectors_load("auth");
	const json_t *psk = vector_member(root, "psk");
	CLEANUP(buf_free) struct buf data_i = vector_octets(root, "signed_octets_i");
	CLEANUP(buf_free) struct buf data_r = vector_octets(root, "signed_octets_r");
	CLEANUP(buf_free)
	struct buf ed25519 =
	    ed25519_pem("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
	struct signer *s = signer_start();

	add(s, SIGNER_SECRET_PSK, BYTES_STR(vector_string(psk, "shared_secret_ascii")));
	add(s, SIGNER_SECRET_ED25519_PEM, buf_view(&ed25519));
	add_vector_rsa(s, vector_member(root, "rsa_public"));
	assert_int_equal(commit(s, 3, NULL), SIGNER_BAD_NONE);
	check_answer(s, SIGNER_PSK_MAC, 0, PRF_HMAC_SHA2_256, buf_view(&data_i),
	             vector_octets(psk, "auth_i"));
	check_answer(s, SIGNER_PSK_MAC, 0, PRF_HMAC_SHA2_256, buf_view(&data_r),
	             vector_octets(psk, "auth_r"));
	check_answer(s, SIGNER_SIGN, 1, SIGNATURE_ED25519, buf_view(&data_i),
	             vector_signature(root, "ds-ed25519"));
	check_answer(s, SIGNER_SIGN, 2, SIGNATURE_RSA_PKCS1_SHA2_256, buf_view(&data_i),
	             vector_signature(root, "ds-rsa-pkcs1-sha256"));
	check_answer(s, SIGNER_SIGN, 2, SIGNATURE_RSA_PKCS1_SHA2_512, buf_view(&data_i),
	             vector_signature(root, "ds-rsa-pkcs1-sha512"));
	check_answer(s, SIGNER_PSK_MAC, 1, PRF_HMAC_SHA2_256, buf_view(&data_i), (struct buf){ 0 });
	check_answer(s, SIGNER_PSK_MAC, 9, PRF_HMAC_SHA2_256, buf_view(&data_i), (struct buf){ 0 });
	check_answer(s, SIGNER_PSK_MAC, 0, PRF_NONE, buf_view(&data_i), (struct buf){ 0 });
	assert_int_equal(signer_end(s), 0);
	json_decref(root);
}

/* PPK-2 */
static void stirs_a_ppk_into_three_keys(void **state)
{
	json_t *root = vectors_load("ppk");
	static const char *const names[] = { "sk_d", "sk_pi", "sk_pr" };
	struct signer *s = signer_start();
	uint8_t before[96], after[96];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEANUP(buf_free)
		struct buf b = vector_octets(vector_member(root, "before"), names[i]);
		CLEANUP(buf_free)
		struct buf a = vector_octets(vector_member(root, "after"), names[i]);

		memcpy(before + 32 * i, b.data, 32);
		memcpy(after + 32 * i, a.data, 32);
	}
	add(s, SIGNER_SECRET_PPK, BYTES_STR(vector_string(root, "ppk_ascii")));
	add(s, SIGNER_SECRET_PSK, BYTES_STR(vector_string(root, "ppk_ascii")));
	assert_int_equal(commit(s, 2, NULL), SIGNER_BAD_NONE);
	check_answer(s, SIGNER_PPK, 0, PRF_HMAC_SHA2_256, BYTES_OF(before),
	             buf_copy(BYTES_OF(after)));
	/* Each secret is good for one thing. */
	check_answer(s, SIGNER_PPK, 1, PRF_HMAC_SHA2_256, BYTES_OF(before), (struct buf){ 0 });
	check_answer(s, SIGNER_PSK_MAC, 0, PRF_HMAC_SHA2_256, BYTES_OF(before), (struct buf){ 0 });
	check_answer(s, SIGNER_PPK, 0, PRF_HMAC_SHA2_256, BYTES(before, 95), (struct buf){ 0 });
	check_answer(s, SIGNER_PPK, 9, PRF_HMAC_SHA2_256, BYTES_OF(before), (struct buf){ 0 });
	assert_int_equal(signer_end(s), 0);
	json_decref(root);
}

static void a_new_set_replaces_the_old_one_whole_or_not_at_all(void **state)
{
	struct bytes data = BYTES_STR("data");
	struct signer *s = signer_start();
	CLEANUP(buf_free) struct buf before = { 0 };
	CLEANUP(buf_free) struct buf after = { 0 };
	CLEANUP(buf_free) struct buf replaced = { 0 };

	add(s, SIGNER_SECRET_PSK, BYTES_STR("old"));
	assert_int_equal(commit(s, 1, NULL), SIGNER_BAD_NONE);
	before = ask(s, SIGNER_PSK_MAC, 0, PRF_HMAC_SHA2_256, data);
	assert_int_equal(before.len, 32);

	/* Bad ones, each in the second place: the set in use stays. */
	add(s, SIGNER_SECRET_PSK, BYTES_STR("new"));
	add(s, SIGNER_SECRET_RSA_PEM, BYTES_STR("-----BEGIN NOTHING-----"));
	add(s, SIGNER_SECRET_PSK, BYTES_STR("third"));
	assert_int_equal(commit(s, 3, NULL), 1);
	add(s, SIGNER_SECRET_PSK, BYTES_STR("new"));
	add(s, SIGNER_SECRET_PSK, BYTES_STR(""));
	assert_int_equal(commit(s, 2, NULL), 1);
	add(s, SIGNER_SECRET_PSK, BYTES_STR("new"));
	assert_int_equal(commit(s, 2, NULL), 2); /* one is missing */
	after = ask(s, SIGNER_PSK_MAC, 0, PRF_HMAC_SHA2_256, data);
	assert_true(bytes_equal(buf_view(&before), buf_view(&after)));

	add(s, SIGNER_SECRET_PSK, BYTES_STR("new"));
	assert_int_equal(commit(s, 1, NULL), SIGNER_BAD_NONE);
	replaced = ask(s, SIGNER_PSK_MAC, 0, PRF_HMAC_SHA2_256, data);
	assert_int_equal(replaced.len, 32);
	assert_false(bytes_equal(buf_view(&before), buf_view(&replaced)));
	assert_int_equal(commit(s, 0, NULL), SIGNER_BAD_NONE); /* nothing is a set too */
	assert_int_equal(signer_end(s), 0);
}

static EVP_PKEY *small_rsa(void)
{
	EVP_PKEY *pkey = EVP_RSA_gen(1024);

	assert_non_null(pkey);
	return pkey;
}

static struct buf encrypted_pem(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char password[] = "password";
	struct buf pem;
	char *text;
	long len;

	assert_int_equal(
	    PEM_write_bio_PrivateKey(bio, pkey, EVP_aes_256_cbc(), NULL, 0, NULL, password), 1);
	len = BIO_get_mem_data(bio, &text);
	pem = buf_copy(BYTES(text, len));
	BIO_free(bio);
	return pem;
}

static struct buf mac_of(struct signer *s, uint32_t set, uint32_t index)
{
	return ask_of(s, set, SIGNER_PSK_MAC, index, PRF_HMAC_SHA2_256, BYTES_STR("AUTH"));
}

static void expect_mac(struct signer *s, uint32_t set, uint32_t index, const struct buf *expected)
{
	CLEANUP(buf_free) struct buf mac = mac_of(s, set, index);

	assert_true(bytes_equal(buf_view(&mac), buf_view(expected)));
}

/* A MAC with the secret of another conn is something to guess that secret with. */
static void a_place_of_an_older_set_names_what_it_named_then_or_nothing(void **state)
{
	const struct buf refused = { 0 };
	struct signer *s = signer_start();
	CLEANUP(buf_free) struct buf one = { 0 };
	CLEANUP(buf_free) struct buf two = { 0 };

	add(s, SIGNER_SECRET_PSK, BYTES_STR("one"));
	add(s, SIGNER_SECRET_PSK, BYTES_STR("two"));
	assert_int_equal(commit(s, 2, NULL), SIGNER_BAD_NONE);
	one = mac_of(s, 1, 0);
	two = mac_of(s, 1, 1);
	assert_int_equal(one.len, 32);
	assert_int_equal(two.len, 32);
	expect_mac(s, 2, 0, &refused); /* there is no such set yet */

	add(s, SIGNER_SECRET_PSK, BYTES_STR("two")); /* the first has gone */
	add(s, SIGNER_SECRET_PSK, BYTES_STR("two"));
	assert_int_equal(commit(s, 2, NULL), SIGNER_BAD_NONE);
	expect_mac(s, 1, 0, &refused);
	expect_mac(s, 1, 1, &two); /* nothing has changed here */
	expect_mac(s, 2, 0, &two);

	add(s, SIGNER_SECRET_PPK, BYTES_STR("two"));
	add(s, SIGNER_SECRET_PSK, BYTES_STR("two"));
	add(s, SIGNER_SECRET_PSK, BYTES_STR("one"));
	assert_int_equal(commit(s, 3, NULL), SIGNER_BAD_NONE);
	expect_mac(s, 2, 0, &refused);
	expect_mac(s, 1, 1, &two);
	expect_mac(s, 2, 2, &refused);
	expect_mac(s, 3, 2, &one);

	add(s, SIGNER_SECRET_PSK, BYTES_STR("one")); /* back again: the sets between had another */
	assert_int_equal(commit(s, 1, NULL), SIGNER_BAD_NONE);
	expect_mac(s, 1, 0, &refused);
	expect_mac(s, 4, 0, &one);
	expect_mac(s, 3, 1, &refused);
	assert_int_equal(signer_end(s), 0);
}

static void an_older_set_s_key_signs_while_it_is_where_it_was(void **state)
{
	CLEANUP(buf_free)
	struct buf one =
	    ed25519_pem("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
	CLEANUP(buf_free)
	struct buf two =
	    ed25519_pem("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
	const struct buf *const sets[] = { &one, &one, &two };
	const size_t signature_lens[] = { 64, 64, 0 };
	struct signer *s = signer_start();

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		CLEANUP(buf_free) struct buf signature = { 0 };

		add(s, SIGNER_SECRET_ED25519_PEM, buf_view(sets[i]));
		assert_int_equal(commit(s, 1, NULL), SIGNER_BAD_NONE);
		signature =
		    ask_of(s, 1, SIGNER_SIGN, 0, SIGNATURE_ED25519, BYTES_STR("signed octets"));
		assert_int_equal(signature.len, signature_lens[i]);
	}
	assert_int_equal(signer_end(s), 0);
}

static void refuses_keys_that_cannot_sign(void **state)
{
	EVP_PKEY *small = small_rsa();
	CLEANUP(buf_free) struct buf small_pem = pem_of(small);
	CLEANUP(buf_free) struct buf rsa = pem_of(test_rsa());
	CLEANUP(buf_free) struct buf encrypted = encrypted_pem(test_rsa());
	CLEANUP(buf_free) struct buf strange = ecdsa_pem("secp256k1");
	const struct {
		enum signer_secret_kind kind;
		struct bytes pem;
	} cases[] = {
		{ SIGNER_SECRET_RSA_PEM, buf_view(&small_pem) },
		{ SIGNER_SECRET_RSA_PEM, buf_view(&encrypted) },
		{ SIGNER_SECRET_RSA_PEM, BYTES(rsa.data, rsa.len / 2) },
		{ SIGNER_SECRET_RSA_PEM, BYTES(NULL, 0) },
		{ SIGNER_SECRET_ED25519_PEM, buf_view(&rsa) },
		{ SIGNER_SECRET_ECDSA_PEM, buf_view(&rsa) },
		{ SIGNER_SECRET_ECDSA_PEM, buf_view(&strange) },
		{ SIGNER_SECRET_RSA_NUMBERS, BYTES_STR("\xc1") },
	};
	struct signer *s = signer_start();

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		add(s, cases[i].kind, cases[i].pem);
		assert_int_equal(commit(s, 1, NULL), 0);
	}
	add_numbers(s, test_rsa(), true);
	assert_int_equal(commit(s, 1, NULL), 0);
	assert_int_equal(signer_end(s), 0);
	EVP_PKEY_free(small);
}

/* What is no message ends the process, at once and in order. */
static void ends_on_garbage(void **state)
{
	static const char *cases[] = {
		"00000000",               /* an empty frame */
		"ffffffff00",             /* endless */
		"0001fffd01",             /* one octet too long */
		"0000000163",             /* an unknown kind */
		"0000000701040000000178", /* ADD: only the keeper brings secrets */
		"000000050200000000",     /* COMMIT likewise */
		"000000020109",           /* ADD of an unknown secret */
		"0000000304ffff",         /* PSK_MAC cut short */
		"0000000607ffffffff00",   /* RESULT is ours to say */
		"0000000506ffffffff",     /* LOADED too */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct signer *s = signer_start();
		CLEANUP(buf_free) struct buf octets = vector_octets_of(cases[i]);
		struct signer_message none;

		send_octets(s, buf_view(&octets));
		assert_false(hear(s, &none));
		assert_int_equal(signer_end(s), 1);
	}
}

/* What the keeper brings is trusted no further than that: the set in use stays. */
static void refuses_files_that_hold_no_set(void **state)
{
	static const char *cases[] = {
		"00",                     /* no frame */
		"0000000701040000000178", /* no COMMIT */
		"000000050200000000"
		"000000050200000000", /* more behind it */
		"0000000701040000000178"
		"00000005020000",       /* cut short */
		"0000000607ffffffff00", /* no ADD or COMMIT */
		"000000060104ffffffff"
		"000000050200000001", /* a part longer than its frame */
	};
	struct keeper_message empty = { .kind = KEEPER_LOAD, .fds = { -1, -1 } };
	struct signer *s = signer_start();
	struct signer_message answer;

	add(s, SIGNER_SECRET_PSK, BYTES_STR("k"));
	assert_int_equal(commit(s, 1, NULL), SIGNER_BAD_NONE);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf octets = vector_octets_of(cases[i]);
		CLEANUP(buf_free) struct buf mac = { 0 };

		memcpy(s->set, octets.data, octets.len);
		s->set_len = octets.len;
		load(s);
		assert_true(hear(s, &answer));
		assert_int_equal(answer.kind, SIGNER_LOADED);
		assert_int_equal(answer.bad, SIGNER_BAD_SET);
		mac = ask(s, SIGNER_PSK_MAC, 0, PRF_HMAC_SHA2_256, BYTES_STR("data"));
		assert_int_equal(mac.len, 32);
	}
	assert_true(keeper_send(s->keeper, &empty));
	assert_true(hear(s, &answer));
	assert_int_equal(answer.bad, SIGNER_BAD_SET);
	assert_int_equal(signer_end(s), 0);
}

static void ends_with_its_keeper(void **state)
{
	struct signer *s = signer_start();
	struct signer_message none;

	assert_int_equal(shutdown(s->keeper, SHUT_RDWR), 0);
	assert_false(hear(s, &none));
	assert_int_equal(signer_end(s), 0);
}

static void ends_when_the_socket_closes_inside_a_message(void **state)
{
	struct signer *s = signer_start();

	send_octets(s, BYTES("\0\0\1\0\1\4", 6));
	assert_int_equal(signer_end(s), 0);
}

static void takes_messages_in_any_pieces(void **state)
{
	uint8_t out[256];
	struct writer w = writer_on(out, sizeof(out));
	struct signer *s = signer_start();
	const struct signer_message messages[] = {
		{ .kind = SIGNER_PSK_MAC, .job_id = 6, .set = 1, .algorithm = PRF_HMAC_SHA2_256 },
		{ .kind = SIGNER_PSK_MAC, .job_id = 7, .set = 1, .algorithm = PRF_HMAC_SHA2_512 },
	};
	struct signer_message answer;

	add(s, SIGNER_SECRET_PSK, BYTES_STR("k"));
	assert_int_equal(commit(s, 1, NULL), SIGNER_BAD_NONE);
	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		assert_true(signer_message_write(&w, &messages[i]));
	for (size_t i = 0; i < w.len; i++)
		send_octets(s, BYTES(out + i, 1));
	assert_true(hear(s, &answer));
	assert_int_equal(answer.job_id, 6);
	assert_true(hear(s, &answer));
	assert_int_equal(answer.kind, SIGNER_RESULT);
	assert_int_equal(answer.job_id, 7);
	assert_int_equal(answer.data.len, 64);
	assert_int_equal(signer_end(s), 0);
}

static void signs_the_longest_message(void **state)
{
	struct signer *s = signer_start();
	struct buf data = { .data = new_array(66000, 1), .len = 66000 };
	CLEANUP(buf_free) struct buf mac = { 0 };

	add(s, SIGNER_SECRET_PSK, BYTES_STR("k"));
	assert_int_equal(commit(s, 1, NULL), SIGNER_BAD_NONE);
	mac = ask(s, SIGNER_PSK_MAC, 0, PRF_HMAC_SHA2_384, buf_view(&data));
	assert_int_equal(mac.len, 48);
	assert_int_equal(signer_end(s), 0);
	buf_free(&data);
}

/* One line of /proc/PID/status behind its name; empty if there is none. */
static void status_line(pid_t pid, const char *name, char out[128])
{
	char path[64];
	char line[256];
	FILE *file;

	out[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, name, strlen(name)) == 0)
			sscanf(line + strlen(name), " %127[^\n]", out);
	}
	fclose(file);
}

static void gives_up_everything_before_the_first_secret(void **state)
{
	struct signer *s = signer_start();
	char line[128];
	char user[64];

	assert_int_equal(commit(s, 0, NULL), SIGNER_BAD_NONE); /* so it is past its start */
	snprintf(user, sizeof(user), "%u\t%u\t%u\t%u", TEST_UID, TEST_UID, TEST_UID, TEST_UID);
	if (geteuid() == 0) {
		status_line(s->pid, "Uid:", line);
		assert_string_equal(line, user);
		status_line(s->pid, "CapPrm:", line);
		assert_string_equal(line, "0000000000000000");
		status_line(s->pid, "CapBnd:", line);
		assert_string_equal(line, "0000000000000000");
		status_line(s->pid, "Groups:", line);
		assert_string_equal(line, "");
	}
	status_line(s->pid, "NoNewPrivs:", line);
	assert_string_equal(line, "1");
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	status_line(s->pid, "Seccomp:", line);
	assert_string_equal(line, "2");
#endif
	assert_int_equal(signer_end(s), 0);
}

static void refuses_wrong_words_and_stays_no_root(void **state)
{
	static const struct {
		const char *uid, *gid;
		int status;
	} cases[] = {
		{ "x", "1", 2 }, { "-1", "1", 2 }, { "4294967295", "1", 2 }, { "0", "0", 1 }
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int ends[2];
		int status;
		pid_t pid;

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
		pid = fork();
		if (pid == 0) {
			fclose(stderr);
			if (dup2(ends[1], 3) == 3 && dup2(3, 4) == 4)
				execl(SIGNER_PROGRAM, SIGNER_PROGRAM, cases[i].uid, cases[i].gid,
				      (char *)NULL);
			_exit(127);
		}
		close(ends[0]);
		close(ends[1]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), cases[i].status);
	}
}

static struct buf token_of(struct bytes spis)
{
	struct signer *s = signer_start();
	struct buf token = ask(s, SIGNER_TOKEN, 0, 0, spis);

	assert_int_equal(signer_end(s), 0);
	return token;
}

/* QCD-2 */
static void the_crash_secret_outlives_the_signer(void **state)
{
	const struct bytes spis = BYTES("sixteen octets..", 16);
	char dir[] = "signer-test-XXXXXX", path[64];
	uint8_t secret[32], want[SHA2_256_LEN];
	struct buf token;
	struct stat st;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/crash-secret", dir);
	crash_secret = path;
	for (int start = 0; start < 2; start++) {
		token = token_of(spis);
		fd = open(path, O_RDONLY);
		assert_int_equal(read(fd, secret, sizeof(secret)), sizeof(secret));
		assert_int_equal(fstat(fd, &st), 0);
		close(fd);
		assert_int_equal(st.st_mode & 07777, 0600);
		assert_int_equal(st.st_size, sizeof(secret));
		assert_true(prf(PRF_HMAC_SHA2_256, BYTES_OF(secret), &spis, 1, want));
		assert_true(bytes_equal(buf_view(&token), BYTES_OF(want)));
		buf_free(&token);
	}
	chmod(path, 0644); /* what others may read is no secret */
	token = token_of(spis);
	assert_int_equal(token.len, 0);
	buf_free(&token);
	unlink(path);
	rmdir(dir);
	crash_secret = NULL;
	token = token_of(spis);
	assert_int_equal(token.len, 0);
	buf_free(&token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_with_every_kind_of_key),
		cmocka_unit_test(makes_the_auth_data_of_the_vectors),
		cmocka_unit_test(stirs_a_ppk_into_three_keys),
		cmocka_unit_test(a_new_set_replaces_the_old_one_whole_or_not_at_all),
		cmocka_unit_test(a_place_of_an_older_set_names_what_it_named_then_or_nothing),
		cmocka_unit_test(an_older_set_s_key_signs_while_it_is_where_it_was),
		cmocka_unit_test(refuses_keys_that_cannot_sign),
		cmocka_unit_test(ends_on_garbage),
		cmocka_unit_test(refuses_files_that_hold_no_set),
		cmocka_unit_test(ends_with_its_keeper),
		cmocka_unit_test(ends_when_the_socket_closes_inside_a_message),
		cmocka_unit_test(takes_messages_in_any_pieces),
		cmocka_unit_test(signs_the_longest_message),
		cmocka_unit_test(gives_up_everything_before_the_first_secret),
		cmocka_unit_test(refuses_wrong_words_and_stays_no_root),
		cmocka_unit_test(the_crash_secret_outlives_the_signer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
