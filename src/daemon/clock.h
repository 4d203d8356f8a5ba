#pragma once
/* The monotonic clock, which only programs and ports may read. */
#include <time.h>

#include "util/time.h"

static inline struct instant clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (struct instant){ (int64_t)t.tv_sec * 1000000000 + t.tv_nsec };
}
