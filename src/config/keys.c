#include "config/keys.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/dealings.h"
#include "config/value.h"
#include "crypto/x509.h"

/* One value on its way into one of the structs. */
struct setting {
	struct conf_setup *setup;
	struct conn *conn;
	struct conn_end *end; /* left* and right* keys */
	const char *key;
	const char *value;
	struct text *why;
};

/* Keys of FreeS/WAN that are taken and mean nothing here. */
static const char *const setup_ignored[] = {
	"klipsdebug",     "plutodebug", "plutoload", "plutostart",  "plutowait",
	"forwardcontrol", "dumpdir",    "hidetos",   "overridemtu", "fragicmp",
	"packetdefault",  "prepluto",   "postpluto", "syslog",      NULL,
};
static const char *const conn_ignored[] = { "auth", "ah", "compress", "keyexchange", NULL };
static const char *const end_ignored[] = { "firewall", "updown", NULL };

static bool set_word(struct setting *s, const char *const *words, unsigned *out)
{
	return value_word(s->value, words, out, s->why);
}

static void replace(char **where, const char *value)
{
	free(*where);
	*where = new_string(value);
}

/* config setup */

static bool is_device_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len < CONF_DEVICE_MAX && strpbrk(name, "/: \t") == NULL &&
	       strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool add_interface(struct setting *s, const char *item)
{
	const char *equals = strchr(item, '=');

	if (equals == NULL || strncmp(item, "ipsec", 5) != 0) {
		text_add(s->why, "not understood; write %%defaultroute, %%none or \"ipsec0=eth0\"");
		return false;
	}
	if (!is_device_name(equals + 1)) {
		text_add(s->why, "no device has such a name; write \"ipsec0=eth0\"");
		return false;
	}
	if (s->setup->interface_count == CONF_INTERFACES_MAX) {
		text_add(s->why, "more than %d interfaces", CONF_INTERFACES_MAX);
		return false;
	}
	strcpy(s->setup->interfaces[s->setup->interface_count++], equals + 1);
	return true;
}

static bool set_interfaces(struct setting *s)
{
	const char *list = s->value;
	char item[64];

	s->setup->uses_defaultroute = false;
	s->setup->interface_count = 0;
	while (value_item(&list, item, sizeof(item))) {
		if (strcmp(item, "%defaultroute") == 0)
			s->setup->uses_defaultroute = true;
		else if (strcmp(item, "%none") != 0 && !add_interface(s, item))
			return false;
	}
	return true;
}

static bool set_dns(struct setting *s)
{
	const char *list = s->value;
	char item[64];

	s->setup->dns_count = 0;
	while (value_item(&list, item, sizeof(item))) {
		if (s->setup->dns_count == CONF_DNS_MAX) {
			text_add(s->why, "more than %d name servers", CONF_DNS_MAX);
			return false;
		}
		if (!value_ip(item, &s->setup->dns[s->setup->dns_count], s->why))
			return false;
		s->setup->dns_count++;
	}
	return true;
}

static bool set_dns_users(struct setting *s)
{
	const char *list = s->value;
	char item[CONF_USER_MAX + 1];

	s->setup->has_dns_users = true;
	s->setup->dns_user_count = 0;
	while (value_item(&list, item, sizeof(item))) {
		if (strlen(item) >= CONF_USER_MAX) {
			text_add(s->why, "no user has such a long name");
			return false;
		}
		if (s->setup->dns_user_count == CONF_DNS_USERS_MAX) {
			text_add(s->why, "more than %d users", CONF_DNS_USERS_MAX);
			return false;
		}
		strcpy(s->setup->dns_users[s->setup->dns_user_count++], item);
	}
	return true;
}

static bool set_dnssec(struct setting *s)
{
	static const char *const words[] = { "prefer", "require", "off", NULL };
	unsigned mode;

	if (!set_word(s, words, &mode))
		return false;
	s->setup->dnssec = (enum dnssec_mode)mode;
	return true;
}

static bool set_file(struct setting *s, char **where)
{
	if (s->value[0] != '/') {
		text_add(s->why, "a daemon has no directory of its own; write the whole path, "
		                 "/etc/...");
		return false;
	}
	replace(where, s->value);
	return true;
}

static bool set_trust_anchor(struct setting *s)
{
	return set_file(s, &s->setup->trust_anchor);
}

enum { MARK_BITS = 4 };

/* Four bits side by side: their values are in doc/firewall.md. */
static bool set_mark_mask(struct setting *s)
{
	char *end;
	unsigned long long mask = strtoull(s->value, &end, 16);
	unsigned long long one = mask & -mask;

	if (strncmp(s->value, "0x", 2) != 0 || *end != '\0' || mask == 0 || mask > UINT32_MAX ||
	    mask != one * ((1U << MARK_BITS) - 1)) {
		text_add(s->why, "not four bits side by side; write 0x0f000000 or the like");
		return false;
	}
	s->setup->mark_mask = (uint32_t)mask;
	return true;
}

static bool set_log(struct setting *s)
{
	return set_file(s, &s->setup->log);
}

static bool set_shunt_idle(struct setting *s)
{
	unsigned seconds;

	if (!value_seconds(s->value, 86400, &seconds, s->why))
		return false;
	if (seconds == 0) {
		text_add(s->why, "a shunt lives for some time; write 1 or more");
		return false;
	}
	s->setup->shunt_idle_s = seconds;
	return true;
}

static bool set_overload(struct setting *s)
{
	static const char *const words[] = { "drop", "passthrough", NULL };
	unsigned choice;

	if (!set_word(s, words, &choice))
		return false;
	s->setup->overload_passes = choice == 1;
	return true;
}

static bool set_tunnel_idle(struct setting *s)
{
	unsigned seconds;

	if (!value_seconds(s->value, 86400, &seconds, s->why))
		return false;
	/* When a tunnel was used last is known to the second. */
	if (seconds < CONF_TUNNEL_IDLE_LEAST_S) {
		text_add(s->why, "tunnels need some time to be used; write %d or more",
		         CONF_TUNNEL_IDLE_LEAST_S);
		return false;
	}
	s->setup->tunnel_idle_s = seconds;
	return true;
}

static bool set_seccomp(struct setting *s)
{
	return value_yes(s->value, &s->setup->seccomp, s->why);
}

static bool set_route_bypass(struct setting *s)
{
	return value_yes(s->value, &s->setup->route_bypass, s->why);
}

static bool set_key_records(struct setting *s)
{
	bool reads;

	if (!value_yes(s->value, &reads, s->why))
		return false;
	s->setup->skips_key_records = !reads;
	return true;
}

static bool set_uniqueids(struct setting *s)
{
	bool is_unique;

	if (!value_yes(s->value, &is_unique, s->why))
		return false;
	s->setup->has_shared_ids = !is_unique;
	return true;
}

static bool set_strictcrlpolicy(struct setting *s)
{
	return value_yes(s->value, &s->setup->has_strict_crls, s->why);
}

static bool set_daemon_down(struct setting *s)
{
	return value_seconds(s->value, 86400, &s->setup->daemon_down_s, s->why);
}

static const struct setup_key {
	const char *name;
	bool is_list;
	bool (*set)(struct setting *s);
} setup_keys[] = {
	{ "interfaces", true, set_interfaces },
	{ "dns", true, set_dns },
	{ "dns-users", true, set_dns_users },
	{ "dnssec", false, set_dnssec },
	{ "trust-anchor", false, set_trust_anchor },
	{ "shunt-idle", false, set_shunt_idle },
	{ "overload", false, set_overload },
	{ "tunnel-idle", false, set_tunnel_idle },
	{ "daemon-down", false, set_daemon_down },
	{ "mark-mask", false, set_mark_mask },
	{ "route-bypass", false, set_route_bypass },
	{ "log", false, set_log },
	{ "uniqueids", false, set_uniqueids },
	{ "key-records", false, set_key_records },
	{ "strictcrlpolicy", false, set_strictcrlpolicy },
	{ "seccomp", false, set_seccomp },
};

/* Ends of conns */

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

	if (!set_word(s, words, &when))
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
static bool set_auth_word(struct setting *s, enum conn_auth *out)
{
	static const char *const words[] = { "rsasig", "secret", "null", "pubkey", "psk", NULL };
	static const enum conn_auth meant[] = { CONN_RSASIG, CONN_SECRET, CONN_NULL, CONN_RSASIG,
		                                CONN_SECRET };
	unsigned word;

	if (!set_word(s, words, &word))
		return false;
	*out = meant[word];
	return true;
}

static bool set_end_auth(struct setting *s)
{
	s->end->has_auth = true;
	return set_auth_word(s, &s->end->auth);
}

static const struct end_key {
	const char *suffix;
	bool is_list;
	bool (*set)(struct setting *s);
} end_keys[] = {
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
};

/* The rest of a conn */

static bool set_type(struct setting *s)
{
	static const char *const words[] = { "tunnel", "passthrough", "drop",
		                             "reject", "transport",   NULL };
	static const enum conn_type types[] = { CONN_TUNNEL, CONN_PASSTHROUGH, CONN_DROP,
		                                CONN_REJECT, CONN_TUNNEL };
	unsigned type;

	if (!set_word(s, words, &type))
		return false;
	s->conn->type = types[type];
	s->conn->dealings.transport = type + 1 == ARRAY_LEN(types);
	return true;
}

static bool set_authby(struct setting *s)
{
	return set_auth_word(s, &s->conn->auth);
}

static bool set_auto(struct setting *s)
{
	static const char *const words[] = { "ignore", "add", "route", "start", NULL };
	unsigned action;

	if (!set_word(s, words, &action))
		return false;
	s->conn->auto_action = (enum conn_auto)action;
	return true;
}

static bool set_failureshunt(struct setting *s)
{
	static const char *const words[] = { "passthrough", "drop", "reject", "none", NULL };
	unsigned choice;

	if (!set_word(s, words, &choice))
		return false;
	s->conn->failure = (enum shunt_choice)choice;
	s->conn->has_failure = true;
	return true;
}

static bool set_negotiationshunt(struct setting *s)
{
	static const char *const words[] = { "hold", "passthrough", NULL };
	unsigned choice;

	if (!set_word(s, words, &choice))
		return false;
	s->conn->has_negotiation_pass = choice == 1;
	return true;
}

static bool set_keyingtries(struct setting *s)
{
	if (strcmp(s->value, "%forever") == 0) {
		s->conn->keyingtries = 0;
		return true;
	}
	return value_number(s->value, 1000, &s->conn->keyingtries, s->why);
}

static bool set_conn_dnssec(struct setting *s)
{
	static const char *const words[] = { "prefer", "require", NULL };
	unsigned mode;

	if (!set_word(s, words, &mode))
		return false;
	s->conn->trust.dnssec = (enum dnssec_mode)mode;
	s->conn->trust.has_dnssec = true;
	return true;
}

static bool set_unsigned_delegation(struct setting *s)
{
	static const char *const words[] = { "any", "self", NULL };
	unsigned choice;

	if (!set_word(s, words, &choice))
		return false;
	s->conn->trust.unsigned_self = choice == 1;
	return true;
}

static bool set_try_destination(struct setting *s)
{
	return value_yes(s->value, &s->conn->trust.try_destination, s->why);
}

static bool set_sticky(struct setting *s)
{
	return value_yes(s->value, &s->conn->trust.sticky, s->why);
}

/* One of the keys of dealings.h. */
static bool set_dealing(struct setting *s)
{
	return dealings_set(&s->conn->dealings, s->key, s->value, s->why);
}

static const struct conn_key {
	const char *name;
	bool (*set)(struct setting *s);
} conn_keys[] = {
	{ "type", set_type },
	{ "authby", set_authby },
	{ "auto", set_auto },
	{ "failureshunt", set_failureshunt },
	{ "negotiationshunt", set_negotiationshunt },
	{ "keyingtries", set_keyingtries },
	{ "dnssec", set_conn_dnssec },
	{ "unsigned-delegation", set_unsigned_delegation },
	{ "sticky", set_sticky },
	{ "try-destination", set_try_destination },
};

static bool is_among(const char *word, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

/* "x-" and "x_" begin the user's own keys, as ever. */
static bool is_users_own(const char *key)
{
	return (key[0] == 'x' || key[0] == 'X') && (key[1] == '-' || key[1] == '_');
}

/* An empty value stands for the default, as if the line were not there. */
static enum key_verdict apply(struct setting *s, bool is_list, bool (*set)(struct setting *s),
                              const struct param *param)
{
	if (param->value[0] == '\0')
		return KEY_SET;
	if (!param->is_quoted && !is_list && strpbrk(param->value, " \t") != NULL) {
		text_add(s->why, "a value with white space stands in quotes; write %s=\"%s\"",
		         param->key, param->value);
		return KEY_WRONG;
	}
	return set(s) ? KEY_SET : KEY_WRONG;
}

struct word_list {
	const char *words[128];
	char room[48][24]; /* left* and right* names */
	size_t count;
	size_t in_room;
};

static void list_add(struct word_list *list, const char *word)
{
	assert(list->count + 1 < ARRAY_LEN(list->words));
	list->words[list->count++] = word;
}

static void list_add_all(struct word_list *list, const char *const *words)
{
	for (; *words != NULL; words++)
		list_add(list, *words);
}

static void list_add_end(struct word_list *list, const char *suffix)
{
	static const char *const sides[] = { "left", "right" };

	for (size_t i = 0; i < 2; i++) {
		char *room = list->room[list->in_room++];

		assert(list->in_room <= ARRAY_LEN(list->room));
		snprintf(room, sizeof(list->room[0]), "%s%s", sides[i], suffix);
		list_add(list, room);
	}
}

static void list_setup_keys(struct word_list *list)
{
	for (size_t i = 0; i < ARRAY_LEN(setup_keys); i++)
		list_add(list, setup_keys[i].name);
	list_add_all(list, setup_ignored);
}

static void list_conn_keys(struct word_list *list)
{
	list_add(list, "also");
	for (size_t i = 0; i < ARRAY_LEN(conn_keys); i++)
		list_add(list, conn_keys[i].name);
	list_add_all(list, dealings_keys);
	for (size_t i = 0; i < ARRAY_LEN(end_keys); i++)
		list_add_end(list, end_keys[i].suffix);
	list_add_all(list, conn_ignored);
	for (size_t i = 0; end_ignored[i] != NULL; i++)
		list_add_end(list, end_ignored[i]);
}

/* What other programs call it is nearer than what is spelled alike. */
static const char *nearest_key(const char *key, const char *const *words)
{
	static const char *const elsewhere[][2] = {
		{ "lifetime", "keylife" },
		{ "salifetime", "keylife" },
		{ "ikelife", "ikelifetime" },
		{ "margintime", "rekeymargin" },
		{ "forceencaps", "encapsulation" },
		{ "subnets", "leftsubnet" },
		{ "leftsubnets", "leftsubnet" },
		{ "rightsubnets", "rightsubnet" },
		{ "phase2alg", "esp" },
		{ "reauth", "rekey" },
	};

	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		if (strcmp(key, elsewhere[i][0]) == 0)
			return elsewhere[i][1];
	}
	return word_nearest(key, words);
}

/* What FreeS/WAN had and this program has not; NULL: no such key. */
static const char *lacking(const char *key)
{
	if (strcmp(key, "leftprotoport") == 0 || strcmp(key, "rightprotoport") == 0)
		return "a tunnel is for all protocols and ports; policy groups have rules with "
		       "them, see policies(5)";
	return NULL;
}

static enum key_verdict unknown(const char *key, bool in_setup, struct text *why)
{
	const char *lack = lacking(key);
	struct word_list here = { 0 };
	struct word_list there = { 0 };

	list_setup_keys(in_setup ? &here : &there);
	list_conn_keys(in_setup ? &there : &here);
	if (is_among(key, there.words))
		text_add(why, "this key belongs in %s; move it there",
		         in_setup ? "a conn" : "config setup");
	else if (lack != NULL)
		text_add(why, "%s", lack);
	else
		text_add(why, "unknown key; the nearest known one is %s",
		         nearest_key(key, here.words));
	return KEY_UNKNOWN;
}

enum key_verdict setup_set(struct conf_setup *setup, const struct param *param, struct text *why)
{
	struct setting s = { .setup = setup, .value = param->value, .why = why };

	for (size_t i = 0; i < ARRAY_LEN(setup_keys); i++) {
		if (strcmp(param->key, setup_keys[i].name) == 0)
			return apply(&s, setup_keys[i].is_list, setup_keys[i].set, param);
	}
	if (is_users_own(param->key))
		return KEY_SET;
	return is_among(param->key, setup_ignored) ? KEY_IGNORED : unknown(param->key, true, why);
}

/* The part of a left* or right* key behind its side, or NULL. */
static const char *end_of_key(const char *key, struct conn *conn, struct conn_end **end)
{
	if (strncmp(key, "left", 4) == 0) {
		*end = &conn->left;
		return key + 4;
	}
	if (strncmp(key, "right", 5) == 0) {
		*end = &conn->right;
		return key + 5;
	}
	return NULL;
}

enum key_verdict conn_set(struct conn *conn, const struct param *param, struct text *why)
{
	struct setting s = { .conn = conn, .key = param->key, .value = param->value, .why = why };
	const char *suffix = end_of_key(param->key, conn, &s.end);

	for (size_t i = 0; i < ARRAY_LEN(conn_keys); i++) {
		if (strcmp(param->key, conn_keys[i].name) == 0)
			return apply(&s, false, conn_keys[i].set, param);
	}
	if (is_among(param->key, dealings_keys))
		return apply(&s, is_among(param->key, dealings_list_keys), set_dealing, param);
	for (size_t i = 0; suffix != NULL && i < ARRAY_LEN(end_keys); i++) {
		if (strcmp(suffix, end_keys[i].suffix) == 0)
			return apply(&s, end_keys[i].is_list, end_keys[i].set, param);
	}
	if (is_users_own(param->key))
		return KEY_SET;
	if (is_among(param->key, conn_ignored) || (suffix != NULL && is_among(suffix, end_ignored)))
		return KEY_IGNORED;
	return unknown(param->key, false, why);
}
