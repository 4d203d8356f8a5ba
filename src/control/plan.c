#include "control/plan.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

static bool fail(char *error, size_t size, const char *format, const char *what)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(error, size, format, what);
#pragma GCC diagnostic pop
	return false;
}

/* Our addresses */

static bool is_global(const struct ip *a)
{
	return !ip_is_never_peer(a);
}

/* The first address of a family on that device, or IP_NONE. */
static struct ip device_address(const struct network *n, const char *device, enum ip_family family)
{
	for (size_t i = 0; i < n->address_count; i++) {
		const struct network_address *a = &n->addresses[i];

		if (strcmp(a->device, device) == 0 && a->address.family == family &&
		    is_global(&a->address))
			return a->address;
	}
	return (struct ip){ 0 };
}

static unsigned smaller(unsigned a, unsigned b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static void add_outer(struct plan *p, const struct ip *address, unsigned mtu)
{
	struct ip *first = address->family == IP_V4 ? &p->own4 : &p->own6;

	if (address->family == IP_NONE || p->outer_count == PLAN_OUTER_MAX)
		return;
	for (size_t i = 0; i < p->outer_count; i++) {
		if (ip_equal(&p->outer[i], address))
			return;
	}
	p->outer[p->outer_count++] = *address;
	if (first->family == IP_NONE)
		*first = *address;
	p->engine.mtu = smaller(p->engine.mtu, mtu);
}

/* interfaces="ipsec0=eth0 ipsec1=eth1": the first address of each family on each device. */
static void use_devices(struct plan *p, const struct conf *conf, const struct network *n)
{
	static const enum ip_family families[] = { IP_V4, IP_V6 };

	for (size_t i = 0; i < conf->setup.interface_count; i++) {
		const char *device = conf->setup.interfaces[i];

		for (size_t j = 0; j < ARRAY_LEN(families); j++) {
			struct ip address = device_address(n, device, families[j]);

			add_outer(p, &address, network_device_mtu(device));
		}
	}
}

static const char *device_of(const struct network *n, const struct ip *address)
{
	for (size_t i = 0; i < n->address_count; i++) {
		if (ip_equal(&n->addresses[i].address, address) &&
		    strcmp(n->addresses[i].device, PLAN_DEVICE) != 0)
			return n->addresses[i].device;
	}
	return NULL;
}

/* Second addresses of an outer device are sources as well: those of IPv6 with privacy, and an old
 * one beside a new one. */
static void find_covered(struct plan *p, const struct network *n)
{
	const char *devices[PLAN_OUTER_MAX];

	for (size_t j = 0; j < p->outer_count; j++)
		devices[j] = device_of(n, &p->outer[j]);
	for (size_t i = 0; i < n->address_count; i++) {
		const struct network_address *a = &n->addresses[i];
		bool is_outer = false;

		for (size_t j = 0; j < p->outer_count; j++)
			is_outer |= ip_equal(&p->outer[j], &a->address) ||
			            (devices[j] != NULL && strcmp(devices[j], a->device) == 0 &&
			             p->outer[j].family == a->address.family);
		if (is_outer && is_global(&a->address) && strcmp(a->device, PLAN_DEVICE) != 0)
			p->covered[p->covered_count++] = a->address;
	}
}

static void find_addresses(struct plan *p, const struct conf *conf, const struct network *n)
{
	/* Those of a link are exempt. */
	for (size_t i = 0; i < n->address_count; i++) {
		const struct network_address *a = &n->addresses[i];

		if (strcmp(a->device, PLAN_DEVICE) != 0 && !ip_is_link_local(&a->address))
			p->own[p->own_count++] = a->address;
	}
	use_devices(p, conf, n);
	if (conf->setup.uses_defaultroute) {
		add_outer(p, &n->source4, n->mtu4);
		add_outer(p, &n->source6, n->mtu6);
	}
	find_covered(p, n);
}

/* Does any conn protect whatever address this machine has? */
static bool covers_own(const struct conf *conf)
{
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn *c = &conf->conns[i];
		const struct conn_end *ends[] = { &c->left, &c->right };

		for (size_t j = 0; j < ARRAY_LEN(ends); j++)
			if (c->auto_action != AUTO_IGNORE && ends[j]->kind == END_DEFAULTROUTE &&
			    ends[j]->subnet_count == 0)
				return true;
	}
	return false;
}

static int compare_first(const void *a, const void *b)
{
	const struct ip_range *x = a;
	const struct ip_range *y = b;

	return ip_compare(&x->first, &y->first);
}

/* Nobody knows what policy says of addresses that were not read: nothing is sent from them. */
static void find_known(struct plan *p, const struct conf *conf, const struct network *n)
{
	bool is_any = !covers_own(conf);

	p->has_more_addresses = n->has_more_addresses && !is_any;
	p->known = new_array(p->own_count + 2, sizeof(*p->known));
	if (is_any) {
		p->known[p->known_count++] = range_any(IP_V4);
		p->known[p->known_count++] = range_any(IP_V6);
		return;
	}
	for (size_t i = 0; i < p->own_count; i++)
		p->known[p->known_count++] = range_of_ip(&p->own[i]);
	qsort(p->known, p->known_count, sizeof(*p->known), compare_first);
}

/* Our own tunnels' routes are none of these: the trap has a table of its own. */
static void find_bypass(struct plan *p, const struct conf *conf, const struct network *n)
{
	if (!conf->setup.route_bypass)
		return;
	p->bypass = new_array(n->route_count + 1, sizeof(*p->bypass));
	if (n->route_count > 0)
		memcpy(p->bypass, n->routes, n->route_count * sizeof(*p->bypass));
	qsort(p->bypass, n->route_count, sizeof(*p->bypass), compare_first);
	p->bypass_count = n->route_count;
	p->has_more_routes = n->has_more_routes;
}

bool plan_lacks(const struct plan *plan, const struct conf *conf, struct text *what)
{
	if (plan->has_more_routes)
		text_add(what,
		         "route-bypass=yes: there are more than %d routes; only the first "
		         "ones are bypassed",
		         NETWORK_ROUTES_MAX);
	if (plan->has_more_addresses)
		text_add(what,
		         "%sthis machine has more than %d addresses; nothing is sent from the "
		         "others",
		         what->len > 0 ? "; " : "", NETWORK_ADDRESSES_MAX);
	if (plan->outer_count > 0)
		return what->len > 0;
	if (conf->setup.uses_defaultroute)
		text_add(what, "interfaces=%%defaultroute: this machine has no default route yet; "
		               "it is waited for");
	else if (conf->setup.interface_count > 0)
		text_add(
		    what,
		    "interfaces: the device %s is not there, or has no address yet (ip address "
		    "lists them); it is waited for",
		    conf->setup.interfaces[0]);
	return what->len > 0;
}

static bool same_ips(const struct ip *a, size_t a_count, const struct ip *b, size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		if (!ip_equal(&a[i], &b[i]))
			return false;
	}
	return true;
}

static bool same_ranges(const struct ip_range *a, size_t a_count, const struct ip_range *b,
                        size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++) {
		if (!range_equal(&a[i], &b[i]))
			return false;
	}
	return true;
}

bool plan_is_same_machine(const struct plan *a, const struct plan *b)
{
	return same_ranges(a->bypass, a->bypass_count, b->bypass, b->bypass_count) &&
	       same_ranges(a->routed, a->routed_count, b->routed, b->routed_count) &&
	       same_ips(a->covered, a->covered_count, b->covered, b->covered_count) &&
	       same_ips(a->outer, a->outer_count, b->outer, b->outer_count) &&
	       same_ips(a->own, a->own_count, b->own, b->own_count) &&
	       a->engine.mtu == b->engine.mtu;
}

/* Users whose queries for names are exempt */

static bool add_named_users(struct plan *p, const struct conf *conf, char *error, size_t size)
{
	for (size_t i = 0; i < conf->setup.dns_user_count; i++) {
		const struct passwd *account = getpwnam(conf->setup.dns_users[i]);

		if (account == NULL)
			return fail(error, size,
			            "dns-users: this machine has no user %s; take the name out",
			            conf->setup.dns_users[i]);
		p->dns_uids[p->dns_uid_count++] = account->pw_uid;
	}
	return true;
}

static void add_usual_users(struct plan *p)
{
	static const char *const usual[] = { "unbound", "bind", "knot-resolver", "systemd-resolve",
		                             "dnsmasq" };

	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const struct passwd *account = getpwnam(usual[i]);

		if (account != NULL)
			p->dns_uids[p->dns_uid_count++] = account->pw_uid;
	}
}

/* Inside ranges */

/* Sorted ranges become disjoint ones; returns how many are left. */
static size_t merge(struct ip_range *ranges, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && range_overlaps(&ranges[kept - 1], &ranges[i])) {
			if (ip_compare(&ranges[kept - 1].last, &ranges[i].last) < 0)
				ranges[kept - 1].last = ranges[i].last;
		} else {
			ranges[kept++] = ranges[i];
		}
	}
	return kept;
}

static bool is_own(const struct plan *p, const struct ip_range *range)
{
	for (size_t i = 0; range_is_single(range) && i < p->own_count; i++) {
		if (ip_equal(&p->own[i], &range->first))
			return true;
	}
	return false;
}

/* Is it the other side's, by a conn of this machine? */
static bool is_elsewhere(const struct plan *p, const struct conf *conf,
                         const struct ip_range *range)
{
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn *c = &conf->conns[i];
		const struct conn_end *theirs;

		(void)conn_ours(c, p->own, p->own_count, &theirs);
		if (!conn_is_ours(c, p->own, p->own_count) || theirs->kind == END_OPPORTUNISTIC)
			continue;
		for (size_t j = 0; j < theirs->subnet_count; j++) {
			if (range_overlaps(&theirs->subnets[j], range))
				return true;
		}
	}
	return false;
}

/*
 * A conn between other machines, as a file shared by all gateways has them, says nothing about what
 * is inside here; but neither does one of ours whose device is not up yet. So only what a conn of
 * this machine has on the other side is known not to be inside: traffic between inside ranges is
 * not trapped.
 */
static bool is_inside(const struct plan *p, const struct conf *conf, const struct conn *c,
                      const struct ip_range *range)
{
	return !is_own(p, range) &&
	       (conn_is_ours(c, p->own, p->own_count) || !is_elsewhere(p, conf, range));
}

/* Also of conns that are only added: `ipsec auto --route` may come later. */
static void find_inside(struct plan *p, const struct conf *conf)
{
	p->inside = new_array(conf->conn_count * CONF_SUBNETS_MAX + 1, sizeof(*p->inside));
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn *c = &conf->conns[i];
		const struct conn_end *ours = conn_ours(c, p->own, p->own_count, NULL);

		for (size_t j = 0; c->auto_action != AUTO_IGNORE && j < ours->subnet_count; j++) {
			if (is_inside(p, conf, c, &ours->subnets[j]))
				p->inside[p->inside_count++] = ours->subnets[j];
		}
	}
	qsort(p->inside, p->inside_count, sizeof(*p->inside), compare_first);
	p->inside_count = merge(p->inside, p->inside_count);
}

static bool is_outer_device(const struct plan *p, const struct network *n, const char *device)
{
	for (size_t i = 0; i < p->outer_count; i++) {
		const char *outer = device_of(n, &p->outer[i]);

		if (outer != NULL && strcmp(outer, device) == 0)
			return true;
	}
	return false;
}

/* Where everybody is inside, or the default route leads there, nothing is known by its route. */
static void find_routed(struct plan *p, const struct network *n)
{
	p->routed = new_array(p->inside_count + 1, sizeof(*p->routed));
	for (size_t i = 0; i < p->inside_count; i++) {
		const struct ip_range *range = &p->inside[i];
		const char *device = range->first.family == IP_V4 ? n->device4 : n->device6;

		if (range_prefix_bits(range) > 0 &&
		    (device[0] == '\0' || is_outer_device(p, n, device)))
			p->routed[p->routed_count++] = *range;
	}
}

static void tell_clash(const struct conf *conf, const struct policy_row *first,
                       const struct policy_row *second, char *error, size_t size)
{
	if (second->is_group)
		snprintf(error, size, "%s:%u: %s is also in %s:%u; take one of the two lines out",
		         conf->conns[second->conn].policy_file, second->line,
		         range_text(&second->remote).s, conf->conns[first->conn].policy_file,
		         first->line);
	else
		snprintf(error, size,
		         "conn %s: conn %s is for the same addresses; take one of them out",
		         second->name, first->name);
}

static bool find_policy(struct plan *p, const struct conf *conf, char *error, size_t size)
{
	struct policy_row *rows = NULL;
	const struct own_addresses own =
	    own_of(p->outer, p->outer_count, p->covered, p->covered_count, p->own, p->own_count);
	size_t count = policy_rows_of_conf(conf, &own, &rows);
	struct policy_clash clash = { 0 };
	bool ok = policy_build(&p->policy, rows, count, &clash);

	if (!ok)
		snprintf(error, size,
		         "the policy cuts the addresses into more than %d rows; write fewer "
		         "entries, or wider ones",
		         POLICY_FLAT_MAX);
	else if (clash.is_there && !conf->is_makeshift)
		tell_clash(conf, &rows[clash.first], &rows[clash.second], error, size);
	free(rows);
	return ok && (!clash.is_there || conf->is_makeshift);
}

static void settle(struct plan *p, const struct conf *conf, uid_t daemon_uid)
{
	const struct engine_marks marks = engine_marks_of(conf->setup.mark_mask);
	struct steering_settings *s = &p->steering;
	struct engine_settings *e = &p->engine;

	s->device = e->device = PLAN_DEVICE;
	s->marks = e->marks = marks;
	s->route_table = e->route_table = PLAN_ROUTE_TABLE;
	s->rule_priority = e->rule_priority = PLAN_RULE_PRIORITY;
	s->daemon_down_s = e->daemon_down_s = conf->setup.daemon_down_s;
	s->port = e->port = PLAN_PORT;
	s->nat_port = e->nat_port = PLAN_NAT_PORT;
	s->daemon_uid = e->daemon_uid = daemon_uid;
	s->dns_uids = e->dns_uids = p->dns_uids;
	s->dns_uid_count = e->dns_uid_count = p->dns_uid_count;
	s->inside = e->inside = p->inside;
	s->inside_count = e->inside_count = p->inside_count;
	s->known = e->known = p->known;
	s->known_count = e->known_count = p->known_count;
	s->bypass = e->bypass = p->bypass;
	s->bypass_count = e->bypass_count = p->bypass_count;
	e->outer4 = p->own4;
	e->outer6 = p->own6;
	if (e->mtu == 0)
		e->mtu = 1500;
}

bool plan_make(struct plan *out, const struct conf *conf, const struct network *network,
               uid_t daemon_uid, char *error, size_t size)
{
	*out = (struct plan){ 0 };
	find_addresses(out, conf, network);
	if (!conf->setup.has_dns_users)
		add_usual_users(out);
	else if (!add_named_users(out, conf, error, size))
		return false;
	find_inside(out, conf);
	find_routed(out, network);
	find_known(out, conf, network);
	find_bypass(out, conf, network);
	if (!find_policy(out, conf, error, size)) {
		plan_wipe(out);
		return false;
	}
	settle(out, conf, daemon_uid);
	return true;
}

void plan_wipe(struct plan *plan)
{
	policy_wipe(&plan->policy);
	free(plan->inside);
	free(plan->routed);
	free(plan->known);
	free(plan->bypass);
	*plan = (struct plan){ 0 };
}
