#pragma once
/*
 * What a hold released into a tunnel and has not come back out of the TUN yet.
 *
 * Released packets go round through the kernel (release.h) and meet those of their pair that were
 * trapped before the verdict but not read yet. Sealing these at once would put them before the held
 * ones, and the kernel would not have tracked their connections. So as long as released packets are
 * on their way, whatever else the pair sends goes round behind them.
 *
 * A packet is known by a print of what the kernel does not change on that way. Bounds: 32 packets
 * under way and 200 ms; beyond either, packets are sealed as they come.
 */
#include "engine/userspace/packet.h"
#include "util/time.h"

enum { SETTLING_MAX = 32 };
#define SETTLING_TIME MILLISECONDS(200)

struct settling {
	uint32_t prints[SETTLING_MAX];
	unsigned count; /* 0: settled */
	struct instant end;
};

/* It was sent on its way round. */
void settling_add(struct settling *settling, const struct packet *packet, struct instant now);
/* True: it had been, and is back. */
bool settling_take(struct settling *settling, const struct packet *packet);
/* Is there anything to wait for, and room to send one more behind it? */
bool settling_waits(struct settling *settling, struct instant now);
