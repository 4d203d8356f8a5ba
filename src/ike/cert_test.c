#include "ike/two_ends_cases.h"

#include "crypto/pki_bed.h"
#include "crypto/x509.h"

/* Both ends have certificates of one root, west's through a CA in the middle. */
static struct authority root, middle, stranger;
static struct x509_trust *trust;
static X509 *leaves[2];
static struct buf chains[2];

static const struct leaf_wish leaf_wishes[] = {
	{ .subject = "west", .san = "DNS:west.example.net" },
	{ .subject = "east", .san = "DNS:east.example.net" },
};

static void give_chain(enum side side, struct authority *issuer, X509 *next)
{
	struct leaf_wish wish = leaf_wishes[side];

	X509_free(leaves[side]);
	buf_free(&chains[side]);
	wish.key = t.end[side].key;
	leaves[side] = leaf_new(issuer, &wish);
	chains[side] = chain_der(leaves[side], next, NULL);
	t.end[side].self.chain = buf_view(&chains[side]);
}

static int set_up_certificates(void **state)
{
	static const char *const names[] = { "west.example.net", "east.example.net" };

	set_up(state);
	root = authority_new("Root", NULL, 100);
	middle = authority_new("Middle", &root, 100);
	stranger = authority_new("Stranger", NULL, 100);
	trust = x509_trust_new(false);
	CLEANUP(buf_free) struct buf pem = certificate_pem(root.certificate);

	assert_int_equal(x509_trust_add_cas(trust, buf_view(&pem)), 1);
	for (int side = WEST; side <= EAST; side++) {
		t.end[side].self.id = id_of_fqdn(names[side]);
		t.end[side].certs.trust = trust;
		/* What the raw keys say must not matter. */
		memset(t.end[side].trusted.octets, 7, sizeof(t.end[side].trusted.octets));
	}
	give_chain(WEST, &middle, middle.certificate);
	give_chain(EAST, &root, NULL);
	return 0;
}

static int tear_down_certificates(void **state)
{
	tear_down(state);
	for (int side = WEST; side <= EAST; side++) {
		X509_free(leaves[side]);
		leaves[side] = NULL;
		buf_free(&chains[side]);
	}
	x509_trust_release(trust);
	authority_wipe(&root);
	authority_wipe(&middle);
	authority_wipe(&stranger);
	return 0;
}

/* West initiates towards whom it calls east.example.net, for a configured tunnel. */
static void contact(void)
{
	struct ike_wish wish = wish_of(&t, WEST);

	wish.expected_id = id_of_fqdn("east.example.net");
	wish.is_opportunistic = false;
	initiate_wish(&t, WEST, &wish);
	pass_all(&t);
}

static void expect_refusal(enum side by)
{
	enum ike_reason reason = last_news(&t.end[WEST], NEWS_CHILD_FAILED)->reason;

	assert_int_equal(reason, by == WEST ? IKE_REASON_BAD_CERTIFICATE
	                                    : IKE_REASON_AUTHENTICATION_FAILED);
	assert_int_equal(count_news(&t.end[WEST], NEWS_SA_UP), 0);
	if (by == EAST)
		assert_int_equal(count_news(&t.end[EAST], NEWS_SA_UP), 0);
}

/* RFC 7296 sections 3.6 and 3.7, RFC 4945 */
static void certificates_asked_for_prove_both(void **state)
{
	contact();
	expect_tunnels(&t, 1);
	for (int side = WEST; side <= EAST; side++) {
		const struct ike_established *up = &last_news(&t.end[side], NEWS_SA_UP)->up;

		assert_true(up->by_certificate);
		assert_true(pubkey_equal(&up->peer_key, &t.end[peer_of((enum side)side)].pubkey));
	}
}

static void a_certificate_that_is_kept_back_proves_nothing(void **state)
{
	t.end[EAST].self.send_cert = IKE_SEND_CERT_NEVER;
	contact();
	expect_refusal(WEST);
}

static void nobody_asks_and_it_comes_all_the_same(void **state)
{
	/* East knows west by its key, and so asks for nothing. */
	t.end[EAST].certs.trust = NULL;
	t.end[EAST].trusted = t.end[WEST].pubkey;
	t.end[EAST].self.send_cert = IKE_SEND_CERT_ALWAYS;
	t.end[WEST].self.send_cert = IKE_SEND_CERT_ALWAYS;
	contact();
	expect_tunnels(&t, 1);
	assert_false(last_news(&t.end[EAST], NEWS_SA_UP)->up.by_certificate);
}

static void a_certificate_of_an_unknown_ca_is_refused(void **state)
{
	give_chain(EAST, &stranger, stranger.certificate);
	contact();
	expect_refusal(WEST);
}

static void a_chain_with_a_hole_is_refused(void **state)
{
	give_chain(WEST, &middle, NULL);
	contact();
	expect_refusal(EAST);
}

/* AUT-3: a good certificate of somebody else */
static void the_certificate_is_for_the_identity_that_is_claimed(void **state)
{
	t.end[EAST].self.id = id_of_fqdn("north.example.net");
	struct ike_wish wish = wish_of(&t, WEST);

	wish.expected_id = id_of_fqdn("north.example.net");
	wish.is_opportunistic = false;
	initiate_wish(&t, WEST, &wish);
	pass_all(&t);
	expect_refusal(WEST);
}

/* The certificate is public: whoever copied it has not its key. */
static void somebody_elses_certificate_proves_nothing(void **state)
{
	EVP_PKEY *thief = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	EVP_PKEY *owner = t.end[WEST].key;

	t.end[WEST].key = thief;
	contact();
	expect_refusal(EAST);
	t.end[WEST].key = owner;
	EVP_PKEY_free(thief);
}

static void the_conn_may_want_another_ca(void **state)
{
	uint8_t der[128];
	size_t len;

	assert_true(dn_parse("C=CH, O=Example\\, Ltd, CN=Middle", der, sizeof(der), &len));
	t.end[EAST].certs.ca = BYTES(der, len);
	contact();
	expect_tunnels(&t, 1); /* west's is of that CA */
	t.end[WEST].certs.ca = BYTES(der, len);
	forget_news(&t);
	contact();
	expect_refusal(WEST); /* east's is the root's own */
}

#define CERT_CASE(name) \
	cmocka_unit_test_setup_teardown(name, set_up_certificates, tear_down_certificates)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CERT_CASE(certificates_asked_for_prove_both),
		CERT_CASE(a_certificate_that_is_kept_back_proves_nothing),
		CERT_CASE(nobody_asks_and_it_comes_all_the_same),
		CERT_CASE(a_certificate_of_an_unknown_ca_is_refused),
		CERT_CASE(a_chain_with_a_hole_is_refused),
		CERT_CASE(the_certificate_is_for_the_identity_that_is_claimed),
		CERT_CASE(somebody_elses_certificate_proves_nothing),
		CERT_CASE(the_conn_may_want_another_ca),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
