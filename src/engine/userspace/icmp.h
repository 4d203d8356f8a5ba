#pragma once
/*
 * ICMP and ICMPv6 errors about inner packets (RFC 792, RFC 4443), from the type octet on; the
 * socket that sends them adds the IP header, and for IPv6 the checksum.
 */
#include "engine/userspace/packet.h"

enum icmp_error { ICMP_ERROR_TOO_BIG, ICMP_ERROR_PROHIBITED };

/* The whole answer stays below 576 octets (RFC 1812 section 4.3.2.3) or 1280 (RFC 4443). */
enum { ICMP_MESSAGE_MAX = 1240 };

/*
 * Nobody answers ICMP errors, later fragments, or what is not from one host to one other (ICM-5,
 * RFC 1122 section 3.2.2, RFC 4443 section 2.4).
 */
bool icmp_may_answer(const struct packet *about);
/* `mtu` counts for TOO_BIG only. Returns the length. */
size_t icmp_write(enum icmp_error error, const struct packet *about, size_t mtu,
                  uint8_t out[ICMP_MESSAGE_MAX]);
