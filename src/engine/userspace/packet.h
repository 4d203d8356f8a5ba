#pragma once
/*
 * An inner IP packet: what the engine needs to know of it, and the few changes it makes.
 *
 * Parsing allocates nothing; a packet that fails it is dropped. All changes keep the checksums
 * right and are incremental (RFC 1624), so a checksum that was wrong stays wrong.
 */
#include "util/address.h"

enum {
	IPPROTO_NUMBER_ICMP = 1,
	IPPROTO_NUMBER_TCP = 6,
	IPPROTO_NUMBER_UDP = 17,
	IPPROTO_NUMBER_ESP = 50,
	IPPROTO_NUMBER_ICMP6 = 58,
	PACKET_EXTENSIONS_MAX = 8, /* IPv6 extension headers that are walked (IN-14) */
};

struct packet {
	struct bytes octets; /* cut to the packet's own length */
	struct ip_pair pair;
	uint8_t version; /* 4 or 6 */
	uint8_t tos;     /* DSCP and ECN */
	uint8_t protocol;
	bool may_fragment; /* IPv4 without DF */
	bool is_fragment;  /* any, also the first */
	bool is_later_fragment;
	bool has_ports;       /* source_port and destination_port were there to read */
	bool is_icmp_error;   /* also a later fragment of ICMP never counts as one */
	uint32_t fragment_id; /* of a fragment: what it is a piece of */
	uint16_t source_port; /* ICMP: type and code, in both (RFC 4301 section 4.4.1.1) */
	uint16_t destination_port;
	size_t upper; /* offset of the upper protocol's header */
};

/* False: malformed (lengths, IPv4 header checksum, too many extension headers). */
MUST_USE bool packet_parse(struct bytes octets, struct packet *out);

/* The internet checksum (RFC 1071) over `b`, added to the partial sum `sum`. */
uint32_t checksum_add(uint32_t sum, struct bytes b);
uint16_t checksum_finish(uint32_t sum);

/* Outer TOS for an inner one: ECN copied, DSCP 0 (ECN-1): a DSCP outside would tell what is inside,
 * so it is copied only for an SA whose conn says so (ECN-3). */
uint8_t ecn_outer(uint8_t inner_tos);
/*
 * Decapsulation by the table of RFC 6040 section 4.2. False: drop. `is_odd` is set for the
 * combinations a network should not make.
 */
MUST_USE bool ecn_inner(uint8_t inner_tos, uint8_t outer_tos, uint8_t *result, bool *is_odd);
/* Writes the ECN bits of `tos` into the packet at `octets`, IPv4 checksum mended. */
void packet_set_ecn(uint8_t *octets, size_t len, uint8_t tos);

/* Lowers the MSS of a SYN so that its connection's segments fit into `limit` octets (MTU-11). */
void packet_clamp_mss(const struct packet *packet, uint8_t *octets, size_t limit);
