#include "config/setting.h"

#include <stdlib.h>

#include "config/value.h"

static void replace(char **where, const char *value)
{
	free(*where);
	*where = new_string(value);
}

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

	if (!setting_word(s, words, &mode))
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

	if (!setting_word(s, words, &choice))
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

const struct key setup_keys[] = {
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
	{ NULL, false, NULL },
};
