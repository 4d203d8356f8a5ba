/*
 * nodder: lets a peer's daemon work where the kernel has no ESP (LD_PRELOAD).
 *
 * What the daemon tells the kernel of SAs and policies goes out as netlink's message that does
 * nothing, which the kernel acknowledges. So every call, wait and answer is still there, and what
 * the kernel would have to do is not: a rate can only come out better. SPIs are the kernel's.
 */
#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/xfrm.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

typedef ssize_t (*send_function)(int, const void *, size_t, int, const struct sockaddr *,
                                 socklen_t);

static bool goes_to_xfrm(int fd)
{
	int domain = 0, protocol = 0;
	socklen_t len = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_NETLINK &&
	       getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 &&
	       protocol == NETLINK_XFRM;
}

static bool is_of_an_sa(unsigned type)
{
	switch (type) {
	case XFRM_MSG_NEWSA:
	case XFRM_MSG_UPDSA:
	case XFRM_MSG_DELSA:
	case XFRM_MSG_NEWPOLICY:
	case XFRM_MSG_UPDPOLICY:
	case XFRM_MSG_DELPOLICY:
		return true;
	default:
		return false;
	}
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
               socklen_t to_len)
{
	static send_function real;
	const struct nlmsghdr *said = data;
	struct nlmsghdr nothing;
	ssize_t sent;

	if (real == NULL)
		real = (send_function)dlsym(RTLD_NEXT, "sendto");
	if (real == NULL)
		abort();
	if (len < sizeof(*said) || to == NULL || to->sa_family != AF_NETLINK ||
	    !is_of_an_sa(said->nlmsg_type) || !goes_to_xfrm(fd))
		return real(fd, data, len, flags, to, to_len);
	nothing = *said;
	nothing.nlmsg_type = NLMSG_NOOP;
	nothing.nlmsg_len = sizeof(nothing);
	nothing.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	sent = real(fd, &nothing, sizeof(nothing), flags, to, to_len);
	return sent < 0 ? sent : (ssize_t)len;
}
