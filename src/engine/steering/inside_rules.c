#include "engine/steering/inside_rules.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

/* The main table has 32766. */
enum { ROUTED_PRIORITY = 32764, BLACKHOLE_PRIORITY = 32765, RULES_MAX = 4096 };

static const uint32_t priorities[] = { ROUTED_PRIORITY, BLACKHOLE_PRIORITY };

/* `range` NULL: for whichever. */
static struct nlmsghdr *rule_put(char *buffer, const struct steering_settings *s, uint8_t family,
                                 const struct ip_range *range, uint32_t priority)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	bool is_blackhole = priority == BLACKHOLE_PRIORITY;
	struct fib_rule_hdr *rule;

	h->nlmsg_flags = NLM_F_REQUEST;
	rule = mnl_nlmsg_put_extra_header(h, sizeof(*rule));
	rule->family = family;
	rule->action = is_blackhole ? FR_ACT_BLACKHOLE : FR_ACT_TO_TBL;
	rule->table = is_blackhole ? RT_TABLE_UNSPEC : RT_TABLE_MAIN;
	mnl_attr_put_strz(h, FRA_IIFNAME, s->device);
	mnl_attr_put_u32(h, FRA_PRIORITY, priority);
	if (!is_blackhole)
		mnl_attr_put_u32(h, FRA_SUPPRESS_PREFIXLEN, 0);
	if (range == NULL)
		return h;
	rule->dst_len = (uint8_t)range_prefix_bits(range);
	mnl_attr_put(h, FRA_DST, ip_len(&range->first), range->first.octets);
	return h;
}

static uint8_t family_of(const struct ip_range *range)
{
	return range->first.family == IP_V4 ? AF_INET : AF_INET6;
}

int inside_rules_add(struct rtnl *r, const struct steering_settings *s, bool *has_changed)
{
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];

	for (size_t i = 0; i < 2 * s->routed_count; i++) {
		const struct ip_range *range = &s->routed[i / 2];
		struct nlmsghdr *h =
		    rule_put(buffer, s, family_of(range), range, priorities[i % 2]);
		int error;

		h->nlmsg_type = RTM_NEWRULE;
		h->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
		error = rtnl_request(r, h);
		*has_changed |= error == 0;
		if (error != 0 && error != EEXIST)
			return error;
	}
	return 0;
}

/* The blackhole goes first. */
static int remove_one(struct rtnl *r, const struct steering_settings *s, uint8_t family,
                      const struct ip_range *range)
{
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];
	int error = 0;

	for (size_t i = ARRAY_LEN(priorities); i-- > 0;) {
		struct nlmsghdr *h = rule_put(buffer, s, family, range, priorities[i]);

		h->nlmsg_type = RTM_DELRULE;
		error = rtnl_request(r, h);
	}
	return error;
}

void inside_rules_remove(struct rtnl *r, const struct steering_settings *s,
                         const struct ip_range *range)
{
	(void)remove_one(r, s, family_of(range), range);
}

void inside_rules_remove_all(struct rtnl *r, const struct steering_settings *s)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };

	for (size_t f = 0; f < ARRAY_LEN(families); f++)
		for (int i = 0; i < RULES_MAX && remove_one(r, s, families[f], NULL) == 0; i++)
			;
}
