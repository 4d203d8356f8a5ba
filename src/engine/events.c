/*
 * What wakes the control thread: mail of the workers, IKE datagrams, the second.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "engine/state.h"
#include "engine/userspace/knock.h"

enum { LETTERS_PER_TURN = 256, REMIND_S = 10 };
/* What one look at the IKE port may take before others have their turn. */
static const struct duration look_max = MILLISECONDS(6);
/* What deciding about new pairs may take of a turn, so that answers are not late in a storm. */
static const struct duration acquires_max = MILLISECONDS(2);
/* A queue that was not empty for so long does not get empty by serving everybody in it. */
static const struct duration behind_max = MILLISECONDS(100);

void engine_flush_outbox(struct engine *engine)
{
	size_t refused = outbox_flush(&engine->outbox, &engine->shared.outer);
	int why = engine->outbox.refused_why;

	if (refused > 0)
		log_line(&engine->log, LOG_WARNING, "IKE to %s cannot be sent: %s%s",
		         ip_text(&engine->outbox.refused_to).s, strerror(why),
		         why == EPERM ? "; a filter of this machine forbids it" : "");
	while (refused-- > 0)
		drops_add(&engine->shared.drops, ENGINE_DROP_SEND);
}

/* The end of an event: what the core changed goes to the kernel in one batch, then what it says to
 * its peers leaves, and what the workers can no longer see is freed. */
void engine_settle(struct engine *engine)
{
	steering_flush(engine->steering);
	engine_flush_outbox(engine);
	tables_collect(&engine->shared.tables);
}

static void on_settle(evutil_socket_t fd, short what, void *ctx)
{
	engine_settle(ctx);
}

void engine_settle_soon(struct engine *engine)
{
	if (engine->on_settle != NULL)
		event_active(engine->on_settle, 0, 0);
}

static void too_big(struct engine *engine, const struct letter *letter)
{
	if (tables_learn_mtu(&engine->shared.tables, letter, engine_clock()))
		log_line(&engine->log, LOG_INFO, "esp0x%x@%s: path carries %u octets now",
		         letter->spi, ip_text(&letter->path.remote.address).s, letter->mtu);
}

static void read_letter(struct engine *engine, struct letter *letter)
{
	switch (letter->kind) {
	case LETTER_IKE:
		engine->events.ike_datagram(engine->events.ctx, &letter->path,
		                            buf_view(&letter->datagram));
		break;
	case LETTER_TOO_BIG:
		too_big(engine, letter);
		break;
	case LETTER_HEARD:
		engine->events.heard(engine->events.ctx, letter->spi);
		break;
	case LETTER_WORN:
		engine->events.worn(engine->events.ctx, letter->spi);
		break;
	case LETTER_SPENT:
		engine->events.spent(engine->events.ctx, letter->spi);
		break;
	case LETTER_MOVED:
		engine->events.peer_moved(engine->events.ctx, letter->spi, &letter->path);
		break;
	case LETTER_DEVICE_GONE:
		engine->events.device_gone(engine->events.ctx);
		break;
	case LETTER_UNREACHABLE:
		engine->events.unreachable(engine->events.ctx, &letter->path.remote.address);
		break;
	case LETTER_UNKNOWN_SPI:
		engine->events.unknown_spi(engine->events.ctx, &letter->path, letter->spi);
		break;
	}
	buf_free(&letter->datagram);
}

/* The type and code of ICMP are none: an answer has others. */
static void read_first(struct acquire *acquire, struct bytes octets)
{
	struct packet packet;

	if (octets.len == 0 || !packet_parse(octets, &packet))
		return;
	acquire->protocol = packet.protocol;
	acquire->has_ports = packet.has_ports && packet.protocol != IPPROTO_NUMBER_ICMP &&
	                     packet.protocol != IPPROTO_NUMBER_ICMP6;
	acquire->source_port = packet.source_port;
	acquire->destination_port = packet.destination_port;
}

static bool take_acquire(struct engine *engine, struct acquire *acquire, struct instant now)
{
	bool is_there;

	*acquire = (struct acquire){ 0 };
	hold_lock(&engine->shared.holds);
	is_there = hold_next_acquire(&engine->shared.holds, &acquire->pair, now);
	if (is_there)
		read_first(acquire, hold_first(&engine->shared.holds, &acquire->pair));
	hold_unlock(&engine->shared.holds);
	return is_there;
}

/* True: there may be more. */
static bool raise_acquires(struct engine *engine)
{
	struct instant begin = engine_clock(), now = begin;
	struct acquire acquire;

	while (instant_since(now, begin).ns < acquires_max.ns) {
		if (!take_acquire(engine, &acquire, now))
			return false;
		engine->events.acquire(engine->events.ctx, &acquire);
		now = engine_clock();
	}
	return true;
}

/* A bounded look at the mail; what is left wakes us again. */
static void on_mail(evutil_socket_t fd, short what, void *ctx)
{
	struct engine *engine = ctx;
	struct letter letter;
	int letters = 0;

	mailbox_woken(&engine->shared.mailbox);
	while (letters < LETTERS_PER_TURN && mailbox_take(&engine->shared.mailbox, &letter)) {
		read_letter(engine, &letter);
		letters++;
	}
	if (raise_acquires(engine) || letters == LETTERS_PER_TURN)
		mailbox_wake(&engine->shared.mailbox);
}

/* `is_late`: what costs its sender nothing is let go. */
static void receive_batch(struct engine *engine, unsigned count, bool is_late)
{
	for (unsigned i = 0; i < count; i++) {
		struct outer_datagram d = outer_received(engine->rx, i);
		struct bytes datagram = BYTES(d.data, d.len);

		if (is_late && knock_is_bare(datagram))
			drops_add(&engine->shared.drops, ENGINE_DROP_FLOOD);
		else
			engine->events.ike_datagram(engine->events.ctx, &d.path, datagram);
	}
}

/*
 * In a flood the queue of the socket would be full all the time, and lose the datagrams of
 * exchanges that are under way with the same odds as forged first requests. So what is read late is
 * sorted: first requests are let go until the queue is empty.
 */
static void receive_ike(struct engine *engine, enum outer_socket from)
{
	struct instant *behind = &engine->behind[from];
	struct instant now = engine_clock();
	struct instant begin = now;
	unsigned count;

	do {
		bool is_late = behind->ns != 0 && instant_since(now, *behind).ns > behind_max.ns;

		count = outer_receive(engine->rx, &engine->shared.outer, from);
		receive_batch(engine, count, is_late);
		now = engine_clock();
	} while (count == OUTER_BATCH && instant_since(now, begin).ns < look_max.ns);
	if (count < OUTER_BATCH)
		behind->ns = 0;
	else if (behind->ns == 0)
		*behind = begin;
}

static void on_ike4(evutil_socket_t fd, short what, void *ctx)
{
	receive_ike(ctx, OUTER_IKE4);
}

static void on_ike6(evutil_socket_t fd, short what, void *ctx)
{
	receive_ike(ctx, OUTER_IKE6);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct engine *engine = ctx;

	steering_alive(engine->steering);
	steering_suspects(engine->steering, engine->events.cleartext, engine->events.ctx);
	hold_lock(&engine->shared.holds);
	briefs_settle(&engine->briefs, &engine->shared.tables, engine_clock());
	hold_remind(&engine->shared.holds, SECONDS(REMIND_S), engine_clock());
	hold_unlock(&engine->shared.holds);
	tables_forget_mtus(&engine->shared.tables, engine_clock());
	mailbox_wake(&engine->shared.mailbox);
	engine_settle_soon(engine);
}

static struct event *listen_to(struct engine *engine, int fd, event_callback_fn callback)
{
	struct event *event;

	if (fd < 0)
		return NULL;
	event = event_new(engine->base, fd, EV_READ | EV_PERSIST, callback, engine);
	if (event != NULL && event_add(event, NULL) != 0) {
		event_free(event);
		return NULL;
	}
	return event;
}

bool engine_add_events(struct engine *engine)
{
	const struct timeval second = { .tv_sec = 1 };

	engine->on_mail = listen_to(engine, engine->shared.mailbox.wake, on_mail);
	engine->on_ike4 = listen_to(engine, engine->shared.outer.fd[OUTER_IKE4], on_ike4);
	engine->on_ike6 = listen_to(engine, engine->shared.outer.fd[OUTER_IKE6], on_ike6);
	engine->on_settle = event_new(engine->base, -1, 0, on_settle, engine);
	engine->on_tick = event_new(engine->base, -1, EV_PERSIST, on_tick, engine);
	return engine->on_mail != NULL && engine->on_ike4 != NULL && engine->on_settle != NULL &&
	       engine->on_tick != NULL && event_add(engine->on_tick, &second) == 0;
}

static void free_event(struct event **event)
{
	if (*event != NULL)
		event_free(*event);
	*event = NULL;
}

void engine_remove_events(struct engine *engine)
{
	free_event(&engine->on_mail);
	free_event(&engine->on_ike4);
	free_event(&engine->on_ike6);
	free_event(&engine->on_settle);
	free_event(&engine->on_tick);
}
