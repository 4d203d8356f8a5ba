/* ipsec.secrets: secrets come out exactly when no error was told, and each of them is whole. */
#include "config/secrets.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_file(void *ctx, const char *base, const char *pattern,
                      void (*add)(void *add_ctx, const char *name, struct bytes text),
                      void *add_ctx)
{
	if (strstr(pattern, ".pem") != NULL)
		add(add_ctx, pattern, BYTES_STR("-----BEGIN PRIVATE KEY-----\n"));
	else if (strstr(pattern, "self") != NULL)
		add(add_ctx, pattern, *(const struct bytes *)ctx);
	else
		return false;
	return true;
}

static void check_rsa(const struct rsa_numbers *rsa)
{
	const struct secret *numbers[] = { &rsa->modulus,          &rsa->public_exponent,
		                           &rsa->private_exponent, &rsa->prime1,
		                           &rsa->prime2,           &rsa->exponent1,
		                           &rsa->exponent2,        &rsa->coefficient };

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		assert(numbers[i]->len > 0 && numbers[i]->data[0] != 0);
}

static void check_entry(const struct secret_entry *e)
{
	assert(e->id_count <= SECRET_IDS_MAX && e->line > 0);
	for (size_t i = 0; i < e->id_count; i++)
		assert(e->ids[i].kind != CONF_ID_NONE);
	switch (e->kind) {
	case SECRET_RSA_INLINE:
		check_rsa(&e->rsa);
		break;
	case SECRET_RSA_FILE:
	case SECRET_ED25519_FILE:
	case SECRET_ECDSA_FILE:
		assert(e->file != NULL && e->pem.len > 0);
		break;
	case SECRET_PPK:
		assert(e->ppk_id != NULL && strlen(e->ppk_id) <= PPK_ID_MAX);
		assert(e->psk.len > 0 && e->psk.len <= PSK_LEN_MAX && !e->is_next);
		break;
	case SECRET_PSK:
		assert(e->psk.len > 0 && e->psk.len <= PSK_LEN_MAX && !e->is_next);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = BYTES(data, size);
	struct conf_reader reader = { &text, read_file };
	struct conf_id ours = { .kind = CONF_ID_ADDRESS, .address = ip_v4(192, 0, 2, 1) };
	struct conf_id theirs = { .kind = CONF_ID_FQDN, .fqdn = "east.example.net" };
	struct conf_messages m = { 0 };
	struct secrets secrets;
	bool ok = secrets_parse(&secrets, "ipsec.secrets", text, &reader, &m);
	long psk = secrets_find_psk(&secrets, &ours, &theirs);

	assert(ok == (m.error_count == 0));
	assert(ok || secrets.count == 0);
	assert(psk == -1 || secrets.entries[psk].kind == SECRET_PSK);
	for (size_t i = 0; i < secrets.count; i++)
		check_entry(&secrets.entries[i]);
	secrets_wipe(&secrets);
	conf_messages_wipe(&m);
	return 0;
}
