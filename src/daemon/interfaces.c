#include "daemon/interfaces.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>

#include "daemon/clock.h"
#include "daemon/core.h"

/*
 * An address comes with routes and links: what belongs together is looked at together. The wait is
 * short, since what is sent from a new address meanwhile is dropped. READS_MAX bounds one turn.
 */
enum { WAIT_MS = 5, PAUSE_MS = 100, BUFFER = 1024 * 1024, READ_SIZE = 64 * 1024, READS_MAX = 100 };

struct interfaces {
	struct daemon *daemon;
	struct mnl_socket *socket;
	struct event *readable;
	struct event *due;
	bool is_changed;
	struct instant looked; /* last */
};

static bool is_default_route(const struct nlmsghdr *h)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(h);

	return route->rtm_dst_len == 0;
}

static int on_message(const struct nlmsghdr *h, void *ctx)
{
	struct interfaces *i = ctx;

	switch (h->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWLINK:
	case RTM_DELLINK:
		i->is_changed = true;
		break;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		i->is_changed |= i->daemon->conf->conf.setup.route_bypass || is_default_route(h);
		break;
	}
	return MNL_CB_OK;
}

/* Soon, but not again and again for somebody whose addresses never rest. */
static void look_soon(struct interfaces *i)
{
	int64_t ms = PAUSE_MS - instant_since(clock_now(), i->looked).ns / 1000000;
	const struct timeval wait = { .tv_usec = (ms > WAIT_MS ? ms : WAIT_MS) * 1000 };

	if (!evtimer_pending(i->due, NULL))
		evtimer_add(i->due, &wait);
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct interfaces *i = ctx;
	char *buffer = new_zeroed(READ_SIZE);
	ssize_t len = 0;

	for (int reads = 0; reads < READS_MAX && len >= 0; reads++) {
		len = recv(fd, buffer, READ_SIZE, MSG_DONTWAIT);
		if (len > 0)
			(void)mnl_cb_run(buffer, (size_t)len, 0, 0, on_message, i);
		i->is_changed |= len < 0 && errno == ENOBUFS; /* anything may have happened */
	}
	free(buffer);
	if (i->is_changed)
		look_soon(i);
}

static void tell(const struct daemon *d)
{
	const struct plan *plan = &d->conf->plan;
	CLEANUP(text_free) struct text list = { 0 };

	for (size_t i = 0; i < plan->outer_count; i++)
		text_add(&list, " %s", ip_text(&plan->outer[i]).s);
	log_line(&d->log, LOG_INFO, "interfaces: addresses have changed, outer now%s",
	         list.len > 0 ? list.s : ": none");
	if (plan->has_more_addresses)
		log_line(&d->log, LOG_ERROR,
		         "interfaces: more than %d addresses; nothing is sent from the others",
		         NETWORK_ADDRESSES_MAX);
}

static void on_due(evutil_socket_t fd, short what, void *ctx)
{
	struct interfaces *i = ctx;
	struct daemon *d = i->daemon;
	CLEANUP(text_free) struct text error = { 0 };
	bool has_changed;

	i->is_changed = false;
	i->looked = clock_now();
	if (d->is_stopping)
		return;
	engine_keep_device(d->engine);
	if (!configuration_look(d->conf, d->users.daemon, &has_changed, &error)) {
		log_line(&d->log, LOG_ERROR, "interfaces: %s; the last ones stay", error.s);
		return;
	}
	if (!has_changed)
		return;
	tell(d);
	core_readdress(d);
}

static struct mnl_socket *listen_to_groups(void)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
		                      RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE };
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = BUFFER;
	bool ok = socket != NULL && mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) == 0;

	for (size_t i = 0; ok && i < ARRAY_LEN(groups); i++) {
		int group = groups[i];

		ok = mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ==
		     0;
	}
	if (ok) {
		(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
		                 sizeof(size));
		return socket;
	}
	if (socket != NULL)
		mnl_socket_close(socket);
	return NULL;
}

struct interfaces *interfaces_open(struct daemon *d)
{
	struct interfaces *i = new_zeroed(sizeof(*i));

	i->daemon = d;
	i->socket = listen_to_groups();
	i->due = evtimer_new(d->base, on_due, i);
	if (i->socket != NULL)
		i->readable = event_new(d->base, mnl_socket_get_fd(i->socket), EV_READ | EV_PERSIST,
		                        on_readable, i);
	if (i->due == NULL || i->readable == NULL || event_add(i->readable, NULL) != 0) {
		interfaces_free(i);
		return NULL;
	}
	look_soon(i);
	return i;
}

void interfaces_free(struct interfaces *i)
{
	if (i == NULL)
		return;
	if (i->readable != NULL)
		event_free(i->readable);
	if (i->due != NULL)
		event_free(i->due);
	if (i->socket != NULL)
		mnl_socket_close(i->socket);
	free(i);
}
