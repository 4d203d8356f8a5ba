#include "engine/userspace/worker.h"

#include <assert.h>
#include <stdlib.h>

#include "engine/userspace/fragment.h"
#include "engine/userspace/quote.h"
#include "engine/userspace/transport.h"

static void drop(struct worker *worker, enum engine_drop reason)
{
	drops_add(&worker->shared->drops, reason);
}

/* An error to the sender of a packet, within the rate and the rules (ICM-5). */
static void answer(struct worker *worker, enum icmp_error error, const struct packet *p, size_t mtu)
{
	if (icmp_may_answer(p) && rate_take(&worker->icmp_rate, worker->now))
		release_icmp(&worker->shared->release, error, p, mtu);
}

/* In the clear; by the verdict on a pair or on a row. */
static void pass(struct worker *worker, const struct packet *p, struct use *use)
{
	if (release_packet(&worker->shared->release, RELEASE_PASS, p))
		use_add(use, p->octets.len, worker->now);
	else
		drop(worker, ENGINE_DROP_SEND);
}

/* A mailbox that is full now is tried again with the next packet. */
static void tell_worn(struct worker *worker, struct child *child)
{
	struct letter letter = { .kind = LETTER_WORN, .spi = child->spi_in };

	if (!mailbox_put(&worker->shared->mailbox, &letter, BYTES(NULL, 0)))
		child_says_again(child);
}

/*
 * OUT-5: its hard limit ends the SA, for both directions; what comes next waits for another. Tried
 * again with every packet that it can no longer carry, should the mailbox be full.
 */
static void spend(struct worker *worker, struct child *child)
{
	if (!child_is_spent(child) &&
	    mailbox_put(&worker->shared->mailbox,
	                &(struct letter){ .kind = LETTER_SPENT, .spi = child->spi_in },
	                BYTES(NULL, 0)))
		child_spend(child);
}

/* 0: the crypto library, or the kernel, refused. */
static size_t encrypt(struct worker *worker, const struct child *child, uint64_t sequence,
                      uint8_t next_header, struct bytes payload)
{
	bool is_cbc = aead_shape_of(child->out.aead)->mac_key_len > 0;
	const uint8_t *random = is_cbc ? ivs_take(worker->ivs) : NULL;

	if (is_cbc && random == NULL)
		return 0;
	return esp_seal(&child->out, sequence, random, next_header, payload,
	                outer_sender_slot(worker->tx));
}

/* `payload` is what is sent of a packet of `packet_len` octets. */
static void seal_payload(struct worker *worker, struct child *child, uint8_t next_header,
                         struct bytes payload, size_t packet_len, uint8_t tos)
{
	uint64_t sequence;
	size_t len;

	/* The device does not bring such, unless somebody made it wider. */
	if (esp_sealed_len(aead_shape_of(child->out.aead), payload.len) > worker->slot) {
		drop(worker, ENGINE_DROP_TOO_BIG);
		return;
	}
	sequence = child_next_sequence(child);
	if (sequence == 0) {
		drop(worker, ENGINE_DROP_EXHAUSTED);
		spend(worker, child);
		return;
	}
	if (child_wears_out(child, sequence))
		tell_worn(worker, child);
	len = encrypt(worker, child, sequence, next_header, payload);
	if (len == 0) {
		drop(worker, ENGINE_DROP_SEND);
		return;
	}
	outer_sender_commit(worker->tx, len, child_path(child),
	                    (struct outer_way){ .udp = child->udp_encapsulation,
	                                        .in_pieces = packet_len > child_limit(child),
	                                        .tos = child->copies_dscp ? tos
	                                                                  : ecn_outer(tos) });
	use_add(&child->use_out, packet_len, worker->now);
	if (child_is_used_up(child, sequence))
		spend(worker, child);
}

static void seal(struct worker *worker, struct child *child, struct bytes inner, uint8_t tos)
{
	seal_payload(worker, child, esp_next_header(inner), inner, inner.len, tos);
}

/* A fragment of ESP is the outer packet's then, as far as there has to be one. */
static void seal_transport(struct worker *worker, struct child *child, const struct packet *p)
{
	struct bytes payload;
	uint8_t next_header;

	if (transport_open(p, &payload, &next_header))
		seal_payload(worker, child, next_header, payload, p->octets.len, p->tos);
	else
		drop(worker, ENGINE_DROP_TRANSPORT);
}

/* Fragments first, then seals each: the peer sees whole ESP packets (MTU-4). */
static void seal_fragments(struct worker *worker, struct child *child, const struct packet *p)
{
	struct fragment f;
	size_t len;

	fragment_start(&f, p, child_limit(child));
	while ((len = fragment_next(&f, worker->piece)) > 0)
		seal(worker, child, BYTES(worker->piece, len), p->tos);
}

static void tunnel(struct worker *worker, struct use *use, struct child *child,
                   const struct packet *p, uint8_t *octets)
{
	size_t limit = child_inner_limit(child, p->version);

	if (p->octets.len <= limit) {
		packet_clamp_mss(p, octets, limit);
		if (child->is_transport)
			seal_transport(worker, child, p);
		else
			seal(worker, child, p->octets, p->tos);
	} else if (p->may_fragment && child->is_transport) {
		seal_transport(worker, child, p);
	} else if (p->may_fragment && limit >= FRAGMENT_LIMIT_LEAST) {
		seal_fragments(worker, child, p);
	} else {
		drop(worker, ENGINE_DROP_TOO_BIG);
		answer(worker, ICMP_ERROR_TOO_BIG, p, limit);
		return;
	}
	use_add(use, p->octets.len, worker->now);
}

static void refuse(struct worker *worker, const struct packet *p, struct use *use)
{
	use_add(use, p->octets.len, worker->now);
	drop(worker, ENGINE_DROP_VERDICT);
	answer(worker, ICMP_ERROR_PROHIBITED, p, 0);
}

static void discard(struct worker *worker, const struct packet *p, struct use *use)
{
	use_add(use, p->octets.len, worker->now);
	drop(worker, ENGINE_DROP_VERDICT);
}

/* True: it went round through the kernel, behind the held packets of its pair. */
static bool goes_round(struct worker *worker, struct eroute *eroute, const struct packet *p)
{
	struct settling *settling = &eroute->settling;

	if (settling->count == 0 || settling_take(settling, p) ||
	    !settling_waits(settling, worker->now) ||
	    !release_packet(&worker->shared->release, RELEASE_TUNNEL, p))
		return false;
	settling_add(settling, p, worker->now);
	return true;
}

/* True: the eroute decides; false: the packet has to wait. */
static bool by_eroute(struct worker *worker, struct eroute *eroute, const struct packet *p,
                      uint8_t *octets)
{
	struct child *child;

	switch (eroute->action) {
	case EROUTE_TUNNEL:
		child = eroute_child(eroute);
		if (child == NULL)
			return false; /* its SA has gone: back to the hold, never to the clear */
		if (!goes_round(worker, eroute, p))
			tunnel(worker, &eroute->use, child, p, octets);
		return true;
	case EROUTE_PASS:
		pass(worker, p, &eroute->use);
		return true;
	case EROUTE_DROP:
		discard(worker, p, &eroute->use);
		return true;
	case EROUTE_REJECT:
		refuse(worker, p, &eroute->use);
		return true;
	case EROUTE_TRAP:
	case EROUTE_HOLD:
		return false;
	}
	return false;
}

/* True: the row decides; false: the packet has to wait. */
static bool by_row(struct worker *worker, const struct row *row, const struct packet *p,
                   uint8_t *octets)
{
	struct child *child;

	switch (row->action) {
	case POLICY_TUNNEL:
		child = row_child(row);
		if (child == NULL)
			return false; /* its SA has gone: back to the hold */
		tunnel(worker, row->use, child, p, octets);
		return true;
	case POLICY_PASS:
		pass(worker, p, row->use);
		return true;
	case POLICY_DROP:
		discard(worker, p, row->use);
		return true;
	case POLICY_REJECT:
		refuse(worker, p, row->use);
		return true;
	case POLICY_TRAP:
		return false;
	}
	return false;
}

static bool row_decides(const struct row *row)
{
	return row != NULL && row->action != POLICY_TRAP &&
	       (row->action != POLICY_TUNNEL || row_child(row) != NULL);
}

static bool decides(struct worker *worker, struct eroute *eroute, const struct row *row,
                    const struct packet *p, uint8_t *octets)
{
	if (eroute != NULL)
		return by_eroute(worker, eroute, p, octets);
	return row != NULL && by_row(worker, row, p, octets);
}

/*
 * Under the lock eroute and row are looked at once more: either the verdict is there by now, or the
 * control thread will find the packet when it brings the verdict.
 */
static void hold(struct worker *worker, struct packet *p, const struct shown *shown,
                 uint8_t *octets)
{
	struct hold_table *holds = &worker->shared->holds;
	const struct row *row;
	struct eroute *eroute;
	bool is_decided, is_news = false;

	hold_lock(holds);
	eroute = tables_decide(&worker->shared->tables, &p->pair, shown);
	row = tables_row(&worker->shared->tables, &p->pair);
	if (eroute == NULL)
		is_decided = row == NULL || row_decides(row);
	else
		is_decided = eroute->action != EROUTE_HOLD &&
		             (eroute->action != EROUTE_TUNNEL || eroute_child(eroute) != NULL);
	if (!is_decided)
		is_news = hold_keep(holds, &p->pair, p->octets, worker->now) && !holds->is_told;
	holds->is_told |= is_news;
	hold_unlock(holds);
	if (is_decided && !decides(worker, eroute, row, p, octets))
		drop(worker, ENGINE_DROP_VERDICT);
	if (is_news)
		mailbox_wake(&worker->shared->mailbox);
}

/* Errors of routers on the way never make a flow (design of the steering); without a tunnel for
 * their pair they leave in the clear where that is allowed at all. */
static void icmp_error(struct worker *worker, const struct row *row, const struct packet *p)
{
	if (row->action == POLICY_TRAP && !row->is_private)
		pass(worker, p, row->use);
	else
		discard(worker, p, row->use);
}

/* An error from an address that no conn is about: the kernel asked only what it quotes. */
static void pass_uncovered(struct worker *worker, const struct packet *p)
{
	if (!release_packet(&worker->shared->release, RELEASE_PASS, p))
		drop(worker, ENGINE_DROP_SEND);
}

static bool has_tunnel(struct worker *worker, const struct eroute *eroute, const struct packet *p)
{
	const struct row *row;

	if (eroute != NULL)
		return eroute->action == EROUTE_TUNNEL && eroute_child(eroute) != NULL;
	row = tables_row(&worker->shared->tables, &p->pair);
	return row != NULL && row->action == POLICY_TUNNEL && row_child(row) != NULL;
}

/* Transport mode has room for its own two addresses only. */
static void tunnel_error(struct worker *worker, struct use *use, struct child *child,
                         const struct packet *p, uint8_t *octets)
{
	if (child == NULL || child->is_transport)
		drop(worker, ENGINE_DROP_VERDICT);
	else
		tunnel(worker, use, child, p, octets);
}

/*
 * ICM-4: an error quotes the packet it is about. One that came by a tunnel, or is for nobody but a
 * tunnel, leaves by that tunnel, or not at all. False: it quotes what was in the clear.
 */
static bool by_quote(struct worker *worker, const struct packet *p, uint8_t *octets)
{
	struct tables *tables = &worker->shared->tables;
	struct packet answer;
	struct eroute *eroute;
	const struct row *row;
	struct shown shown;

	if (!quote_answer(p, &answer))
		return false;
	shown = packet_show(&answer);
	eroute = tables_decide(tables, &answer.pair, &shown);
	row = tables_row(tables, &answer.pair);
	if (eroute != NULL && eroute->action == EROUTE_TUNNEL)
		tunnel_error(worker, &eroute->use, eroute_child(eroute), p, octets);
	else if (eroute == NULL && row != NULL && row->action == POLICY_TUNNEL)
		tunnel_error(worker, row->use, row_child(row), p, octets);
	else if (row != NULL && row->is_private)
		drop(worker, ENGINE_DROP_VERDICT);
	else
		return false;
	return true;
}

/* No eroute, or one that says hold. */
static void undecided(struct worker *worker, struct eroute *eroute, struct packet *p,
                      const struct shown *shown, uint8_t *octets)
{
	const struct row *row = tables_row(&worker->shared->tables, &p->pair);

	if (row == NULL && p->is_icmp_error) {
		pass_uncovered(worker, p);
		return;
	}
	if (row == NULL) {
		drop(worker, ENGINE_DROP_VERDICT); /* no policy: discard (RFC 4301 section 5.1) */
		return;
	}
	if (p->is_icmp_error && !row_decides(row)) {
		icmp_error(worker, row, p);
		return;
	}
	if (eroute == NULL && by_row(worker, row, p, octets))
		return;
	if (eroute == NULL)
		use_add(row->use, p->octets.len, worker->now);
	hold(worker, p, shown, octets);
}

void outbound(struct worker *worker, uint8_t *octets, size_t len)
{
	struct packet p;
	struct shown shown;
	struct eroute *eroute;

	if (!packet_parse(BYTES(octets, len), &p)) {
		drop(worker, ENGINE_DROP_INNER);
		return;
	}
	/* What the kernel itself says on a new device, and what never has a peer (NEV-1). */
	if (ip_is_never_peer(&p.pair.source) || ip_is_never_peer(&p.pair.destination))
		return;
	shown = pieces_show(worker->pieces, &p, worker->now);
	eroute = tables_decide(&worker->shared->tables, &p.pair, &shown);
	if (p.is_icmp_error && !has_tunnel(worker, eroute, &p) && by_quote(worker, &p, octets))
		return;
	if (eroute == NULL || !by_eroute(worker, eroute, &p, octets))
		undecided(worker, eroute, &p, &shown, octets);
}

/* The control thread's side of a hold. */

struct held {
	struct shared *shared;
	enum eroute_action action;
	struct released *released;
	struct instant now;
	bool is_answered;
};

static void release_one(void *ctx, struct bytes octets)
{
	struct held *held = ctx;
	struct release *release = &held->shared->release;
	struct packet p;

	if (!packet_parse(octets, &p))
		return; /* it was parsed before it was held */
	switch (held->action) {
	case EROUTE_PASS:
		if (!release_packet(release, RELEASE_PASS, &p))
			drops_add(&held->shared->drops, ENGINE_DROP_SEND);
		else
			use_add(&held->released->use, octets.len, held->now);
		break;
	case EROUTE_TUNNEL: /* counted when it comes back to be sealed */
		if (!release_packet(release, RELEASE_TUNNEL, &p))
			drops_add(&held->shared->drops, ENGINE_DROP_SEND);
		else
			settling_add(&held->released->settling, &p, held->now);
		break;
	case EROUTE_REJECT:
		if (!held->is_answered && icmp_may_answer(&p))
			release_icmp(release, ICMP_ERROR_PROHIBITED, &p, 0);
		held->is_answered = true; /* one answer for the lot */
					  /* fall through */
	case EROUTE_DROP:
	case EROUTE_TRAP:
	case EROUTE_HOLD:
		drops_add(&held->shared->drops, ENGINE_DROP_VERDICT);
		break;
	}
}

void outbound_release_held(struct shared *shared, const struct ip_pair *pair,
                           enum eroute_action action, struct released *released, struct instant now)
{
	struct held held = { shared, action, released, now, false };

	assert(action != EROUTE_HOLD);
	(void)hold_drain(&shared->holds, pair, release_one, &held);
}

/* Another policy. */

struct sorting {
	struct buf packets[HOLD_PACKETS_MAX];
	unsigned count;
	struct piece_memory pieces;
};

static void take_out(void *ctx, struct bytes octets)
{
	struct sorting *sorting = ctx;

	if (sorting->count < HOLD_PACKETS_MAX)
		sorting->packets[sorting->count++] = buf_copy(octets);
}

/* TRAP: it goes on waiting. */
static enum eroute_action action_for(struct tables *t, struct ip_pair *pair,
                                     const struct shown *shown)
{
	const struct eroute *eroute = tables_decide(t, pair, shown);
	const struct row *row = tables_row(t, pair);

	if (eroute != NULL && eroute->action == EROUTE_TUNNEL)
		return eroute_child(eroute) != NULL ? EROUTE_TUNNEL : EROUTE_TRAP;
	if (eroute != NULL)
		return eroute->action;
	if (row == NULL)
		return EROUTE_DROP;
	switch (row->action) {
	case POLICY_TRAP:
		return EROUTE_TRAP;
	case POLICY_PASS:
		return EROUTE_PASS;
	case POLICY_DROP:
		return EROUTE_DROP;
	case POLICY_REJECT:
		return EROUTE_REJECT;
	case POLICY_TUNNEL:
		return row_child(row) != NULL ? EROUTE_TUNNEL : EROUTE_TRAP;
	}
	return EROUTE_DROP;
}

static bool sort_one(struct shared *shared, struct sorting *sorting, struct bytes octets,
                     struct instant now)
{
	struct released released = { 0 };
	struct held held = { shared, EROUTE_DROP, &released, now, false };
	struct shown shown;
	struct packet p;

	if (!packet_parse(octets, &p))
		return false; /* it was parsed before it was held */
	shown = pieces_show(&sorting->pieces, &p, now);
	held.action = action_for(&shared->tables, &p.pair, &shown);
	if (held.action == EROUTE_TRAP || held.action == EROUTE_HOLD)
		return hold_keep(&shared->holds, &p.pair, octets, now);
	release_one(&held, octets);
	return false;
}

void outbound_sort_held(struct shared *shared, const struct ip_pair *pair, struct instant now)
{
	struct sorting *sorting = new_zeroed(sizeof(*sorting));
	bool is_news = false;

	(void)hold_drain(&shared->holds, pair, take_out, sorting);
	tables_read_begin(&shared->tables);
	for (unsigned i = 0; i < sorting->count; i++) {
		is_news |= sort_one(shared, sorting, buf_view(&sorting->packets[i]), now);
		buf_free(&sorting->packets[i]);
	}
	tables_read_end(&shared->tables);
	free(sorting);
	if (is_news)
		mailbox_wake(&shared->mailbox);
}
