/*
 * What would work against us, found at start: a flowtable (refused), and a filter that drops by
 * default and has no rule about us (said, since it is the administrator's to decide).
 */
#include "engine/steering/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>

static int on_flowtable(const struct nlmsghdr *h, void *ctx)
{
	*(bool *)ctx = true;
	return MNL_CB_OK;
}

/* A flowtable forwards packets of known connections past all our chains. */
bool check_has_flowtable(struct nft *nft)
{
	bool found = false;

	return nft_dump_any(nft, NFT_MSG_GETFLOWTABLE, on_flowtable, &found) == 0 && found;
}

enum { FILTERS_MAX = 16, NAME_SIZE = 64 };

struct filter {
	uint8_t family;
	char table[NAME_SIZE];
	char chain[NAME_SIZE];
	uint32_t hook;
	bool knows_us;
};

struct filters {
	const struct steering_settings *settings;
	struct filter filter[FILTERS_MAX]; /* more than fit are not looked at */
	size_t count;
};

static bool hook_of(const struct nlattr *nest, uint32_t *hook)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) != NFTA_HOOK_HOOKNUM)
			continue;
		*hook = ntohl(mnl_attr_get_u32(attr));
		return *hook == NF_INET_FORWARD || *hook == NF_INET_LOCAL_OUT;
	}
	return false;
}

static int on_chain(const struct nlmsghdr *h, void *ctx)
{
	const struct nfgenmsg *generic = mnl_nlmsg_get_payload(h);
	struct filters *filters = ctx;
	struct filter f = { .family = generic->nfgen_family };
	const struct nlattr *attr;
	bool drops = false;
	bool is_ours_to_see = false;

	mnl_attr_for_each(attr, h, sizeof(*generic))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_CHAIN_TABLE:
			snprintf(f.table, sizeof(f.table), "%s", mnl_attr_get_str(attr));
			break;
		case NFTA_CHAIN_NAME:
			snprintf(f.chain, sizeof(f.chain), "%s", mnl_attr_get_str(attr));
			break;
		case NFTA_CHAIN_HOOK:
			is_ours_to_see = hook_of(attr, &f.hook);
			break;
		case NFTA_CHAIN_POLICY:
			drops = ntohl(mnl_attr_get_u32(attr)) == NF_DROP;
			break;
		}
	}
	if (drops && is_ours_to_see && filters->count < FILTERS_MAX &&
	    strcmp(f.table, STEERING_TABLE) != 0)
		filters->filter[filters->count++] = f;
	return MNL_CB_OK;
}

/* A rule of the same table counts wherever it is: chains call each other. */
static void note_rule(struct filters *filters, uint8_t family, const char *table, uint32_t hook)
{
	for (size_t i = 0; i < filters->count; i++) {
		struct filter *f = &filters->filter[i];

		if (f->family == family && f->hook == hook && strcmp(f->table, table) == 0)
			f->knows_us = true;
	}
}

static int on_rule(const struct nlmsghdr *h, void *ctx)
{
	const struct nfgenmsg *generic = mnl_nlmsg_get_payload(h);
	struct filters *filters = ctx;
	const char *device = filters->settings->device;
	const uint32_t *mask = &filters->settings->marks.mask;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(*generic))
	{
		if (mnl_attr_get_type(attr) != NFTA_RULE_TABLE)
			continue;
		if (memmem(h, h->nlmsg_len, device, strlen(device)) != NULL)
			note_rule(filters, generic->nfgen_family, mnl_attr_get_str(attr),
			          NF_INET_FORWARD);
		if (memmem(h, h->nlmsg_len, mask, sizeof(*mask)) != NULL)
			note_rule(filters, generic->nfgen_family, mnl_attr_get_str(attr),
			          NF_INET_LOCAL_OUT);
	}
	return MNL_CB_OK;
}

static void warn(const struct filter *f, const struct steering_settings *settings,
                 const struct log *log)
{
	const char *family = f->family == NFPROTO_INET   ? "inet"
	                     : f->family == NFPROTO_IPV6 ? "ip6"
	                                                 : "ip";
	char accept[64];

	if (f->hook == NF_INET_FORWARD)
		snprintf(accept, sizeof(accept), "oifname \"%s\" accept", settings->device);
	else
		snprintf(accept, sizeof(accept), "meta mark & 0x%08x != 0 accept",
		         settings->marks.mask);
	log_line(log, LOG_WARNING,
	         "table %s %s chain %s drops by default and may drop %s: add `%s`", family,
	         f->table, f->chain,
	         f->hook == NF_INET_FORWARD ? "trapped packets (they are untracked)"
	                                    : "released packets of inside hosts",
	         accept);
}

void check_filters(struct nft *nft, const struct steering_settings *settings, const struct log *log)
{
	struct filters *filters = new_zeroed(sizeof(*filters));

	filters->settings = settings;
	(void)nft_dump_any(nft, NFT_MSG_GETCHAIN, on_chain, filters);
	if (filters->count > 0)
		(void)nft_dump_any(nft, NFT_MSG_GETRULE, on_rule, filters);
	for (size_t i = 0; i < filters->count; i++)
		if (!filters->filter[i].knows_us)
			warn(&filters->filter[i], settings, log);
	free(filters);
}
