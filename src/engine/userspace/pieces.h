#pragma once
/*
 * Ports of fragments: those after the first do not have them, and rules ask for them.
 *
 * The kernel puts fragments together before its rules see them and takes them apart again before
 * they come to us, so they come in order and close together. A small table that forgets is enough;
 * what it forgot is judged by the strictest rule (rows.h).
 */
#include "engine/userspace/packet.h"
#include "engine/userspace/rows.h"
#include "util/time.h"

enum { PIECES_MAX = 256 };

struct piece_memory {
	struct {
		struct ip_pair pair;
		uint32_t id;
		uint8_t protocol;
		int32_t port;
		struct instant when; /* 0: free */
	} at[PIECES_MAX];
};

/* What the packet shows of itself; of a later fragment, what the first one showed. */
struct shown pieces_show(struct piece_memory *memory, const struct packet *packet,
                         struct instant now);
/* The same without a memory, of a packet on its own. */
struct shown packet_show(const struct packet *packet);
