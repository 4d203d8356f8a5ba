#include "engine/userspace/sockaddr.h"

#include <arpa/inet.h>

socklen_t sockaddr_from(union sockaddr_any *out, const struct ip *address, uint16_t port)
{
	memset(out, 0, sizeof(*out));
	if (address->family == IP_V4) {
		out->v4.sin_family = AF_INET;
		out->v4.sin_port = htons(port);
		memcpy(&out->v4.sin_addr, address->octets, 4);
		return sizeof(out->v4);
	}
	out->v6.sin6_family = AF_INET6;
	out->v6.sin6_port = htons(port);
	memcpy(&out->v6.sin6_addr, address->octets, 16);
	return sizeof(out->v6);
}

struct endpoint sockaddr_endpoint(const union sockaddr_any *address)
{
	if (address->any.sa_family == AF_INET)
		return (struct endpoint){ ip_from_octets(BYTES(&address->v4.sin_addr, 4)),
			                  ntohs(address->v4.sin_port) };
	if (address->any.sa_family == AF_INET6)
		return (struct endpoint){ ip_from_octets(BYTES(&address->v6.sin6_addr, 16)),
			                  ntohs(address->v6.sin6_port) };
	return (struct endpoint){ 0 };
}
