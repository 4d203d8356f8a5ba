#include "engine/steering/rtnl.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>

bool rtnl_open(struct rtnl *r, char *error, size_t size)
{
	*r = (struct rtnl){ .socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC) };
	if (r->socket != NULL && mnl_socket_bind(r->socket, 0, MNL_SOCKET_AUTOPID) == 0)
		return true;
	snprintf(error, size, "rtnetlink: %s; the kernel must allow netlink sockets",
	         strerror(errno));
	rtnl_close(r);
	return false;
}

void rtnl_close(struct rtnl *r)
{
	if (r->socket != NULL)
		mnl_socket_close(r->socket);
	r->socket = NULL;
}

static int receive(struct rtnl *r, mnl_cb_t each, void *ctx)
{
	size_t size = 32768; /* what the kernel puts into one answer of a dump, at most */
	char *buffer = new_zeroed(size);
	unsigned port = mnl_socket_get_portid(r->socket);
	int result = 0;

	do {
		ssize_t len = mnl_socket_recvfrom(r->socket, buffer, size);

		if (len < 0 && errno == EINTR) {
			result = MNL_CB_OK;
			continue;
		}
		result = len < 0 ? MNL_CB_ERROR
		                 : mnl_cb_run(buffer, (size_t)len, r->sequence, port, each, ctx);
	} while (result > MNL_CB_STOP);
	free(buffer);
	return result == MNL_CB_ERROR ? errno : 0;
}

int rtnl_dump(struct rtnl *r, struct nlmsghdr *request, mnl_cb_t each, void *ctx)
{
	request->nlmsg_seq = ++r->sequence;
	if (mnl_socket_sendto(r->socket, request, request->nlmsg_len) < 0)
		return errno;
	return receive(r, each, ctx);
}

int rtnl_request(struct rtnl *r, struct nlmsghdr *request)
{
	request->nlmsg_flags |= NLM_F_ACK;
	return rtnl_dump(r, request, NULL, NULL);
}
