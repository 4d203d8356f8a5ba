/*
 * A peer's certificates, names and raw keys: what is read and written again is the same, and
 * nothing a stranger makes up is accepted.
 */
#include <assert.h>
#include <stdlib.h>

#include "crypto/pkey.h"
#include "crypto/x509.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(struct bytes input)
{
	char *text = strndup((const char *)input.data, input.len);
	uint8_t der[255];
	size_t len;

	if (dn_parse(text, der, sizeof(der), &len)) {
		char out[512];

		assert(dn_equal(BYTES(der, len), BYTES(der, len)));
		dn_text(BYTES(der, len), out, sizeof(out));
		assert(out[0] != '\0');
	}
	free(text);
}

static void check_key(struct bytes input)
{
	uint8_t der[SPKI_LEN_MAX];
	struct writer w = writer_on(der, sizeof(der));
	struct pubkey first;
	struct pubkey second;

	if (!spki_parse(input, &first))
		return;
	assert(spki_write(&first, &w));
	assert(spki_parse(writer_view(&w), &second));
	assert(pubkey_equal(&first, &second));
}

static void check_chain(struct bytes input)
{
	static struct x509_trust *nobody;
	const struct x509_claim claim = { .chain = input, .id_type = 9, .id = input };
	struct buf chain = { 0 };
	struct buf subject = { 0 };
	struct pubkey key;

	if (nobody == NULL)
		nobody = x509_trust_new(false);
	assert(x509_check(nobody, &claim, 1800000000, &key) != X509_VERDICT_OK);
	if (!x509_chain_read(input, &chain))
		return;
	assert(chain.len > 0 && chain.len <= X509_CHAIN_LEN_MAX);
	if (x509_leaf(buf_view(&chain), &key, &subject, NULL))
		assert(key.type != PUBKEY_NONE);
	buf_free(&subject);
	buf_free(&chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes input = BYTES(data, size);
	struct pubkey key;

	(void)x509_job_result(input, &key);
	check_name(input);
	check_key(input);
	check_chain(input);
	return 0;
}
