/* A peer's chain against the CAs: RFC 5280 section 6, by the crypto library; RFC 4945 section 3.1.
 */
#include "crypto/x509_trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "crypto/pkey.h"

/* 112 bits: RSA from 2048, no SHA-1 (RFC 8247 section 4). */
enum { SECURITY_LEVEL = 2, DEPTH_MAX = 4 };

/* Numbers of RFC 7296 section 3.5, of which certificates know these. */
enum { TYPE_IPV4 = 1, TYPE_FQDN = 2, TYPE_MAIL = 3, TYPE_IPV6 = 5, TYPE_DN = 9 };

static STACK_OF(X509) * chain_parse(struct bytes chain)
{
	STACK_OF(X509) *list = sk_X509_new_null();
	const uint8_t *at = chain.data;
	const uint8_t *end = chain.data + chain.len;

	while (list != NULL && at < end) {
		X509 *certificate = sk_X509_num(list) == X509_CHAIN_MAX
		                        ? NULL
		                        : d2i_X509(NULL, &at, (long)(end - at));

		if (certificate == NULL || sk_X509_push(list, certificate) == 0) {
			X509_free(certificate);
			sk_X509_pop_free(list, X509_free);
			return NULL;
		}
	}
	return list;
}

/* A CA without a CRL: fine unless strictcrlpolicy=yes. One that has expired never is. */
static int on_error(int ok, X509_STORE_CTX *ctx)
{
	const struct x509_trust *trust = X509_STORE_CTX_get_app_data(ctx);
	int error = X509_STORE_CTX_get_error(ctx);

	if (ok)
		return 1;
	return error == X509_V_ERR_UNABLE_TO_GET_CRL && !x509_trust_wants_crls(trust);
}

static enum x509_verdict verdict_of(int error)
{
	switch (error) {
	case X509_V_OK:
		return X509_VERDICT_OK;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		return X509_VERDICT_EXPIRED;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		return X509_VERDICT_NOT_YET_VALID;
	case X509_V_ERR_CERT_REVOKED:
		return X509_VERDICT_REVOKED;
	case X509_V_ERR_UNABLE_TO_GET_CRL:
	case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
		return X509_VERDICT_CRL_MISSING;
	case X509_V_ERR_CRL_HAS_EXPIRED:
	case X509_V_ERR_CRL_NOT_YET_VALID:
		return X509_VERDICT_CRL_EXPIRED;
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
	case X509_V_ERR_CERT_UNTRUSTED:
		return X509_VERDICT_UNKNOWN_CA;
	case X509_V_ERR_EE_KEY_TOO_SMALL:
	case X509_V_ERR_CA_KEY_TOO_SMALL:
	case X509_V_ERR_CA_MD_TOO_WEAK:
		return X509_VERDICT_WEAK;
	default:
		return X509_VERDICT_BAD;
	}
}

static void set_rules(X509_STORE_CTX *ctx, const struct x509_trust *trust, int64_t time)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);

	X509_VERIFY_PARAM_set_time(param, (time_t)time);
	X509_VERIFY_PARAM_set_depth(param, DEPTH_MAX);
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
	if (x509_trust_has_crls(trust) || x509_trust_wants_crls(trust))
		X509_VERIFY_PARAM_set_flags(param,
		                            X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
	X509_STORE_CTX_set_app_data(ctx, (void *)trust);
	X509_STORE_CTX_set_verify_cb(ctx, on_error);
}

/* Is that name among those who issued it? */
static bool is_issued_by(X509_STORE_CTX *ctx, struct bytes ca)
{
	STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);

	for (int i = 1; i < sk_X509_num(chain); i++) {
		uint8_t *der = NULL;
		int len = i2d_X509_NAME(X509_get_subject_name(sk_X509_value(chain, i)), &der);
		bool same = len > 0 && dn_equal(BYTES(der, (size_t)len), ca);

		OPENSSL_free(der);
		if (same)
			return true;
	}
	return false;
}

static enum x509_verdict check_chain(const struct x509_trust *trust, STACK_OF(X509) * chain,
                                     struct bytes ca, int64_t time)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum x509_verdict verdict = X509_VERDICT_BAD;

	if (ctx != NULL && X509_STORE_CTX_init(ctx, x509_trust_store(trust),
	                                       sk_X509_value(chain, 0), chain) == 1) {
		set_rules(ctx, trust, time);
		if (X509_verify_cert(ctx) == 1)
			verdict = X509_VERDICT_OK;
		else
			verdict = verdict_of(X509_STORE_CTX_get_error(ctx));
		if (verdict == X509_VERDICT_OK && ca.len > 0 && !is_issued_by(ctx, ca))
			verdict = X509_VERDICT_WRONG_CA;
	}
	X509_STORE_CTX_free(ctx);
	return verdict;
}

/* RFC 4945 section 5.1.3.2: keyUsage, if it is there, allows signatures of one kind or another. */
static bool may_sign(X509 *leaf)
{
	uint32_t usage = X509_get_key_usage(leaf);

	return (usage & (X509v3_KU_DIGITAL_SIGNATURE | X509v3_KU_NON_REPUDIATION)) != 0;
}

/*
 * RFC 4945 section 5.1.3.12 takes ipsecIKE, any purpose, or no such extension. Many CAs make
 * certificates of hosts for TLS alone, as other makes want them for IKE: taken as well, because
 * what the host is called is checked as for TLS. Those for mail or for code are not.
 */
static bool is_purpose_of_host(int purpose)
{
	static const int purposes[] = { NID_ipsec_IKE,   NID_anyExtendedKeyUsage,
		                        NID_server_auth, NID_client_auth,
		                        NID_ipsecTunnel, NID_ipsecEndSystem };

	for (size_t i = 0; i < ARRAY_LEN(purposes); i++) {
		if (purposes[i] == purpose)
			return true;
	}
	return false;
}

static bool may_be_host(X509 *leaf)
{
	int found;
	EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(leaf, NID_ext_key_usage, &found, NULL);
	bool is_fine = purposes == NULL && found == -1; /* there is none */

	for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++)
		is_fine |= is_purpose_of_host(OBJ_obj2nid(sk_ASN1_OBJECT_value(purposes, i)));
	sk_ASN1_OBJECT_pop_free(purposes, ASN1_OBJECT_free);
	return is_fine;
}

static bool has_subject(X509 *leaf, struct bytes id)
{
	uint8_t *der = NULL;
	int len = i2d_X509_NAME(X509_get_subject_name(leaf), &der);
	bool same = len > 0 && dn_equal(BYTES(der, (size_t)len), id);

	OPENSSL_free(der);
	return same;
}

static bool has_name(X509 *leaf, struct bytes id)
{
	if (id.len > 1 && id.data[id.len - 1] == '.')
		id.len--;
	/* The library would take ".example.net" for every host below it. */
	if (id.len == 0 || id.data[0] == '.')
		return false;
	return X509_check_host(leaf, (const char *)id.data, id.len,
	                       X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
	                       NULL) == 1;
}

/* RFC 4945 section 3.1: the identity is in the certificate, in its own form. */
static bool is_for(X509 *leaf, uint8_t id_type, struct bytes id)
{
	switch (id_type) {
	case TYPE_IPV4:
	case TYPE_IPV6:
		return X509_check_ip(leaf, id.data, id.len, 0) == 1;
	case TYPE_FQDN:
		return has_name(leaf, id);
	case TYPE_MAIL:
		return X509_check_email(leaf, (const char *)id.data, id.len,
		                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT) == 1;
	case TYPE_DN:
		return has_subject(leaf, id);
	default:
		return false;
	}
}

enum x509_verdict x509_check(const struct x509_trust *trust, const struct x509_claim *claim,
                             int64_t time, struct pubkey *key)
{
	STACK_OF(X509) *chain = NULL;
	enum x509_verdict verdict = X509_VERDICT_MALFORMED;
	struct pubkey found;
	X509 *leaf;

	if (claim->chain.len == 0)
		return X509_VERDICT_NONE;
	if (claim->chain.len <= X509_CHAIN_LEN_MAX)
		chain = chain_parse(claim->chain);
	leaf = chain == NULL ? NULL : sk_X509_value(chain, 0);
	if (leaf != NULL && X509_get0_pubkey(leaf) != NULL &&
	    pkey_public(X509_get0_pubkey(leaf), &found))
		verdict = check_chain(trust, chain, claim->ca, time);
	if (verdict == X509_VERDICT_OK && !may_sign(leaf))
		verdict = X509_VERDICT_USAGE;
	if (verdict == X509_VERDICT_OK && !may_be_host(leaf))
		verdict = X509_VERDICT_PURPOSE;
	if (verdict == X509_VERDICT_OK && !is_for(leaf, claim->id_type, claim->id))
		verdict = X509_VERDICT_WRONG_IDENTITY;
	if (verdict == X509_VERDICT_OK)
		*key = found;
	sk_X509_pop_free(chain, X509_free);
	ERR_clear_error();
	return verdict;
}

struct buf x509_do_job(const struct crypto_job *job, int64_t time)
{
	uint8_t octets[2 + PUBKEY_OCTETS_MAX];
	struct writer w = writer_on(octets, sizeof(octets));
	struct pubkey key = { .type = PUBKEY_NONE };
	enum x509_verdict verdict = x509_check(job->trust, &job->claim, time, &key);

	if (verdict == X509_VERDICT_OK &&
	    !pubkey_verify(&key, job->signature_id, job->data, job->signature))
		verdict = X509_VERDICT_SIGNATURE;
	write_u8(&w, (uint8_t)verdict);
	if (verdict == X509_VERDICT_OK) {
		write_u8(&w, (uint8_t)key.type);
		write_bytes(&w, pubkey_octets(&key));
	}
	return buf_copy(writer_view(&w));
}

enum x509_verdict x509_job_result(struct bytes result, struct pubkey *key)
{
	struct reader r = reader_of(result);
	uint8_t verdict = read_u8(&r);
	struct pubkey found = { .type = PUBKEY_NONE };
	struct bytes octets;

	if (r.failed || verdict > X509_VERDICT_SIGNATURE)
		return X509_VERDICT_BAD;
	if (verdict != X509_VERDICT_OK)
		return (enum x509_verdict)verdict;
	found.type = (enum pubkey_type)read_u8(&r);
	octets = read_rest(&r);
	if (r.failed || octets.len == 0 || octets.len > sizeof(found.octets))
		return X509_VERDICT_BAD;
	found.len = (uint16_t)octets.len;
	memcpy(found.octets, octets.data, octets.len);
	*key = found;
	return X509_VERDICT_OK;
}
