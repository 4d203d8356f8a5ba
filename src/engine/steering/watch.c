/*
 * Others' hands: Debian's nftables.conf begins with `flush ruleset`, systemd-networkd deletes
 * foreign rules and routes, an administrator mistypes. What was ours is put back at once.
 */
#include "engine/steering/state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

enum { WATCH_BUFFER = 8 * 1024 * 1024, READ_SIZE = 64 * 1024, READS_MAX = 1000 };

struct watch {
	struct steering *steering;
	struct mnl_socket *nft;
	struct mnl_socket *route;
	struct event *nft_event;
	struct event *route_event;
	void (*restored)(void *ctx, const char *what);
	void *ctx;
	bool is_touched; /* somebody else changed something of ours, the transaction is not over */
	bool has_elements; /* it was elements, which a fingerprint does not show */
	bool is_unrouted;
	uint32_t told_priority; /* of a rule before ours, the last that was told */
	char who[64];
	_Alignas(8) char buffer[READ_SIZE]; /* every verdict of ours comes by here */
};

static bool is_our_table(const struct nlmsghdr *h)
{
	const struct nfgenmsg *generic = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr;

	if (generic->nfgen_family != NFPROTO_INET)
		return false;
	mnl_attr_for_each(attr, h, sizeof(*generic))
	{
		/* The table's name is the first attribute of all these messages. */
		if (mnl_attr_get_type(attr) == NFTA_TABLE_NAME)
			return strcmp(mnl_attr_get_str(attr), STEERING_TABLE) == 0;
	}
	return false;
}

static void note_who(struct watch *w, const struct nlmsghdr *h)
{
	const struct nlattr *attr;
	const char *name = "somebody";
	uint32_t pid = 0;

	mnl_attr_for_each(attr, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_NAME)
			name = mnl_attr_get_str(attr);
		if (mnl_attr_get_type(attr) == NFTA_GEN_PROC_PID)
			pid = ntohl(mnl_attr_get_u32(attr));
	}
	snprintf(w->who, sizeof(w->who), "%s (pid %u)", name, pid);
}

static void put_back_table(struct watch *w)
{
	struct steering *s = w->steering;
	bool is_same = !w->has_elements && baseline_fingerprint(&s->nft) == s->baseline.fingerprint;

	w->is_touched = false;
	w->has_elements = false;
	if (is_same)
		return;
	if (!steering_rebuild(s))
		return;
	log_line(&s->log, LOG_ERROR,
	         "steering: table inet " STEERING_TABLE " was changed or removed by %s; put back",
	         w->who);
	if (w->restored != NULL)
		w->restored(w->ctx, "nftables");
}

static int on_nft(const struct nlmsghdr *h, void *ctx)
{
	struct watch *w = ctx;
	uint8_t message = h->nlmsg_type & 0xff;

	if (h->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
		return MNL_CB_OK;
	if (message == NFT_MSG_NEWFLOWTABLE)
		log_line(&w->steering->log, LOG_ERROR,
		         "steering: a flowtable was added; it forwards packets past the policy: "
		         "remove it");
	if (message == NFT_MSG_NEWGEN) {
		note_who(w, h); /* the end of a transaction */
		if (w->is_touched)
			put_back_table(w);
	} else if (h->nlmsg_pid != w->steering->nft.port && is_our_table(h)) {
		w->is_touched = true;
		w->has_elements |= message == NFT_MSG_NEWSETELEM || message == NFT_MSG_DELSETELEM;
	}
	return MNL_CB_OK;
}

/* True if messages were lost: then anything may have happened. */
static bool read_all(struct mnl_socket *socket, mnl_cb_t each, struct watch *w)
{
	bool is_lost = false;
	ssize_t len = 0;

	for (int reads = 0; reads < READS_MAX && len >= 0; reads++) {
		len = recv(mnl_socket_get_fd(socket), w->buffer, READ_SIZE, MSG_DONTWAIT);
		if (len < 0 && errno == ENOBUFS) {
			is_lost = true;
			len = 0;
		} else if (len > 0) {
			(void)mnl_cb_run(w->buffer, (size_t)len, 0, 0, each, w);
		}
	}
	return is_lost;
}

static void on_nft_event(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;

	if (read_all(w->nft, on_nft, w)) {
		snprintf(w->who, sizeof(w->who), "somebody");
		put_back_table(w);
	}
}

static bool is_our_rule(const struct steering_settings *s, const struct nlmsghdr *h)
{
	const struct nlattr *attr;
	uint32_t table = 0;

	mnl_attr_for_each(attr, h, sizeof(struct fib_rule_hdr))
	{
		if (mnl_attr_get_type(attr) == FRA_IIFNAME &&
		    strcmp(mnl_attr_get_str(attr), s->device) == 0)
			return true;
		if (mnl_attr_get_type(attr) == FRA_TABLE)
			table = mnl_attr_get_u32(attr);
	}
	return table == s->route_table;
}

/*
 * A rule that is added without a priority gets one before the first there is, and that is ours:
 * what it routes never reaches ipsec0, and the leak guard drops it.
 */
static void look_at_new_rule(struct watch *w, const struct nlmsghdr *h)
{
	const struct steering_settings *s = &w->steering->settings;
	const struct fib_rule_hdr *rule = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr;
	uint32_t priority = 0; /* not said: that of the local table */

	mnl_attr_for_each(attr, h, sizeof(*rule))
	{
		if (mnl_attr_get_type(attr) == FRA_PRIORITY)
			priority = mnl_attr_get_u32(attr);
	}
	if (rule->action != FR_ACT_TO_TBL || priority == 0 || priority >= s->rule_priority ||
	    priority == w->told_priority)
		return;
	w->told_priority = priority;
	log_line(&w->steering->log, LOG_ERROR,
	         "steering: a routing rule of priority %u stands before ours (%u); what it routes "
	         "goes into no tunnel: give it a priority above %u",
	         priority, s->rule_priority, s->rule_priority);
}

static bool is_our_route(const struct steering_settings *s, const struct nlmsghdr *h)
{
	const struct nlattr *attr;
	uint32_t table = 0;

	mnl_attr_for_each(attr, h, sizeof(struct rtmsg))
	{
		if (mnl_attr_get_type(attr) == RTA_TABLE)
			table = mnl_attr_get_u32(attr);
	}
	return table == s->route_table;
}

static bool is_our_link(const struct steering_settings *s, const struct nlmsghdr *h)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(h);
	const struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(*link))
	{
		if (mnl_attr_get_type(attr) == IFLA_IFNAME)
			return strcmp(mnl_attr_get_str(attr), s->device) == 0 &&
			       (link->ifi_flags & IFF_UP) != 0;
	}
	return false;
}

static int on_route(const struct nlmsghdr *h, void *ctx)
{
	struct watch *w = ctx;
	const struct steering_settings *s = &w->steering->settings;

	switch (h->nlmsg_type) {
	case RTM_NEWRULE:
		look_at_new_rule(w, h);
		break;
	case RTM_DELRULE:
		w->is_unrouted |= is_our_rule(s, h);
		break;
	case RTM_DELROUTE:
		w->is_unrouted |= is_our_route(s, h);
		break;
	case RTM_NEWLINK: /* the kernel takes IPv4 routes of a device that goes down silently */
		w->is_unrouted |= is_our_link(s, h);
		break;
	}
	return MNL_CB_OK;
}

static void on_route_event(evutil_socket_t fd, short what, void *ctx)
{
	struct watch *w = ctx;
	char error[160];
	bool has_changed = false;

	w->is_unrouted |= read_all(w->route, on_route, w);
	if (!w->is_unrouted)
		return;
	w->is_unrouted = false;
	if (!steering_routes_restore(&w->steering->settings, &has_changed, error, sizeof(error)))
		log_line(&w->steering->log, LOG_ERROR, "steering: cannot put back: %s", error);
	if (!has_changed)
		return;
	log_line(&w->steering->log, LOG_ERROR,
	         "steering: a rule or route of the trap was removed; put back");
	if (w->restored != NULL)
		w->restored(w->ctx, "routing");
}

static struct mnl_socket *open_groups(int bus, const int *groups, size_t count)
{
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = WATCH_BUFFER;

	if (socket == NULL)
		return NULL;
	(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
	                 sizeof(size));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) != 0)
		goto failed;
	for (size_t i = 0; i < count; i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) !=
		    0)
			goto failed;
	}
	return socket;
failed:
	mnl_socket_close(socket);
	return NULL;
}

static struct event *listen_on(struct event_base *base, struct mnl_socket *socket,
                               event_callback_fn callback, struct watch *w)
{
	struct event *event =
	    event_new(base, mnl_socket_get_fd(socket), EV_READ | EV_PERSIST, callback, w);

	if (event != NULL)
		event_add(event, NULL);
	return event;
}

/* Those that are there already come as if they were new. */
static void ask_for_rules(struct watch *w)
{
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];
	struct nlmsghdr *h = mnl_nlmsg_put_header(buffer);
	struct fib_rule_hdr *rule;

	h->nlmsg_type = RTM_GETRULE;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	rule = mnl_nlmsg_put_extra_header(h, sizeof(*rule));
	rule->family = AF_UNSPEC;
	if (mnl_socket_sendto(w->route, h, h->nlmsg_len) < 0)
		log_line(&w->steering->log, LOG_ERROR, "steering: routing rules: %s",
		         strerror(errno));
}

bool steering_watch(struct steering *s, struct event_base *base,
                    void (*restored)(void *ctx, const char *what), void *ctx)
{
	static const int nft_groups[] = { NFNLGRP_NFTABLES };
	static const int route_groups[] = { RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE,
		                            RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_LINK };
	struct watch *w = new_zeroed(sizeof(*w));

	w->steering = s;
	w->restored = restored;
	w->ctx = ctx;
	w->nft = open_groups(NETLINK_NETFILTER, nft_groups, ARRAY_LEN(nft_groups));
	w->route = open_groups(NETLINK_ROUTE, route_groups, ARRAY_LEN(route_groups));
	if (w->nft != NULL && w->route != NULL) {
		w->nft_event = listen_on(base, w->nft, on_nft_event, w);
		w->route_event = listen_on(base, w->route, on_route_event, w);
	}
	if (w->nft_event == NULL || w->route_event == NULL) {
		log_line(&s->log, LOG_ERROR, "steering: cannot watch for changes: %s",
		         strerror(errno));
		watch_free(w);
		return false;
	}
	watch_free(s->watch);
	s->watch = w;
	s->base = base;
	/* What happened since the table was taken over. */
	snprintf(w->who, sizeof(w->who), "somebody");
	put_back_table(w);
	ask_for_rules(w);
	return true;
}

void watch_free(struct watch *w)
{
	if (w == NULL)
		return;
	if (w->nft_event != NULL)
		event_free(w->nft_event);
	if (w->route_event != NULL)
		event_free(w->route_event);
	if (w->nft != NULL)
		mnl_socket_close(w->nft);
	if (w->route != NULL)
		mnl_socket_close(w->route);
	free(w);
}
