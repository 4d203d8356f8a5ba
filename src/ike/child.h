#pragma once
/*
 * A CHILD SA as it is handed to the packet engine: two SPIs, two keys, the addresses on both sides,
 * one path.
 */
#include "crypto/aead.h"
#include "util/address.h"
#include "util/secret.h"

/* One address range with protocol and ports (RFC 7296 section 3.13.1); protocol 0: any. */
struct traffic_selector {
	struct ip_range range;
	uint8_t protocol;
	uint16_t port_first;
	uint16_t port_last;
};

/*
 * The selectors of one side beyond its first, where a CHILD SA has several; mostly none. A view:
 * whoever keeps it past the call copies it.
 */
struct selectors {
	const struct traffic_selector *list;
	size_t count;
};

/* A packet that waits for a CHILD SA, as the peer is to know it; IP_NONE: there is none. */
struct ike_packet {
	struct ip source;
	struct ip destination;
	uint8_t protocol; /* 0: not known */
	bool has_ports;
	uint16_t source_port;
	uint16_t destination_port;
};

/*
 * When a CHILD SA begins to send. One that the peer asked for with a rekey can receive before the
 * peer can: the old one goes on until the peer has sent by the new, or has closed the old.
 */
enum child_start {
	CHILD_SENDS_NOW,
	CHILD_SENDS_LATER,
	CHILD_SENDS_NEVER, /* lost against another (COL-20); it receives until it is gone */
};

/* How the lower nonce of the exchange that made a CHILD SA begins: what both ends know of it, and of
 * two that they made at once decides which one goes (COL-27). */
enum { CHILD_MARK_LEN = 16 }; /* of the shortest nonce there is */

struct child_limits {
	uint64_t packets;
	uint64_t octets;
};

struct child_sa {
	uint32_t spi_in;  /* ours: the peer sends with it */
	uint32_t spi_out; /* the peer's: we send with it */
	enum aead_id cipher;
	bool is_esn;
	struct secret key_in;
	struct secret key_out;
	struct traffic_selector local;
	struct traffic_selector remote;
	struct selectors more_local; /* lent */
	struct selectors more_remote;
	struct path path; /* outer addresses; ports of the UDP encapsulation */
	bool udp_encapsulation;
	bool copies_dscp; /* of what is sent; else it is 0 outside */
	uint32_t replaces; /* spi_in of the CHILD SA it takes over from; 0: none */
	enum child_start start;
	uint8_t mark[CHILD_MARK_LEN];
	/* What may be sent by it: at the soft limits it wants to be rekeyed, at the hard ones
	 * nothing goes any more (RKY-6). 0: without limit. */
	struct child_limits soft;
	struct child_limits hard;
	/* RFC 4303 section 3.1.1: `local` and `remote` are one address each, those of `path`, and the
	 * inner IP header is not sent. */
	bool is_transport;
};

void child_sa_wipe(struct child_sa *child);

/* A copy of a view that selectors_free() ends. */
struct selectors selectors_copy(struct selectors from);
void selectors_free(struct selectors *copy);
