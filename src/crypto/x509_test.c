#include "crypto/pki_bed.h"
#include "crypto/pkey.h"
#include "crypto/x509.h"

static struct authority root, middle, stranger;

static int set_up(void **state)
{
	root = authority_new("Root", NULL, 1000);
	middle = authority_new("Middle", &root, 1000);
	stranger = authority_new("Stranger", NULL, 1000);
	return 0;
}

static int tear_down(void **state)
{
	authority_wipe(&root);
	authority_wipe(&middle);
	authority_wipe(&stranger);
	return 0;
}

static struct x509_trust *trust_root(bool wants_crls)
{
	struct x509_trust *trust = x509_trust_new(wants_crls);
	CLEANUP(buf_free) struct buf pem = certificate_pem(root.certificate);

	assert_int_equal(x509_trust_add_cas(trust, buf_view(&pem)), 1);
	return trust;
}

static void add_crl(struct x509_trust *trust, struct authority *by, long serial, int64_t until)
{
	X509_CRL *crl = crl_new(by, &serial, serial != 0, until);
	CLEANUP(buf_free) struct buf pem = crl_pem(crl);

	assert_int_equal(x509_trust_add_crls(trust, buf_view(&pem)), 1);
	X509_CRL_free(crl);
}

static long serial_of(X509 *certificate)
{
	return ASN1_INTEGER_get(X509_get_serialNumber(certificate));
}

static enum x509_verdict check(const struct x509_trust *trust, struct bytes chain, uint8_t type,
                               const char *id)
{
	const struct x509_claim claim = { .chain = chain, .id_type = type, .id = BYTES_STR(id) };
	struct pubkey key;

	return x509_check(trust, &claim, PKI_NOW, &key);
}

static enum x509_verdict check_west(const struct x509_trust *trust, X509 *leaf, X509 *next)
{
	CLEANUP(buf_free) struct buf chain = chain_der(leaf, next, NULL);

	return check(trust, buf_view(&chain), 2, "west.example.net");
}

static const struct leaf_wish west = { .subject = "west",
	                               .san = "DNS:west.example.net,DNS:*.example.org,"
	                                      "email:ann@example.net,IP:192.0.2.1,IP:2001:db8::1",
	                               .usage = "digitalSignature" };

static void takes_the_key_of_a_chain_that_holds(void **state)
{
	struct x509_trust *trust = trust_root(false);
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct leaf_wish wish = west;
	struct pubkey want, key = { 0 };
	X509 *leaf;

	wish.key = pkey;
	leaf = leaf_new(&middle, &wish);
	CLEANUP(buf_free) struct buf chain = chain_der(leaf, middle.certificate, NULL);
	const struct x509_claim claim = { .chain = buf_view(&chain),
		                          .id_type = 2,
		                          .id = BYTES_STR("West.Example.net.") };

	assert_true(pkey_public(pkey, &want));
	assert_int_equal(x509_check(trust, &claim, PKI_NOW, &key), X509_VERDICT_OK);
	assert_true(pubkey_equal(&key, &want));
	X509_free(leaf);
	EVP_PKEY_free(pkey);
	x509_trust_release(trust);
}

/* RFC 4945 section 3.1 */
static void the_identity_is_in_the_certificate_in_its_own_form(void **state)
{
	static const struct {
		uint8_t type;
		const char *id;
		size_t len;
		bool ok;
	} cases[] = {
		{ 2, "west.example.net", 16, true },
		{ 2, "WEST.example.NET", 16, true },
		{ 2, "east.example.net", 16, false },
		{ 2, ".example.net", 12, false },  /* everything below it */
		{ 2, "a.example.org", 13, false }, /* wildcards are for others */
		{ 2, "west", 4, false },           /* the CN is no host name */
		{ 2, "west.example.net\0.org", 21, false },
		{ 3, "ann@example.net", 15, true },
		{ 3, "ann@EXAMPLE.net", 15, true },
		{ 3, "Ann@example.net", 15, false },
		{ 1, "\xc0\x00\x02\x01", 4, true },
		{ 1, "\xc0\x00\x02\x02", 4, false },
		{ 5, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16, true },
		{ 11, "west.example.net", 16, false }, /* KEY_ID */
		{ 13, "", 0, false },
	};
	struct x509_trust *trust = trust_root(false);
	X509 *leaf = leaf_new(&root, &west);
	CLEANUP(buf_free) struct buf chain = chain_der(leaf, NULL, NULL);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct x509_claim claim = { .chain = buf_view(&chain),
			                          .id_type = cases[i].type,
			                          .id = BYTES(cases[i].id, cases[i].len) };
		struct pubkey key;

		assert_int_equal(x509_check(trust, &claim, PKI_NOW, &key),
		                 cases[i].ok ? X509_VERDICT_OK : X509_VERDICT_WRONG_IDENTITY);
	}
	X509_free(leaf);
	x509_trust_release(trust);
}

static void the_subject_is_an_identity_too(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "C=CH, O=Example\\, Ltd, CN=west", true },
		{ "/C=CH/O=Example, Ltd/CN=west", true },
		{ "C=ch, O=example\\, ltd,CN=West", true }, /* RFC 5280 section 7.1 */
		{ "CN=west, O=Example\\, Ltd, C=CH", false },
		{ "C=CH, O=Example\\, Ltd, CN=east", false },
		{ "C=CH, O=Example\\, Ltd", false },
	};
	struct x509_trust *trust = trust_root(false);
	X509 *leaf = leaf_new(&root, &west);
	CLEANUP(buf_free) struct buf chain = chain_der(leaf, NULL, NULL);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t der[256];
		size_t len;
		struct pubkey key;
		struct x509_claim claim = { .chain = buf_view(&chain), .id_type = 9 };

		assert_true(dn_parse(cases[i].text, der, sizeof(der), &len));
		claim.id = BYTES(der, len);
		assert_int_equal(x509_check(trust, &claim, PKI_NOW, &key),
		                 cases[i].ok ? X509_VERDICT_OK : X509_VERDICT_WRONG_IDENTITY);
	}
	X509_free(leaf);
	x509_trust_release(trust);
}

static void says_what_is_wrong_with_a_chain(void **state)
{
	struct leaf_wish wishes[] = { west, west, west, west, west };
	struct x509_trust *trust = trust_root(false);
	struct authority *issuers[] = { &root, &root, &stranger, &root, &root };
	static const enum x509_verdict want[] = { X509_VERDICT_EXPIRED, X509_VERDICT_NOT_YET_VALID,
		                                  X509_VERDICT_UNKNOWN_CA, X509_VERDICT_WEAK,
		                                  X509_VERDICT_USAGE };

	wishes[0].until = PKI_NOW - 1;
	wishes[1].from = PKI_NOW + 1;
	wishes[3].md = EVP_sha1();
	wishes[4].usage = "keyEncipherment";
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
		X509 *leaf = leaf_new(issuers[i], &wishes[i]);

		assert_int_equal(check_west(trust, leaf, NULL), want[i]);
		X509_free(leaf);
	}
	x509_trust_release(trust);
}

/* RFC 4945 section 5.1.3.12 */
static void a_certificate_for_other_purposes_is_none_of_a_gateway(void **state)
{
	static const struct {
		const char *purposes;
		enum x509_verdict want;
	} cases[] = {
		{ NULL, X509_VERDICT_OK },
		{ "ipsecIKE", X509_VERDICT_OK },
		{ "critical,codeSigning,ipsecIKE", X509_VERDICT_OK },
		{ "anyExtendedKeyUsage", X509_VERDICT_OK },
		{ "serverAuth", X509_VERDICT_OK },
		{ "emailProtection,clientAuth", X509_VERDICT_OK },
		{ "emailProtection", X509_VERDICT_PURPOSE },
		{ "critical,codeSigning,timeStamping", X509_VERDICT_PURPOSE },
		{ "OCSPSigning", X509_VERDICT_PURPOSE },
		{ "1.2.3.4", X509_VERDICT_PURPOSE },
	};
	struct x509_trust *trust = trust_root(false);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct leaf_wish wish = west;
		X509 *leaf;

		wish.purposes = cases[i].purposes;
		leaf = leaf_new(&root, &wish);
		assert_int_equal(check_west(trust, leaf, NULL), cases[i].want);
		X509_free(leaf);
	}
	x509_trust_release(trust);
}

static void a_chain_without_its_middle_leads_nowhere(void **state)
{
	struct x509_trust *trust = trust_root(false);
	X509 *leaf = leaf_new(&middle, &west);

	assert_int_equal(check_west(trust, leaf, NULL), X509_VERDICT_UNKNOWN_CA);
	assert_int_equal(check_west(trust, leaf, middle.certificate), X509_VERDICT_OK);
	X509_free(leaf);
	x509_trust_release(trust);
}

/* A certificate is no CA, whatever it signs. */
static void a_leaf_issues_nothing(void **state)
{
	struct x509_trust *trust = trust_root(false);
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct leaf_wish wish = west;
	struct authority false_ca = { .serial = 1 };
	X509 *leaf;

	wish.key = key;
	false_ca.key = key;
	false_ca.certificate = leaf_new(&root, &wish);
	leaf = leaf_new(&false_ca, &west);
	assert_int_not_equal(check_west(trust, leaf, false_ca.certificate), X509_VERDICT_OK);
	X509_free(leaf);
	authority_wipe(&false_ca);
	x509_trust_release(trust);
}

static void crls_revoke_and_expire(void **state)
{
	X509 *leaf = leaf_new(&root, &west);
	static const struct {
		bool is_strict, has_crl, is_revoked, is_expired;
		enum x509_verdict want;
	} cases[] = {
		{ false, false, false, false, X509_VERDICT_OK },
		{ true, false, false, false, X509_VERDICT_CRL_MISSING },
		{ false, true, false, false, X509_VERDICT_OK },
		{ true, true, false, false, X509_VERDICT_OK },
		{ false, true, true, false, X509_VERDICT_REVOKED },
		{ false, true, false, true, X509_VERDICT_CRL_EXPIRED },
		{ true, true, false, true, X509_VERDICT_CRL_EXPIRED },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct x509_trust *trust = trust_root(cases[i].is_strict);

		if (cases[i].has_crl)
			add_crl(trust, &root, cases[i].is_revoked ? serial_of(leaf) : 0,
			        cases[i].is_expired ? PKI_NOW - 1 : PKI_NOW + PKI_DAY);
		assert_int_equal(check_west(trust, leaf, NULL), cases[i].want);
		x509_trust_release(trust);
	}
	X509_free(leaf);
}

/* A CRL of one CA says nothing of another's certificates. */
static void a_crl_counts_for_its_own_ca(void **state)
{
	struct x509_trust *trust = trust_root(false);
	X509 *leaf = leaf_new(&middle, &west);

	add_crl(trust, &root, serial_of(leaf), PKI_NOW + PKI_DAY);
	assert_int_equal(check_west(trust, leaf, middle.certificate), X509_VERDICT_OK);
	add_crl(trust, &root, serial_of(middle.certificate), PKI_NOW + 2 * PKI_DAY);
	x509_trust_release(trust);
	trust = trust_root(false);
	add_crl(trust, &root, serial_of(middle.certificate), PKI_NOW + PKI_DAY);
	assert_int_equal(check_west(trust, leaf, middle.certificate), X509_VERDICT_REVOKED);
	X509_free(leaf);
	x509_trust_release(trust);
}

static void a_conn_may_name_its_ca(void **state)
{
	static const struct {
		const char *ca;
		bool ok;
	} cases[] = {
		{ "C=CH, O=Example\\, Ltd, CN=Root", true },
		{ "C=CH, O=Example\\, Ltd, CN=Middle", true },
		{ "C=CH, O=Example\\, Ltd, CN=Stranger", false },
		{ "C=CH, O=Example\\, Ltd, CN=west", false }, /* it did not issue itself */
	};
	struct x509_trust *trust = trust_root(false);
	X509 *leaf = leaf_new(&middle, &west);
	CLEANUP(buf_free) struct buf chain = chain_der(leaf, middle.certificate, NULL);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct x509_claim claim = { .chain = buf_view(&chain),
			                    .id_type = 2,
			                    .id = BYTES_STR("west.example.net") };
		struct pubkey key;
		uint8_t der[256];
		size_t len;

		assert_true(dn_parse(cases[i].ca, der, sizeof(der), &len));
		claim.ca = BYTES(der, len);
		assert_int_equal(x509_check(trust, &claim, PKI_NOW, &key),
		                 cases[i].ok ? X509_VERDICT_OK : X509_VERDICT_WRONG_CA);
	}
	X509_free(leaf);
	x509_trust_release(trust);
}

static void octets_that_are_no_chain_are_refused(void **state)
{
	struct x509_trust *trust = trust_root(false);
	X509 *leaf = leaf_new(&root, &west);
	CLEANUP(buf_free) struct buf one = chain_der(leaf, NULL, NULL);
	struct buf many = { .data = new_array(one.len, X509_CHAIN_MAX + 1) };

	for (size_t i = 0; i <= X509_CHAIN_MAX; i++, many.len += one.len)
		memcpy(many.data + many.len, one.data, one.len);
	assert_int_equal(check(trust, BYTES(NULL, 0), 2, "west.example.net"), X509_VERDICT_NONE);
	assert_int_equal(check(trust, BYTES(one.data, one.len - 1), 2, "west.example.net"),
	                 X509_VERDICT_MALFORMED);
	assert_int_equal(check(trust, BYTES_STR("west"), 2, "west.example.net"),
	                 X509_VERDICT_MALFORMED);
	assert_int_equal(check(trust, buf_view(&many), 2, "west.example.net"),
	                 X509_VERDICT_MALFORMED);
	buf_free(&many);
	X509_free(leaf);
	x509_trust_release(trust);
}

static void reads_files_of_both_forms_and_several(void **state)
{
	X509 *leaf = leaf_new(&middle, &west);
	CLEANUP(buf_free) struct buf a = certificate_pem(leaf);
	CLEANUP(buf_free) struct buf b = certificate_pem(middle.certificate);
	CLEANUP(buf_free) struct buf der = certificate_der(leaf);
	CLEANUP(buf_free) struct buf want = chain_der(leaf, middle.certificate, NULL);
	CLEANUP(buf_free) struct buf both = { .data = new_array(a.len + b.len, 1) };
	CLEANUP(buf_free) struct buf chain = { 0 };
	CLEANUP(buf_free) struct buf single = { 0 };
	CLEANUP(buf_free) struct buf subject = { 0 };
	CLEANUP(buf_free) struct buf issuer = { 0 };
	struct x509_trust *trust = x509_trust_new(false);
	struct pubkey key;
	char text[128];

	memcpy(both.data, a.data, a.len);
	memcpy(both.data + a.len, b.data, b.len);
	both.len = a.len + b.len;
	assert_true(x509_chain_read(buf_view(&both), &chain));
	assert_true(bytes_equal(buf_view(&chain), buf_view(&want)));
	assert_true(x509_chain_read(buf_view(&der), &single));
	assert_true(bytes_equal(buf_view(&single), buf_view(&der)));
	assert_false(x509_chain_read(BYTES_STR("no certificate"), &single));
	assert_true(x509_leaf(buf_view(&chain), &key, &subject, &issuer));
	assert_int_equal(key.type, PUBKEY_ECDSA_P256);
	dn_text(buf_view(&subject), text, sizeof(text));
	assert_string_equal(text, "C=CH, O=Example\\, Ltd, CN=west");
	dn_text(buf_view(&issuer), text, 10);
	assert_string_equal(text, "C=CH, O=E");
	/* A leaf is no CA. */
	assert_int_equal(x509_trust_add_cas(trust, buf_view(&a)), -1);
	assert_int_equal(x509_trust_add_cas(trust, buf_view(&b)), 1);
	assert_int_equal(x509_trust_hashes(trust).len, X509_CA_HASH_LEN);
	assert_int_equal(x509_trust_add_crls(trust, buf_view(&b)), -1);
	X509_free(leaf);
	x509_trust_release(trust);
}

static struct buf joined(struct bytes a, struct bytes b)
{
	struct buf both = { .data = new_array(a.len + b.len, 1), .len = a.len + b.len };

	memcpy(both.data, a.data, a.len);
	memcpy(both.data + a.len, b.data, b.len);
	return both;
}

/* Else what the rest of a CRL's file revokes would be good, and nobody would know. */
static void a_file_with_a_broken_one_behind_a_good_one_is_told(void **state)
{
	X509_CRL *crl = crl_new(&root, NULL, 0, PKI_NOW + PKI_DAY);
	CLEANUP(buf_free) struct buf of_crl = crl_pem(crl);
	CLEANUP(buf_free) struct buf of_ca = certificate_pem(root.certificate);
	struct bytes cut_crl = BYTES(of_crl.data, of_crl.len / 2);
	struct bytes cut_ca = BYTES(of_ca.data, of_ca.len / 2);
	const struct {
		struct bytes first, second;
		bool is_crl, is_fine;
	} cases[] = {
		{ buf_view(&of_crl), BYTES_STR("the end\n"), true, true },
		{ buf_view(&of_crl), buf_view(&of_ca), true, true },
		{ buf_view(&of_crl), cut_crl, true, false },
		{ buf_view(&of_crl),
		  BYTES_STR("-----BEGIN X509 CRL-----\n*\n-----END X509 CRL-----\n"), true, false },
		{ buf_view(&of_crl),
		  BYTES_STR("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n"), true,
		  false },
		{ buf_view(&of_ca), BYTES_STR("the end\n"), false, true },
		{ buf_view(&of_ca), cut_ca, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf text = joined(cases[i].first, cases[i].second);
		CLEANUP(buf_free) struct buf chain = { 0 };
		struct x509_trust *trust = x509_trust_new(false);
		struct bytes view = buf_view(&text);

		assert_int_equal(cases[i].is_crl ? x509_trust_add_crls(trust, view)
		                                 : x509_trust_add_cas(trust, view),
		                 cases[i].is_fine ? 1 : -1);
		if (!cases[i].is_crl)
			assert_int_equal(x509_chain_read(view, &chain), cases[i].is_fine);
		x509_trust_release(trust);
	}
	X509_CRL_free(crl);
}

static void a_job_checks_the_chain_and_the_signature(void **state)
{
	struct x509_trust *trust = trust_root(false);
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	struct leaf_wish wish = west;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t signature[64];
	size_t len = sizeof(signature);
	struct pubkey want, key = { 0 };
	X509 *leaf;

	wish.key = pkey;
	leaf = leaf_new(&root, &wish);
	CLEANUP(buf_free) struct buf chain = chain_der(leaf, NULL, NULL);
	struct crypto_job job = { .kind = CRYPTO_JOB_VERIFY_CERT,
		                  .trust = trust,
		                  .signature_id = SIGNATURE_ED25519,
		                  .data = BYTES_STR("signed octets"),
		                  .claim = { .chain = buf_view(&chain),
		                             .id_type = 2,
		                             .id = BYTES_STR("west.example.net") } };

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, pkey), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &len, job.data.data, job.data.len), 1);
	job.signature = BYTES(signature, len);
	CLEANUP(buf_free) struct buf good = x509_do_job(&job, PKI_NOW);
	CLEANUP(buf_free) struct buf late = x509_do_job(&job, PKI_NOW + 10 * PKI_DAY);
	signature[5] ^= 1;
	CLEANUP(buf_free) struct buf bad = x509_do_job(&job, PKI_NOW);

	assert_true(pkey_public(pkey, &want));
	assert_int_equal(x509_job_result(buf_view(&good), &key), X509_VERDICT_OK);
	assert_true(pubkey_equal(&key, &want));
	assert_int_equal(x509_job_result(buf_view(&late), &key), X509_VERDICT_EXPIRED);
	assert_int_equal(x509_job_result(buf_view(&bad), &key), X509_VERDICT_SIGNATURE);
	assert_int_equal(x509_job_result(BYTES(NULL, 0), &key), X509_VERDICT_BAD);
	assert_int_equal(x509_job_result(BYTES("\xff", 1), &key), X509_VERDICT_BAD);
	EVP_MD_CTX_free(ctx);
	X509_free(leaf);
	EVP_PKEY_free(pkey);
	x509_trust_release(trust);
}

static void refuses_names_it_does_not_understand(void **state)
{
	static const char *const cases[] = { "",    "/",     "west",         "C=CH,,CN=west",
		                             "CN=", "=west", "NOTHING=west", "C=Switzerland" };
	uint8_t der[64];
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_false(dn_parse(cases[i], der, sizeof(der), &len));
	assert_false(dn_parse("CN=a name that is much too long for the room there is for it, yes",
	                      der, sizeof(der), &len));
	assert_true(dn_parse("E=ann@example.net", der, sizeof(der), &len));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_the_key_of_a_chain_that_holds),
		cmocka_unit_test(the_identity_is_in_the_certificate_in_its_own_form),
		cmocka_unit_test(the_subject_is_an_identity_too),
		cmocka_unit_test(says_what_is_wrong_with_a_chain),
		cmocka_unit_test(a_certificate_for_other_purposes_is_none_of_a_gateway),
		cmocka_unit_test(a_chain_without_its_middle_leads_nowhere),
		cmocka_unit_test(a_leaf_issues_nothing),
		cmocka_unit_test(crls_revoke_and_expire),
		cmocka_unit_test(a_crl_counts_for_its_own_ca),
		cmocka_unit_test(a_conn_may_name_its_ca),
		cmocka_unit_test(octets_that_are_no_chain_are_refused),
		cmocka_unit_test(reads_files_of_both_forms_and_several),
		cmocka_unit_test(a_file_with_a_broken_one_behind_a_good_one_is_told),
		cmocka_unit_test(a_job_checks_the_chain_and_the_signature),
		cmocka_unit_test(refuses_names_it_does_not_understand),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
