#include "engine/userspace/rate.h"

struct rate rate_of(uint32_t per_s, uint32_t burst)
{
	int64_t token = 1000000000 / (int64_t)per_s;

	return (struct rate){ .per_s = per_s, .burst = burst, .saved_ns = token * burst };
}

bool rate_take(struct rate *rate, struct instant now)
{
	int64_t token = 1000000000 / (int64_t)rate->per_s;
	int64_t most = token * rate->burst;
	int64_t passed = now.ns - rate->last.ns;

	if (passed > 0) {
		rate->saved_ns = passed >= most - rate->saved_ns ? most : rate->saved_ns + passed;
		rate->last = now;
	}
	if (rate->saved_ns < token)
		return false;
	rate->saved_ns -= token;
	return true;
}
