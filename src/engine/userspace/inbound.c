#include "engine/userspace/worker.h"

#include <unistd.h>

#include "engine/userspace/knock.h"
#include "engine/userspace/quote.h"
#include "engine/userspace/transport.h"

static void drop(struct worker *worker, enum engine_drop reason)
{
	drops_add(&worker->shared->drops, reason);
}

static void unknown_spi(struct worker *worker, const struct path *path, uint32_t spi)
{
	drop(worker, ENGINE_DROP_NO_SA);
	if (rate_take(&worker->hint_rate, worker->now))
		mailbox_put(
		    &worker->shared->mailbox,
		    &(struct letter){ .kind = LETTER_UNKNOWN_SPI, .path = *path, .spi = spi },
		    BYTES(NULL, 0));
}

static bool selector_holds(const struct traffic_selector *ts, const struct ip *address,
                           const struct packet *p, uint16_t port)
{
	bool any_port = ts->port_first == 0 && ts->port_last == UINT16_MAX;

	if (!range_contains(&ts->range, address))
		return false;
	if (ts->protocol == 0)
		return true;
	if (ts->protocol != p->protocol)
		return false;
	/* A later fragment has no ports to show (MTU-7). */
	return any_port || (p->has_ports && port >= ts->port_first && port <= ts->port_last);
}

static bool any_holds(const struct traffic_selector *first, const struct selectors *more,
                      const struct ip *address, const struct packet *p, uint16_t port)
{
	if (selector_holds(first, address, p, port))
		return true;
	for (size_t i = 0; i < more->count; i++)
		if (selector_holds(&more->list[i], address, p, port))
			return true;
	return false;
}

/* RFC 4301 section 5.2: against the SA by which the packet came, not any that would fit. */
static bool selectors_hold(const struct child *child, const struct packet *p)
{
	return any_holds(&child->remote, &child->more_remote, &p->pair.source, p, p->source_port) &&
	       any_holds(&child->local, &child->more_local, &p->pair.destination, p,
	                 p->destination_port);
}

enum { TELL_AGAIN_MS = 100 };

/*
 * NAT-9: the newest packet that the peer's keys protect came from elsewhere. One that was kept
 * back or recorded is not the newest, wherever it comes from.
 */
static void watch_path(struct worker *worker, struct child *child, const struct outer_datagram *d)
{
	struct letter letter = { .kind = LETTER_MOVED, .path = d->path, .spi = child->spi_in };

	if (!child->udp_encapsulation || d->path.local.port == 0 ||
	    endpoint_equal(&d->path.remote, &child_path(child)->remote))
		return;
	if (instant_since(worker->now, child->move_told).ns < MILLISECONDS(TELL_AGAIN_MS).ns)
		return;
	child->move_told = worker->now;
	mailbox_put(&worker->shared->mailbox, &letter, BYTES(NULL, 0));
}

/* Replay check, ICV, window, in this order; nothing is remembered of a forged packet. */
static bool authenticate(struct worker *worker, struct child *child, uint32_t sequence_low,
                         const struct outer_datagram *d, struct bytes *plain)
{
	enum replay_verdict verdict = REPLAY_OLD;
	uint64_t sequence;

	if (replay_infer(&child->replay, sequence_low, &sequence))
		verdict = replay_check(&child->replay, sequence);
	if (verdict != REPLAY_NEW) {
		drop(worker, verdict == REPLAY_OLD ? ENGINE_DROP_LATE : ENGINE_DROP_REPLAY);
		return false;
	}
	if (!esp_decrypt(&child->in, sequence, d->data, d->len, plain)) {
		drop(worker, ENGINE_DROP_AUTH);
		return false;
	}
	replay_accept(&child->replay, sequence);
	if (sequence == child->replay.highest)
		watch_path(worker, child, d);
	return true;
}

enum { ICMP_REDIRECT = 5 };

/*
 * ICM-2, ICM-3: the peer itself tells of a packet that was to go by this very SA. Where it has an
 * SA for its own address, it says so by that one. It is no router of ours, so it redirects nobody.
 */
static bool is_error_of_peer(struct worker *worker, const struct child *child,
                             const struct packet *p)
{
	const struct ip_pair back = { p->pair.destination, p->pair.source };
	const struct eroute *own;
	struct packet answer;

	if (!p->is_icmp_error || child->is_transport ||
	    (p->version == 4 && p->source_port >> 8 == ICMP_REDIRECT) ||
	    !ip_equal(&p->pair.source, &child_path(child)->remote.address))
		return false;
	own = tables_eroute(&worker->shared->tables, &back);
	if (own != NULL && own->action == EROUTE_TUNNEL)
		return false;
	return quote_answer(p, &answer) && selectors_hold(child, &answer) &&
	       ip_equal(&answer.pair.destination, &p->pair.destination);
}

/* The packet that may go on, or false and counted. */
static bool check_inner(struct worker *worker, const struct child *child, struct bytes inner,
                        struct packet *p)
{
	if (!packet_parse(inner, p)) {
		drop(worker, ENGINE_DROP_INNER);
		return false;
	}
	if ((!selectors_hold(child, p) && !is_error_of_peer(worker, child, p)) ||
	    ip_is_never_peer(&p->pair.source) || ip_is_never_peer(&p->pair.destination)) {
		drop(worker, ENGINE_DROP_SELECTOR);
		return false;
	}
	return true;
}

/*
 * The peer sends by it, so it has it: what waits for that may go. A mailbox that is full now is
 * tried again with the next packet.
 */
static void tell_first(struct worker *worker, struct child *child)
{
	child->is_told = mailbox_put(&worker->shared->mailbox,
	                             &(struct letter){ .kind = LETTER_HEARD, .spi = child->spi_in },
	                             BYTES(NULL, 0));
}

/* IN-1: the SA was made for one address of ours. Where the peer sends from may change (NAT). */
static bool came_to(const struct child *child, const struct path *path)
{
	const struct ip *local = &child->path.local.address;

	return local->family == IP_NONE || ip_equal(local, &path->local.address);
}

static bool is_ike_port(const struct worker *worker, uint16_t port)
{
	const struct outer *outer = &worker->shared->outer;

	return port == outer->port || port == outer->nat_port;
}

static bool is_udp_around_esp(const struct worker *worker, const struct packet *p)
{
	return p->protocol == IPPROTO_NUMBER_UDP &&
	       p->destination_port == worker->shared->outer.nat_port;
}

/* The SPI of an inner packet that is ESP, in UDP or not; 0: it is none, or does not show. */
static uint32_t inner_spi(const struct worker *worker, const struct packet *p)
{
	struct reader r = reader_of(p->octets);

	read_skip(&r, p->upper);
	if (is_udp_around_esp(worker, p))
		read_skip(&r, 8);
	else if (p->protocol != IPPROTO_NUMBER_ESP)
		return 0;
	return read_be32(&r);
}

/*
 * The first piece of a datagram that keeps what follows the header of UDP for the next one. Whatever
 * passes 68 octets (RFC 791 section 3.2) is not cut so short but in order to hide something, so
 * nobody asks to whom it goes.
 */
static bool hides_spi(const struct worker *worker, const struct packet *p)
{
	return p->is_fragment && is_udp_around_esp(worker, p) &&
	       p->octets.len < p->upper + 8 + sizeof(uint32_t);
}

/* Would our own input take that packet, as ESP or as IKE? */
static bool is_for_our_input(struct worker *worker, const struct packet *p, const struct ip *ours)
{
	const struct path to = { .local.address = p->pair.destination };
	const struct child *child;

	if (p->is_later_fragment)
		return false;
	if (p->protocol == IPPROTO_NUMBER_UDP && is_ike_port(worker, p->destination_port) &&
	    ip_equal(&p->pair.destination, ours))
		return true;
	if (hides_spi(worker, p))
		return true;
	child = tables_child(&worker->shared->tables, inner_spi(worker, p));
	return child != NULL && came_to(child, &to);
}

/*
 * IN-7: what comes out of a tunnel and is ESP or IKE for us goes through the kernel to our sockets,
 * as if from outside. Once; what that holds is not unwrapped a third time.
 */
static bool is_too_deep(struct worker *worker, const struct outer_datagram *d,
                        const struct packet *p)
{
	if (!d->is_nested || !is_for_our_input(worker, p, &d->path.local.address))
		return false;
	drop(worker, ENGINE_DROP_NESTED);
	return true;
}

/* To the kernel, congestion marks brought over, big segments prevented. */
static void deliver(struct worker *worker, struct child *child, const struct packet *p,
                    uint8_t outer_tos)
{
	/* The datagram is ours to change: it lies in the receiver's room, or in ours. */
	uint8_t *octets = (uint8_t *)(uintptr_t)p->octets.data;
	uint8_t tos;
	bool is_odd;

	if (!ecn_inner(p->tos, outer_tos, &tos, &is_odd)) {
		drop(worker, ENGINE_DROP_ECN);
		return;
	}
	if (tos != p->tos)
		packet_set_ecn(octets, p->octets.len, tos);
	packet_clamp_mss(p, octets, child_inner_limit(child, p->version));
	if (write(worker->tun, octets, p->octets.len) != (ssize_t)p->octets.len) {
		drop(worker, ENGINE_DROP_SEND);
		return;
	}
	if (!child->is_told)
		tell_first(worker, child);
	use_add(&child->use_in, p->octets.len, worker->now);
}

/* The inner packet, which transport mode makes anew. */
static enum esp_strip strip(struct worker *worker, const struct child *child, struct bytes plain,
                            uint8_t outer_tos, struct bytes *inner)
{
	const struct ip_pair pair = { child->remote.range.first, child->local.range.first };
	enum esp_strip verdict;
	struct bytes payload;
	uint8_t next_header;
	size_t len;

	if (!child->is_transport)
		return esp_strip(plain, inner);
	verdict = esp_strip_padding(plain, &payload, &next_header);
	if (verdict != ESP_INNER)
		return verdict;
	len = transport_close(&pair, outer_tos, next_header, payload, worker->piece,
	                      WORKER_PACKET_MAX);
	*inner = BYTES(worker->piece, len);
	return len > 0 ? ESP_INNER : ESP_BAD_INNER;
}

static void esp(struct worker *worker, const struct outer_datagram *d)
{
	struct bytes plain, inner;
	uint32_t spi, sequence_low;
	struct child *child;
	struct packet p;

	if (!esp_read_header(BYTES(d->data, d->len), &spi, &sequence_low)) {
		drop(worker, ENGINE_DROP_RUNT);
		return;
	}
	child = tables_child(&worker->shared->tables, spi);
	if (child == NULL || !came_to(child, &d->path)) {
		unknown_spi(worker, &d->path, spi);
		return;
	}
	if (child_is_spent(child)) { /* the peer hears of it in a moment (OUT-5) */
		drop(worker, ENGINE_DROP_EXHAUSTED);
		return;
	}
	if (!authenticate(worker, child, sequence_low, d, &plain))
		return;
	switch (strip(worker, child, plain, d->tos, &inner)) {
	case ESP_INNER:
		if (check_inner(worker, child, inner, &p) && !is_too_deep(worker, d, &p))
			deliver(worker, child, &p, d->tos);
		break;
	case ESP_DUMMY:
		break; /* in silence (FMT-8) */
	case ESP_BAD_PADDING:
		drop(worker, ENGINE_DROP_PADDING);
		break;
	case ESP_BAD_INNER:
		drop(worker, ENGINE_DROP_INNER);
		break;
	}
}

static void ike(struct worker *worker, const struct outer_datagram *d)
{
	struct bytes datagram = BYTES(d->data + OUTER_MARKER_LEN, d->len - OUTER_MARKER_LEN);

	mailbox_put(&worker->shared->mailbox,
	            &(struct letter){
			.kind = LETTER_IKE, .is_bare = knock_is_bare(datagram), .path = d->path },
	            datagram);
}

void inbound(struct worker *worker, const struct outer_datagram *d)
{
	if (d->path.local.port == 0) {
		esp(worker, d);
		return;
	}
	switch (outer_kind(BYTES(d->data, d->len))) {
	case OUTER_KEEPALIVE:
		break; /* proves nothing, is not answered (RFC 3948 section 4) */
	case OUTER_IKE:
		ike(worker, d);
		break;
	case OUTER_ESP:
		esp(worker, d);
		break;
	case OUTER_RUNT:
		drop(worker, ENGINE_DROP_RUNT);
		break;
	}
}

/*
 * An ICMP error about our ESP. "Too big" is of interest, and only the control thread can tell
 * whether the packet was ours (MTU-9); "unreachable" is a hint that the peer has gone (LIV-3).
 */
void inbound_error(struct worker *worker, const struct outer_error *error)
{
	struct reader r = reader_of(BYTES_OF(error->quoted));
	struct letter letter = { .kind = LETTER_TOO_BIG, .mtu = error->mtu };

	letter.path.remote.address = error->destination;
	letter.spi = read_be32(&r);
	letter.sequence_low = read_be32(&r);
	if (error->is_unreachable)
		letter.kind = LETTER_UNREACHABLE;
	if ((error->mtu != 0 || error->is_unreachable) &&
	    rate_take(&worker->hint_rate, worker->now))
		mailbox_put(&worker->shared->mailbox, &letter, BYTES(NULL, 0));
}
