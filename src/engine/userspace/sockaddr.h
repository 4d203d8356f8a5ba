#pragma once
/* Addresses of ours as the kernel's, and back. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "util/address.h"

union sockaddr_any {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

socklen_t sockaddr_from(union sockaddr_any *out, const struct ip *address, uint16_t port);
struct endpoint sockaddr_endpoint(const union sockaddr_any *address);
