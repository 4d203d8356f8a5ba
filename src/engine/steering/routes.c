/*
 * The trap's way: a rule that sends marked packets to a table of its own, there a default route to
 * ipsec0 and, for when ipsec0 is gone, a blackhole of higher metric (without it marked packets
 * would fall through to the main table and leave in the clear).
 */
#include "engine/steering/steering.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/steering/inside_rules.h"
#include "engine/steering/state.h"

enum { TRAP_METRIC = 1, BLACKHOLE_METRIC = 4096 };

static struct nlmsghdr *rule_put(char *buffer, const struct steering_settings *s, uint8_t family,
                                 uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct fib_rule_hdr *rule;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	rule = mnl_nlmsg_put_extra_header(h, sizeof(*rule));
	rule->family = family;
	rule->action = FR_ACT_TO_TBL;
	rule->table = s->route_table < 256 ? (uint8_t)s->route_table : RT_TABLE_UNSPEC;
	mnl_attr_put_u32(h, FRA_TABLE, s->route_table);
	mnl_attr_put_u32(h, FRA_PRIORITY, s->rule_priority);
	mnl_attr_put_u32(h, FRA_FWMARK, s->marks.trap);
	mnl_attr_put_u32(h, FRA_FWMASK, s->marks.mask);
	return h;
}

/* `ifindex` 0 asks for the blackhole. */
static struct nlmsghdr *route_put(char *buffer, const struct steering_settings *s, uint8_t family,
                                  unsigned ifindex, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct rtmsg *route;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	route = mnl_nlmsg_put_extra_header(h, sizeof(*route));
	route->rtm_family = family;
	route->rtm_table = s->route_table < 256 ? (uint8_t)s->route_table : RT_TABLE_UNSPEC;
	route->rtm_protocol = RTPROT_STATIC;
	route->rtm_type = ifindex != 0 ? RTN_UNICAST : RTN_BLACKHOLE;
	route->rtm_scope = ifindex != 0 && family == AF_INET ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
	mnl_attr_put_u32(h, RTA_TABLE, s->route_table);
	mnl_attr_put_u32(h, RTA_PRIORITY, ifindex != 0 ? TRAP_METRIC : BLACKHOLE_METRIC);
	if (ifindex != 0)
		mnl_attr_put_u32(h, RTA_OIF, ifindex);
	return h;
}

/* Makes what is not there; what is there already is no failure. */
static int make(struct rtnl *r, struct nlmsghdr *request, bool *has_changed)
{
	int error = rtnl_request(r, request);

	*has_changed |= error == 0;
	return error == EEXIST ? 0 : error;
}

/* The blackhole goes in first and the rule last: no moment in which a mark leads nowhere. */
static const char *family_up(struct rtnl *r, const struct steering_settings *s, uint8_t family,
                             unsigned ifindex, bool *has_changed, int *failure)
{
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];
	const uint16_t flags = NLM_F_CREATE | NLM_F_EXCL;
	struct nlmsghdr *h;

	h = route_put(buffer, s, family, 0, RTM_NEWROUTE, flags);
	if ((*failure = make(r, h, has_changed)) != 0)
		return "blackhole route";
	h = route_put(buffer, s, family, ifindex, RTM_NEWROUTE, flags);
	if (ifindex != 0 && (*failure = make(r, h, has_changed)) != 0)
		return "trap route";
	h = rule_put(buffer, s, family, RTM_NEWRULE, flags);
	if ((*failure = make(r, h, has_changed)) != 0)
		return "routing rule";
	return NULL;
}

bool steering_routes_restore(const struct steering_settings *s, bool *has_changed, char *error,
                             size_t size)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	unsigned ifindex = if_nametoindex(s->device);
	struct rtnl r;
	int failure;

	if (!rtnl_open(&r, error, size))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		const char *what = family_up(&r, s, families[i], ifindex, has_changed, &failure);

		/* A machine without IPv6 has nothing to trap there. */
		if (what == NULL ||
		    (families[i] == AF_INET6 && (failure == EAFNOSUPPORT || failure == EOPNOTSUPP)))
			continue;
		snprintf(error, size, "table %u: %s for %s: %s", s->route_table, what,
		         families[i] == AF_INET ? "IPv4" : "IPv6", strerror(failure));
		rtnl_close(&r);
		return false;
	}
	failure = inside_rules_add(&r, s, has_changed);
	rtnl_close(&r);
	if (failure != 0)
		snprintf(error, size, "routing rules for the inside: %s", strerror(failure));
	return failure == 0;
}

bool steering_routes_up(const struct steering_settings *s, char *error, size_t size)
{
	bool has_changed;

	return steering_routes_restore(s, &has_changed, error, size);
}

/* More than one rule can be there if somebody added ours by hand; take them all out. */
static void remove_all(struct rtnl *r, struct nlmsghdr *request)
{
	for (int i = 0; i < 16 && rtnl_request(r, request) == 0; i++)
		;
}

void steering_routes_down(const struct steering_settings *s)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	unsigned ifindex = if_nametoindex(s->device);
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];
	char error[128];
	struct rtnl r;

	if (!rtnl_open(&r, error, sizeof(error)))
		return;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		remove_all(&r, rule_put(buffer, s, families[i], RTM_DELRULE, 0));
		if (ifindex != 0)
			remove_all(&r, route_put(buffer, s, families[i], ifindex, RTM_DELROUTE, 0));
		remove_all(&r, route_put(buffer, s, families[i], 0, RTM_DELROUTE, 0));
	}
	inside_rules_remove_all(&r, s);
	rtnl_close(&r);
}

static bool is_among(const struct ip_range *range, const struct ip_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (range_equal(range, &ranges[i]))
			return true;
	return false;
}

void steering_set_routed(struct steering *s, const struct ip_range *routed, size_t count)
{
	struct ip_range *before = s->routed;
	size_t before_count = s->settings.routed_count;
	bool has_changed;
	char error[128];
	struct rtnl r;
	int failure;

	s->settings.routed = s->routed = ranges_copy(routed, count);
	s->settings.routed_count = count;
	if (!rtnl_open(&r, error, sizeof(error))) {
		log_line(&s->log, LOG_ERROR, "steering: %s", error);
		free(before);
		return;
	}
	failure = inside_rules_add(&r, &s->settings, &has_changed);
	if (failure != 0)
		log_line(&s->log, LOG_ERROR, "steering: routing rules for the inside: %s",
		         strerror(failure));
	for (size_t i = 0; i < before_count; i++)
		if (!is_among(&before[i], routed, count))
			inside_rules_remove(&r, &s->settings, &before[i]);
	rtnl_close(&r);
	free(before);
}
