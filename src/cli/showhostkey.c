/* ipsec showhostkey: our public keys as lines for a zone. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cli/files.h"
#include "cli/hostkey.h"
#include "dns/publish.h"

struct wish {
	bool key, txt, ipseckey, only_next, json;
	bool is_generic; /* as RFC 3597 has it */
	const char *end; /* "left" or "right": for an ipsec.conf; NULL: none */
	struct delegation txt_to;
	struct delegation ipseckey_to;
	const char *owner;
	enum pubkey_type type; /* PUBKEY_NONE: any */
};

static bool parse_gateway(const char *word, bool is_txt, struct delegation *out)
{
	if (ip_parse(word, &out->address)) {
		out->kind = GATEWAY_ADDRESS;
		return !ip_is_never_peer(&out->address);
	}
	out->kind = GATEWAY_NAME;
	if (is_txt && word[0] != '@')
		return false;
	return dns_name_normalise(BYTES_STR(word[0] == '@' ? word + 1 : word), out->name);
}

static bool parse_precedence(struct cli *cli, struct wish *w, int *status)
{
	const char *word = cli_option_value(cli, "--precedence");
	char *end = NULL;
	unsigned long n = word != NULL ? strtoul(word, &end, 10) : 10;

	if (word != NULL && (word[0] < '0' || word[0] > '9' || *end != '\0' || n > 65535)) {
		*status = cli_wrong_words(cli, "--precedence takes a number from 0 to 65535");
		return false;
	}
	if (w->ipseckey && n > 255) {
		*status = cli_wrong_words(cli, "the precedence of IPSECKEY is at most 255");
		return false;
	}
	w->txt_to.precedence = w->ipseckey_to.precedence = (uint16_t)n;
	return true;
}

static bool parse_type(struct cli *cli, struct wish *w, int *status)
{
	static const enum pubkey_type types[] = { PUBKEY_RSA, PUBKEY_ED25519, PUBKEY_ECDSA_P256 };
	const char *word = cli_option_value(cli, "--type");

	if (word == NULL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(word, hostkey_type_word(types[i])) == 0) {
			w->type = types[i];
			return true;
		}
	}
	*status = cli_wrong_words(cli, "--type is rsa, ed25519 or ecdsa");
	return false;
}

static bool parse_owner(struct cli *cli, struct wish *w, int *status)
{
	static char owner[DNS_NAME_MAX + 1];
	const char *word = cli_option_value(cli, "--owner");
	size_t len = word != NULL ? strlen(word) : 0;

	if (word == NULL)
		return true;
	if (len > 0 && word[len - 1] == '.')
		len--;
	if (!dns_name_normalise(BYTES(word, len), owner)) {
		*status = cli_wrong_words(cli, "--owner takes a domain name");
		return false;
	}
	/* As it was given: a final dot matters in a zone. */
	w->owner = word;
	return true;
}

static bool parse_records(struct cli *cli, struct wish *w, int *status)
{
	const char *txt = cli_option_value(cli, "--txt");
	const char *ipseckey = cli_option_value(cli, "--ipseckey");

	w->key = cli_option(cli, "--key");
	w->txt = txt != NULL;
	w->ipseckey = ipseckey != NULL;
	w->end = cli_option(cli, "--left") ? "left" : cli_option(cli, "--right") ? "right" : NULL;
	w->key = w->key || (!w->txt && !w->ipseckey && w->end == NULL);
	if (w->txt && !parse_gateway(txt, true, &w->txt_to)) {
		*status =
		    cli_wrong_words(cli, "--txt takes a gateway's address, or @ and its name");
		return false;
	}
	if (w->ipseckey && ipseckey[0] != '\0' &&
	    !parse_gateway(ipseckey, false, &w->ipseckey_to)) {
		*status = cli_wrong_words(cli, "--ipseckey takes a gateway's address or name, or "
		                               "nothing");
		return false;
	}
	return true;
}

static bool parse_wish(struct cli *cli, struct wish *w, int *status)
{
	w->json = cli_option(cli, "--json");
	w->only_next = cli_option(cli, "--next");
	w->is_generic = cli_option(cli, "--generic");
	if (!parse_records(cli, w, status) || !parse_precedence(cli, w, status) ||
	    !parse_type(cli, w, status) || !parse_owner(cli, w, status))
		return false;
	if (cli_rest(cli) != NULL) {
		*status = cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
		return false;
	}
	if (w->type != PUBKEY_NONE && w->type != PUBKEY_RSA && (w->key || w->txt)) {
		*status = cli_wrong_words(cli, "KEY and TXT hold RSA keys only; use --ipseckey");
		return false;
	}
	return true;
}

static bool add_record(struct text *lines, const struct wish *w, enum dns_type type,
                       const struct delegation *what)
{
	if (w->is_generic)
		return publish_generic(lines, w->owner, type, what);
	if (type == DNS_TYPE_KEY)
		return publish_key(lines, w->owner, &what->key);
	return type == DNS_TYPE_TXT ? publish_txt(lines, w->owner, what)
	                            : publish_ipseckey(lines, w->owner, what);
}

/* The records of one key; false if it can be in none of those asked for. */
static bool add_records(struct text *lines, const struct wish *w, const struct pubkey *key)
{
	struct delegation txt = w->txt_to;
	struct delegation ipseckey = w->ipseckey_to;
	size_t before = lines->len;
	bool ok = true;

	txt.has_key = ipseckey.has_key = true;
	txt.key = ipseckey.key = *key;
	if (w->end != NULL)
		ok = publish_conf(lines, w->end, key);
	if (w->key && key->type == PUBKEY_RSA)
		ok = add_record(lines, w, DNS_TYPE_KEY, &txt);
	if (w->txt && key->type == PUBKEY_RSA)
		ok = add_record(lines, w, DNS_TYPE_TXT, &txt) && ok;
	if (w->ipseckey)
		ok = add_record(lines, w, DNS_TYPE_IPSECKEY, &ipseckey) && ok;
	return ok && lines->len > before;
}

static void comment(struct text *out, const struct pubkey *key)
{
	char host[256] = "?";
	char date[64];
	time_t now = time(NULL);

	(void)gethostname(host, sizeof(host) - 1);
	strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", localtime(&now));
	publish_comment(out, key, host, date);
}

static json_t *key_to_json(const struct hostkey *key, const struct text *lines)
{
	json_t *records = json_array();
	char *rest = lines->s;
	char *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] != '\0')
			json_array_append_new(records, json_string(line));
	}
	return json_pack("{s:s, s:i, s:b, s:o}", "type", hostkey_type_word(key->key.type), "bits",
	                 (int)hostkey_bits(&key->key), "next", (int)key->is_next, "records",
	                 records);
}

static int print_keys(const struct wish *w, const struct hostkey *keys, size_t count)
{
	json_t *json = json_array();

	for (size_t i = 0; i < count; i++) {
		struct text lines = { 0 };
		struct text head = { 0 };

		if ((w->type == PUBKEY_NONE || hostkey_is_of_type(&keys[i].key, w->type)) &&
		    (keys[i].is_next || !w->only_next) && add_records(&lines, w, &keys[i].key)) {
			comment(&head, &keys[i].key);
			if (!w->json)
				printf("%s%s", head.s, lines.s);
			json_array_append_new(json, key_to_json(&keys[i], &lines));
		}
		text_free(&lines);
		text_free(&head);
	}
	if (w->json)
		cli_print_json(json);
	count = json_array_size(json);
	json_decref(json);
	if (count > 0)
		return CLI_DONE;
	if (w->only_next)
		return cli_fail("there is no such next key in ipsec.secrets; make one with ipsec "
		                "newhostkey --next");
	if (w->type != PUBKEY_NONE && w->type != PUBKEY_RSA)
		return cli_fail("there is no %s key in ipsec.secrets; make one with ipsec "
		                "newhostkey --type %s",
		                w->type == PUBKEY_ED25519 ? "Ed25519" : "ECDSA",
		                hostkey_type_word(w->type));
	return cli_fail("there is no RSA key in ipsec.secrets; make one with ipsec newhostkey%s",
	                w->type == PUBKEY_NONE && !w->ipseckey && w->end == NULL
	                    ? ", or publish another with --ipseckey"
	                    : "");
}

int showhostkey_command(struct cli *cli)
{
	struct hostkey keys[HOSTKEYS_MAX];
	struct files files = { 0 };
	struct wish wish = { 0 };
	char error[512];
	size_t count;
	int status;

	if (!parse_wish(cli, &wish, &status))
		return status;
	if (!files_read_secrets(cli, true, &files))
		return CLI_FAILED;
	if (hostkeys_of_secrets(&files.secrets, keys, &count, error, sizeof(error)))
		status = print_keys(&wish, keys, count);
	else
		status = cli_fail("%s", error);
	files_wipe(&files);
	return status;
}
