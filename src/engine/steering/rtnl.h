#pragma once
/* Requests over rtnetlink: one at a time, answered before the call returns. */
#include <libmnl/libmnl.h>

#include "engine/steering/names.h"

struct rtnl {
	struct mnl_socket *socket;
	uint32_t sequence;
};

MUST_USE bool rtnl_open(struct rtnl *r, char *error, size_t size);
void rtnl_close(struct rtnl *r);
/* 0 or an errno. A request fits into NETLINK_REQUEST_SIZE. */
int rtnl_request(struct rtnl *r, struct nlmsghdr *request);
/* Every answer of a dump goes to `each`; 0 or an errno. */
int rtnl_dump(struct rtnl *r, struct nlmsghdr *request, mnl_cb_t each, void *ctx);
