#include "daemon/peers.h"

#include <stdlib.h>
#include <time.h>

#include "daemon/clock.h"
#include "daemon/slots.h"
#include "daemon/writer.h"
#include "opportunism/peerfile.h"

/* Copying the list takes one part in so many of the control thread's time, at most. */
enum { PEERS_SHARE = 100 };
#define WRITE_AGAIN SECONDS(600)

struct peer_list {
	struct peer_record *peers;
	size_t count;
	size_t size;
};

struct peers {
	struct slots file; /* the writer's, once it has begun */
	struct event *timer;
	struct peer_list list; /* as it is being made */
	bool is_over;          /* nothing is written any more but what peers_forget() wrote */
	bool is_started;       /* the file was read: what is written now is newer */
	bool is_due;
	uint64_t version;
	struct instant next; /* not before */
	int64_t now_s;
	struct writer_thread *writer;
};

/* ---- The writer ---- */

static void list_free(void *state)
{
	struct peer_list *list = state;

	free(list->peers);
	free(list);
}

static void write_list(void *ctx, const void *state)
{
	struct peers *p = ctx;
	const struct peer_list *list = state;
	struct text body = { 0 };

	for (size_t i = 0; i < list->count && peerfile_add(&body, &list->peers[i]);)
		i++;
	slots_write(&p->file, BYTES((const uint8_t *)body.s, body.len));
	text_free(&body);
}

/* ---- The control thread ---- */

/* Takes what `list` holds. */
static void hand_over(struct peers *p, struct peer_list *list)
{
	struct peer_list *copy = new_zeroed(sizeof(*copy));

	*copy = *list;
	*list = (struct peer_list){ 0 };
	writer_put(p->writer, copy);
}

static void add_peer(void *ctx, const struct peer_record *peer)
{
	struct peers *p = ctx;
	struct peer_list *list = &p->list;

	if (list->count == list->size) {
		list->size = list->size == 0 ? 16 : 2 * list->size;
		list->peers = grow_array(list->peers, list->size, sizeof(*peer));
	}
	list->peers[list->count] = *peer;
	if (peer->seen_s == 0)
		list->peers[list->count].seen_s = p->now_s;
	list->count++;
}

static void set_timer(struct peers *p, struct duration wait)
{
	struct timeval tv = { .tv_sec = wait.ns / 1000000000,
		              .tv_usec = wait.ns % 1000000000 / 1000 };

	event_add(p->timer, &tv);
}

static void write_now(struct daemon *d)
{
	struct peers *p = d->peers;
	struct instant before = clock_now();
	struct duration cost;

	p->now_s = time(NULL);
	p->version = opportunism_peers_version(d->core);
	p->is_due = false;
	opportunism_list_peers(d->core, add_peer, p);
	hand_over(p, &p->list);
	cost = instant_since(clock_now(), before);
	p->next = instant_after(before, cost.ns * PEERS_SHARE > SECONDS(1).ns
	                                    ? (struct duration){ cost.ns * PEERS_SHARE }
	                                    : SECONDS(1));
	set_timer(p, WRITE_AGAIN);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct daemon *d = ctx;

	if (!d->peers->is_over)
		write_now(d);
}

void peers_look(struct daemon *d)
{
	struct peers *p = d->peers;
	struct instant now;

	if (p == NULL || !p->is_started || p->is_over || p->is_due ||
	    p->version == opportunism_peers_version(d->core))
		return;
	now = clock_now();
	if (instant_reached(p->next, now)) {
		write_now(d);
		return;
	}
	p->is_due = true;
	set_timer(p, instant_since(p->next, now));
}

void peers_recover(struct daemon *d)
{
	struct peers *p = d->peers;
	CLEANUP(text_free) struct text body = { 0 };
	struct peer_record *peers;
	size_t count;

	if (p == NULL)
		return;
	slots_read(&p->file, &body);
	peerfile_parse(BYTES((const uint8_t *)body.s, body.len), &peers, &count);
	if (count > 0)
		log_line(&d->log, LOG_WARNING,
		         "our last run did not end as it should: %zu peers had IKE SAs with us",
		         count);
	opportunism_recover(d->core, peers, count, time(NULL), clock_now());
	free(peers);
	p->is_started = true;
}

void peers_forget(struct daemon *d)
{
	struct peers *p = d->peers;
	struct peer_list empty = { 0 };

	if (p == NULL || !p->is_started)
		return;
	p->is_over = true;
	hand_over(p, &empty);
}

bool peers_open(struct daemon *d)
{
	struct peers *p;

	if (d->run.peers < 0)
		return true;
	p = new_zeroed(sizeof(*p));
	p->file = (struct slots){ d->run.peers, PEERFILE_WHAT, 0 };
	p->next = clock_now();
	p->timer = evtimer_new(d->base, on_timer, d);
	p->writer = writer_start(&(struct writer_calls){ p, write_list, list_free });
	if (p->timer == NULL || p->writer == NULL) {
		writer_finish(p->writer);
		if (p->timer != NULL)
			event_free(p->timer);
		free(p);
		return false;
	}
	d->peers = p;
	return true;
}

void peers_close(struct daemon *d)
{
	struct peers *p = d->peers;

	if (p == NULL)
		return;
	writer_finish(p->writer);
	event_free(p->timer);
	free(p->list.peers);
	free(p);
	d->peers = NULL;
}
