#pragma once
/* A token bucket: at most `burst` at once and `per_s` a second in the long run. */
#include "util/bytes.h"
#include "util/time.h"

struct rate {
	uint32_t per_s;
	uint32_t burst;
	int64_t saved_ns; /* unused time, worth `per_s` tokens a second */
	struct instant last;
};

struct rate rate_of(uint32_t per_s, uint32_t burst);
/* True: go ahead, a token is spent. */
bool rate_take(struct rate *rate, struct instant now);
