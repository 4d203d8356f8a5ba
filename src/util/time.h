#pragma once
/*
 * Points and distances on the monotonic clock. The compiler refuses `deadline + deadline`.
 */
#include <stdbool.h>
#include <stdint.h>

struct instant {
	int64_t ns;
};

struct duration {
	int64_t ns;
};

#define INSTANT_NEVER ((struct instant){ INT64_MAX })
#define SECONDS(n) ((struct duration){ (int64_t)(n)*1000000000 })
#define MILLISECONDS(n) ((struct duration){ (int64_t)(n)*1000000 })

static inline struct instant instant_after(struct instant t, struct duration d)
{
	if (t.ns == INT64_MAX || d.ns >= INT64_MAX - t.ns)
		return INSTANT_NEVER;
	return (struct instant){ t.ns + d.ns };
}

static inline struct duration instant_since(struct instant later, struct instant earlier)
{
	return (struct duration){ later.ns - earlier.ns };
}

static inline bool instant_reached(struct instant t, struct instant now)
{
	return t.ns != INT64_MAX && t.ns <= now.ns;
}

static inline struct instant instant_min(struct instant a, struct instant b)
{
	return a.ns < b.ns ? a : b;
}

static inline struct duration duration_min(struct duration a, struct duration b)
{
	return a.ns < b.ns ? a : b;
}
