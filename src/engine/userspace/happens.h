#pragma once
/*
 * ThreadSanitizer does not see into the library that orders our accesses, so it is told: what is
 * published happens before it is found, and what readers did before it is freed.
 */
#include <urcu.h>

#ifdef __SANITIZE_THREAD__
void __tsan_acquire(void *at);
void __tsan_release(void *at);
#define HAPPENS_BEFORE(at) __tsan_release(at)
#define HAPPENS_AFTER(at)  __tsan_acquire(at)
#else
#define HAPPENS_BEFORE(at) ((void)(at))
#define HAPPENS_AFTER(at)  ((void)(at))
#endif

/* A pointer that the control thread changes under readers; both ends of it. */
#define PUBLISH(pointer, value)                         \
	do {                                            \
		__typeof__(pointer) publish = (value);  \
		HAPPENS_BEFORE((void *)publish);        \
		rcu_assign_pointer((pointer), publish); \
	} while (0)
#define PUBLISHED(pointer)                                            \
	__extension__({                                               \
		__typeof__(pointer) found = rcu_dereference(pointer); \
		HAPPENS_AFTER((void *)found);                         \
		found;                                                \
	})
