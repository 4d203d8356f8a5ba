#include "control/handover.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/value.h"
#include "control/sealed.h"
#include "crypto/signer_wire.h"
#include "crypto/x509.h"
#include "util/text.h"

static const struct {
	const char *name;
	enum signer_secret_kind wire;
} kinds[] = {
	[SECRET_RSA_INLINE] = { "rsa", SIGNER_SECRET_RSA_NUMBERS },
	[SECRET_RSA_FILE] = { "rsa-file", SIGNER_SECRET_RSA_PEM },
	[SECRET_ED25519_FILE] = { "ed25519-file", SIGNER_SECRET_ED25519_PEM },
	[SECRET_ECDSA_FILE] = { "ecdsa-file", SIGNER_SECRET_ECDSA_PEM },
	[SECRET_PSK] = { "psk", SIGNER_SECRET_PSK },
	[SECRET_PPK] = { "ppk", SIGNER_SECRET_PPK },
};

/* The secrets */

static void add_message(const struct secret_entry *entry, struct signer_message *m)
{
	const struct rsa_numbers *rsa = &entry->rsa;
	const struct secret *numbers[] = { &rsa->modulus,          &rsa->public_exponent,
		                           &rsa->private_exponent, &rsa->prime1,
		                           &rsa->prime2,           &rsa->exponent1,
		                           &rsa->exponent2,        &rsa->coefficient };

	*m = (struct signer_message){ .kind = SIGNER_ADD, .algorithm = kinds[entry->kind].wire };
	if (entry->kind == SECRET_PSK || entry->kind == SECRET_PPK)
		m->parts[0] = secret_view(&entry->psk);
	else if (entry->kind != SECRET_RSA_INLINE)
		m->parts[0] = secret_view(&entry->pem);
	for (size_t i = 0; entry->kind == SECRET_RSA_INLINE && i < ARRAY_LEN(numbers); i++)
		m->parts[i] = secret_view(numbers[i]);
}

/* No frame is longer than its parts, their lengths and its head. */
static size_t frames_len_max(const struct secrets *secrets)
{
	size_t len = 64;

	for (size_t i = 0; i < secrets->count; i++) {
		struct signer_message m;

		add_message(&secrets->entries[i], &m);
		len += 64;
		for (size_t k = 0; k < ARRAY_LEN(m.parts); k++)
			len += m.parts[k].len;
	}
	return len;
}

int handover_secrets(const struct secrets *secrets, char *error, size_t size)
{
	CLEANUP(secret_free) struct secret frames = secret_new(frames_len_max(secrets));
	struct writer w = writer_on(frames.data, frames.len);
	struct signer_message m = { .kind = SIGNER_COMMIT, .index = (uint32_t)secrets->count };
	int fd;

	for (size_t i = 0; i < secrets->count; i++) {
		struct signer_message add;

		add_message(&secrets->entries[i], &add);
		if (!signer_message_write(&w, &add)) {
			snprintf(error, size, "ipsec.secrets:%u: the secret is too long",
			         secrets->entries[i].line);
			return -1;
		}
	}
	if (!signer_message_write(&w, &m))
		abort();
	fd = sealed_new(writer_view(&w));
	if (fd < 0)
		snprintf(error, size, "no memory for the secrets");
	return fd;
}

/* Everything else */

/* As ipsec.secrets has it. */
static json_t *id_describe(const struct conf_id *id)
{
	char hex[2 * CONF_ID_OCTETS_MAX + 1];
	char name[4 * CONF_ID_OCTETS_MAX + 1];

	switch (id->kind) {
	case CONF_ID_NONE:
		break; /* none is kept */
	case CONF_ID_ADDRESS:
		return json_string(ip_text(&id->address).s);
	case CONF_ID_FQDN:
		return json_sprintf("@%s", id->fqdn);
	case CONF_ID_MAIL:
		return json_string(id->fqdn);
	case CONF_ID_KEY:
		hex_write(BYTES(id->octets, id->len), hex);
		return json_sprintf("@#%s", hex);
	case CONF_ID_DN:
		dn_text(BYTES(id->octets, id->len), name, sizeof(name));
		return json_string(name);
	}
	return json_null();
}

static json_t *ids_describe(const struct secret_entry *entry)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < entry->id_count; i++)
		json_array_append_new(ids, id_describe(&entry->ids[i]));
	return ids;
}

/* Of use in messages only; a name that is no text is done without. */
static json_t *file_describe(const char *file)
{
	json_t *name = file != NULL ? json_string(file) : NULL;

	return name != NULL ? name : json_null();
}

json_t *handover_describe(const struct secrets *secrets)
{
	json_t *json = json_array();

	for (size_t i = 0; i < secrets->count; i++) {
		const struct secret_entry *e = &secrets->entries[i];

		json_array_append_new(json, json_pack("{s:s, s:b, s:o, s:o, s:i, s:o}", "kind",
		                                      kinds[e->kind].name, "next", (int)e->is_next,
		                                      "ids", ids_describe(e), "file",
		                                      file_describe(e->file), "line", (int)e->line,
		                                      "name", file_describe(e->ppk_id)));
	}
	return json;
}

static bool kind_described(const char *name, enum secret_kind *out)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			*out = (enum secret_kind)i;
			return true;
		}
	}
	return false;
}

static bool ids_described(const json_t *ids, struct secret_entry *out)
{
	struct text why = { 0 };
	const json_t *id;
	bool ok = json_is_array(ids) && json_array_size(ids) <= SECRET_IDS_MAX;
	size_t i;

	json_array_foreach(ids, i, id)
	{
		ok = ok && json_is_string(id) &&
		     value_id(json_string_value(id), false, &out->ids[i], &why);
	}
	out->id_count = ok ? json_array_size(ids) : 0;
	text_free(&why);
	return ok;
}

static bool entry_described(json_t *json, struct secret_entry *out)
{
	const char *file = json_string_value(json_object_get(json, "file"));
	const char *name = json_string_value(json_object_get(json, "name"));
	const char *kind;
	json_t *ids;
	int is_next;
	int line;

	if (json_unpack(json, "{s:s, s:b, s:o, s:i}", "kind", &kind, "next", &is_next, "ids", &ids,
	                "line", &line) != 0 ||
	    !kind_described(kind, &out->kind) || !ids_described(ids, out))
		return false;
	out->is_next = is_next != 0;
	out->file = file != NULL ? new_string(file) : NULL;
	out->ppk_id = name != NULL ? new_string(name) : NULL;
	out->line = (unsigned)line;
	return out->kind != SECRET_PPK || name != NULL;
}

bool handover_described(const json_t *json, struct secrets *out)
{
	struct secrets secrets = { 0 };
	json_t *entry;
	size_t i;

	if (!json_is_array(json) || json_array_size(json) > SECRETS_MAX)
		return false;
	secrets.entries = new_array(json_array_size(json) + 1, sizeof(*secrets.entries));
	memset(secrets.entries, 0, (json_array_size(json) + 1) * sizeof(*secrets.entries));
	json_array_foreach(json, i, entry)
	{
		secrets.count++;
		if (!entry_described(entry, &secrets.entries[i])) {
			secrets_wipe(&secrets);
			return false;
		}
	}
	*out = secrets;
	return true;
}
