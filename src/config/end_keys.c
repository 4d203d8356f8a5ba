#include "config/setting.h"

#include "config/value.h"
#include "crypto/x509.h"

static bool set_address(struct setting *s)
{
	static const struct {
		const char *word;
		enum end_kind kind;
		bool is_group;
	} words[] = {
		{ "%any", END_ANY, false },
		{ "%defaultroute", END_DEFAULTROUTE, false },
		{ "%opportunistic", END_OPPORTUNISTIC, false },
		{ "%group", END_ANY, true },
		{ "%opportunisticgroup", END_OPPORTUNISTIC, true },
	};
	struct ip address;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(s->value, words[i].word) == 0) {
			s->end->kind = words[i].kind;
			s->end->is_group = words[i].is_group;
			return true;
		}
	}
	if (s->value[0] < '0' || s->value[0] > '9' || strchr(s->value, '/') != NULL) {
		if (!ip_parse(s->value, &address)) {
			text_add(s->why, "not an address; write one, or %%defaultroute, "
			                 "%%opportunistic or %%any");
			return false;
		}
	} else if (!value_ip(s->value, &address, s->why)) {
		return false;
	}
	if (!ip_is_unspecified(&address) && ip_is_never_peer(&address)) {
		text_add(s->why, "this address cannot be a gateway's; write a unicast address");
		return false;
	}
	s->end->is_group = false;
	s->end->kind = ip_is_unspecified(&address) ? END_ANY : END_ADDRESS;
	s->end->address = address;
	return true;
}

/* One or several. They are disjoint: a packet belongs to one of them. */
static bool set_subnet(struct setting *s)
{
	struct conn_end *end = s->end;
	const char *list = s->value;
	char item[96];

	end->subnet_count = 0;
	while (value_item(&list, item, sizeof(item))) {
		struct ip_range *range = &end->subnets[end->subnet_count];

		if (end->subnet_count == CONF_SUBNETS_MAX) {
			text_add(s->why, "more than %d subnets; write another conn for the rest",
			         CONF_SUBNETS_MAX);
			return false;
		}
		if (!value_range(item, range, s->why))
			return false;
		for (size_t i = 0; i < end->subnet_count; i++) {
			if (range_overlaps(&end->subnets[i], range)) {
				text_add(s->why, "%s is in it twice; write it once",
				         range_text(range).s);
				return false;
			}
		}
		end->subnet_count++;
	}
	return true;
}

static bool set_name(struct setting *s, char out[CONF_FILE_MAX])
{
	if (strlen(s->value) >= CONF_FILE_MAX) {
		text_add(s->why, "too long; write %d characters at most", CONF_FILE_MAX - 1);
		return false;
	}
	strcpy(out, s->value);
	return true;
}

static bool set_cert(struct setting *s)
{
	return set_name(s, s->end->cert);
}

static bool set_ca(struct setting *s)
{
	uint8_t der[512];
	size_t len;

	if (strcmp(s->value, "%same") != 0 && !dn_parse(s->value, der, sizeof(der), &len)) {
		text_add(s->why, "not a distinguished name; write \"C=CH, O=Example, CN=Root\" as "
		                 "the CA's certificate has it, or %%same");
		return false;
	}
	return set_name(s, s->end->ca);
}

static bool set_sendcert(struct setting *s)
{
	static const char *const words[] = { "ifasked", "always", "never", NULL };
	unsigned when;

	if (!setting_word(s, words, &when))
		return false;
	s->end->send_cert = (enum send_cert)when;
	return true;
}

static bool set_id(struct setting *s)
{
	return value_id(s->value, false, &s->end->id, s->why);
}

/* Checked and forgotten: the kernel's routes say the next hop. */
static bool set_nexthop(struct setting *s)
{
	struct ip ignored;

	if (strcmp(s->value, "%direct") == 0 || strcmp(s->value, "%defaultroute") == 0)
		return true;
	return value_ip(s->value, &ignored, s->why);
}

static bool comes_from_dns(const char *value)
{
	static const char *const words[] = { "%dns", "%dnsondemand", "%dnsonload", "%any" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(value, words[i]) == 0)
			return true;
	}
	return false;
}

/* %dns, %cert: the key comes from elsewhere. */
static bool comes_from_elsewhere(struct setting *s)
{
	s->end->wants_dns = comes_from_dns(s->value);
	s->end->wants_cert = strcmp(s->value, "%cert") == 0;
	return s->end->wants_dns || s->end->wants_cert;
}

static bool set_sigkey(struct setting *s)
{
	if (comes_from_elsewhere(s))
		return true;
	if (!value_sigkey(s->value, &s->end->key, s->why))
		return false;
	s->end->has_key = true;
	return true;
}

static bool set_rsasigkey(struct setting *s)
{
	if (comes_from_elsewhere(s))
		return true;
	if (!value_rsasigkey(s->value, &s->end->key, s->why))
		return false;
	s->end->has_key = true;
	return true;
}

static bool set_nat(struct setting *s)
{
	return value_ip(s->value, &s->end->nat, s->why);
}

/* The last two are other programs' words for the first two. */
static bool set_end_auth(struct setting *s)
{
	s->end->has_auth = true;
	return setting_auth(s, &s->end->auth);
}

const struct key end_keys[] = {
	{ "", false, set_address },
	{ "subnet", true, set_subnet },
	{ "id", false, set_id },
	{ "nexthop", false, set_nexthop },
	{ "rsasigkey", false, set_rsasigkey },
	{ "nat", false, set_nat },
	{ "cert", false, set_cert },
	{ "ca", false, set_ca },
	{ "sendcert", false, set_sendcert },
	{ "sigkey", false, set_sigkey },
	{ "pubkey", false, set_sigkey },
	{ "auth", false, set_end_auth },
	{ NULL, false, NULL },
};
