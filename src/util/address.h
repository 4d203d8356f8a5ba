#pragma once
/*
 * IP addresses, ranges, pairs, endpoints and paths, as values.
 *
 * IPv4-mapped IPv6 addresses never appear: ip_normalise() takes them out where octets come in
 * (they would give one host two names).
 */
#include "util/bytes.h"

enum ip_family { IP_NONE = 0, IP_V4 = 4, IP_V6 = 6 };

struct ip {
	uint8_t family;	    /* enum ip_family */
	uint8_t octets[16]; /* IPv4 in the first four, the rest zero */
};

/* Both ends belong to the range; both of one family; first <= last. */
struct ip_range {
	struct ip first;
	struct ip last;
};

/*
 * What kind of packets: all of them, one protocol, or some remote ports of it. All zero means
 * everything; `has_ports` only with a protocol that has ports. No padding: octets can be hashed.
 */
struct traffic {
	uint8_t protocol; /* IANA number; 0: any */
	uint8_t has_ports;
	uint16_t first_port; /* remote ports, host order; both 0 without has_ports */
	uint16_t last_port;
};

/*
 * Seen from this side: source is local, destination remote. `traffic` is that of the policy row
 * which decides for these packets: a pair with port rules has one eroute per rule.
 */
struct ip_pair {
	struct ip source;
	struct ip destination;
	struct traffic traffic;
};

struct endpoint {
	struct ip address;
	uint16_t port; /* host order */
};

/* Outer addresses and ports of datagrams between two gateways. */
struct path {
	struct endpoint local;
	struct endpoint remote;
};

/* Texts by value: ip_text(a).s lives to the end of the full expression it stands in. */
struct ip_text {
	char s[48];
};
struct range_text {
	char s[96];
};

static inline size_t ip_len(const struct ip *a)
{
	return a->family == IP_V4 ? 4 : a->family == IP_V6 ? 16 : 0;
}

struct ip ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
/* From 4 or 16 octets as on the wire; IP_NONE for any other length. Normalises. */
struct ip ip_from_octets(struct bytes octets);
struct bytes ip_octets(const struct ip *a);
MUST_USE bool ip_parse(const char *text, struct ip *out);
/* "192.0.2.1" and its end; for what is written often. Returns where it ends. */
char *ip_put_quad(char *at, const uint8_t octets[4]);
struct ip_text ip_text(const struct ip *a);
bool ip_equal(const struct ip *a, const struct ip *b);
/* IPv4 before IPv6, then by number. */
int ip_compare(const struct ip *a, const struct ip *b);
/* The next address up or down; false at the end of the address space. */
MUST_USE bool ip_next(const struct ip *a, struct ip *out);
MUST_USE bool ip_previous(const struct ip *a, struct ip *out);

bool ip_is_unspecified(const struct ip *a);
bool ip_is_loopback(const struct ip *a);
bool ip_is_multicast(const struct ip *a);
bool ip_is_link_local(const struct ip *a);
/* What can never be a peer of a tunnel: unspecified, loopback, link-local, multicast, 240/4 and
 * limited broadcast. */
bool ip_is_never_peer(const struct ip *a);

struct ip_range range_of_ip(const struct ip *a);
/* `bits` at most 32 or 128; bits of the address behind the prefix are cleared. */
struct ip_range range_of_prefix(const struct ip *a, unsigned bits);
struct ip_range range_any(enum ip_family family);
/* "10.0.0.0/8", "2001:db8::1", "10.1.1.1-10.1.1.9". */
MUST_USE bool range_parse(const char *text, struct ip_range *out);
/* As a prefix where it is one (a single address prints with /32 or /128), else as first-last. */
struct range_text range_text(const struct ip_range *r);
/* Prefix length, or -1 if the range is no prefix. */
int range_prefix_bits(const struct ip_range *r);
bool range_contains(const struct ip_range *r, const struct ip *a);
bool range_within(const struct ip_range *inner, const struct ip_range *outer);
bool range_overlaps(const struct ip_range *a, const struct ip_range *b);
bool range_equal(const struct ip_range *a, const struct ip_range *b);
bool range_is_single(const struct ip_range *r);
/* -1, 0, 1: fewer, as many, more addresses in `a` than in `b`. */
int range_compare_size(const struct ip_range *a, const struct ip_range *b);

bool traffic_equal(const struct traffic *a, const struct traffic *b);
bool traffic_is_any(const struct traffic *t);
/* Whether packets of that protocol to that remote port belong to it; a fragment without ports, or a
 * protocol that has none, is port -1 and belongs to no rule with ports. */
bool traffic_contains(const struct traffic *t, uint8_t protocol, int32_t remote_port);
/* Whether all of `inner` belongs to `outer`. */
bool traffic_within(const struct traffic *inner, const struct traffic *outer);
/* Protocol before none, ports before none, fewer ports first: <0 if `a` is more specific, 0 if
 * neither is (POL-2). */
int traffic_compare(const struct traffic *a, const struct traffic *b);
bool pair_equal(const struct ip_pair *a, const struct ip_pair *b);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* "192.0.2.1:500", "[2001:db8::1]:500". */
struct ip_text endpoint_text(const struct endpoint *e);
