#include "daemon/results.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct result {
	struct result *next;
	uint64_t job_id;
	size_t len;
	uint8_t octets[];
};

struct results {
	pthread_mutex_t lock;
	struct result *first;
	struct result **end;
	int fd;
	struct event *event;
	void (*done)(void *ctx, uint64_t job_id, struct bytes result);
	void *ctx;
};

static struct result *take_all(struct results *r)
{
	struct result *first;

	pthread_mutex_lock(&r->lock);
	first = r->first;
	r->first = NULL;
	r->end = &r->first;
	pthread_mutex_unlock(&r->lock);
	return first;
}

static void on_results(evutil_socket_t fd, short what, void *ctx)
{
	struct results *r = ctx;
	struct result *next;
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
	for (struct result *result = take_all(r); result != NULL; result = next) {
		next = result->next;
		r->done(r->ctx, result->job_id, BYTES(result->octets, result->len));
		free(result);
	}
}

struct results *results_new(struct event_base *base,
                            void (*done)(void *ctx, uint64_t job_id, struct bytes result),
                            void *ctx)
{
	struct results *r = new_zeroed(sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	r->end = &r->first;
	r->done = done;
	r->ctx = ctx;
	r->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r->event = event_new(base, r->fd, EV_READ | EV_PERSIST, on_results, r);
	if (r->fd < 0 || r->event == NULL || event_add(r->event, NULL) != 0)
		abort();
	return r;
}

void results_free(struct results *r)
{
	struct result *next;

	if (r == NULL)
		return;
	for (struct result *result = take_all(r); result != NULL; result = next) {
		next = result->next;
		free(result);
	}
	event_free(r->event);
	close(r->fd);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void results_tell(struct results *r, uint64_t job_id, struct bytes octets)
{
	r->done(r->ctx, job_id, octets);
}

void results_put(struct results *r, uint64_t job_id, struct bytes octets)
{
	struct result *result = new_zeroed(sizeof(*result) + octets.len);
	uint64_t one = 1;
	ssize_t n = 0;
	bool is_first;

	result->job_id = job_id;
	result->len = octets.len;
	if (octets.len > 0)
		memcpy(result->octets, octets.data, octets.len);
	pthread_mutex_lock(&r->lock);
	is_first = r->first == NULL;
	*r->end = result;
	r->end = &result->next;
	pthread_mutex_unlock(&r->lock);
	/* The others find it readable already. */
	if (is_first)
		n = write(r->fd, &one, sizeof(one));
	(void)n; /* full means readable, too */
}
