/*
 * The virtual packet engine: holds, pairs, SAs. A packet in a tunnel is taken by the other side
 * only if its SPI and its key are those of an SA there, and its addresses fit.
 */
#include <assert.h>
#include <stdlib.h>

#include "sim/world.h"

/* The SPIs are remembered: what comes by them now was lost in the crash. */
static void wipe_child(struct child_sa *sa)
{
	child_sa_wipe(sa);
	selectors_free(&sa->more_local);
	selectors_free(&sa->more_remote);
}

void engine_wipe(struct sim_engine *e)
{
	for (size_t i = 0; i < e->pair_count; i++)
		for (size_t j = 0; j < e->pairs[i].held_count; j++)
			e->pairs[i].held[j]->fate = FATE_CRASHED;
	for (size_t i = 0; i < e->child_count; i++)
		wipe_child(&e->children[i].sa);
	policy_wipe(&e->policy);
	free(e->pairs);
	free(e->children);
	free(e->told);
	free(e->lost_spis);
	*e = (struct sim_engine){ .gateway = e->gateway,
		                  .lost_spis = e->spis,
		                  .lost_spi_count = e->spi_count };
}

/* FNV-1a: storms have many thousands of pairs. */
static size_t bucket_of(const struct ip_pair *pair)
{
	const uint8_t *octets = (const uint8_t *)pair;
	uint32_t hash = 2166136261;

	for (size_t i = 0; i < sizeof(*pair); i++)
		hash = (hash ^ octets[i]) * 16777619;
	return hash % PAIR_BUCKETS;
}

const struct pair_entry *engine_pair(const struct sim_engine *e, const struct ip_pair *pair)
{
	size_t at = e->pair_buckets[bucket_of(pair)];

	while (at != 0 && !pair_equal(&e->pairs[at - 1].pair, pair))
		at = e->pairs[at - 1].next;
	return at == 0 ? NULL : &e->pairs[at - 1];
}

static struct pair_entry *find_pair(struct sim_engine *e, const struct ip_pair *pair)
{
	return (struct pair_entry *)engine_pair(e, pair);
}

static struct pair_entry *add_pair(struct sim_engine *e, const struct ip_pair *pair)
{
	e->pairs = grow_array(e->pairs, e->pair_count + 1, sizeof(*e->pairs));
	e->pairs[e->pair_count] =
	    (struct pair_entry){ .pair = *pair, .next = e->pair_buckets[bucket_of(pair)] };
	e->pair_buckets[bucket_of(pair)] = e->pair_count + 1;
	return &e->pairs[e->pair_count++];
}

/* What points to the entry at that place. */
static size_t *link_to(struct sim_engine *e, size_t place)
{
	size_t *link = &e->pair_buckets[bucket_of(&e->pairs[place].pair)];

	while (*link != place + 1)
		link = &e->pairs[*link - 1].next;
	return link;
}

static void remove_pair(struct sim_engine *e, struct pair_entry *entry)
{
	size_t place = (size_t)(entry - e->pairs), last = e->pair_count - 1;

	*link_to(e, place) = entry->next;
	if (place != last) {
		*link_to(e, last) = place + 1;
		*entry = e->pairs[last];
	}
	e->pair_count--;
}

static struct engine_child *child_by_in(struct sim_engine *e, uint32_t spi)
{
	for (size_t i = 0; i < e->child_count; i++)
		if (e->children[i].sa.spi_in == spi)
			return &e->children[i];
	return NULL;
}

static bool side_fits(const struct traffic_selector *first, const struct selectors *more,
                      const struct ip *address)
{
	if (range_contains(&first->range, address))
		return true;
	for (size_t i = 0; i < more->count; i++)
		if (range_contains(&more->list[i].range, address))
			return true;
	return false;
}

static bool fits(const struct child_sa *sa, const struct ip *local, const struct ip *remote)
{
	return side_fits(&sa->local, &sa->more_local, local) &&
	       side_fits(&sa->remote, &sa->more_remote, remote);
}

/* The SA to send by: of the peer's SPI, and for this pair. */
static struct engine_child *child_by_out(struct sim_engine *e, uint32_t spi,
                                         const struct ip_pair *pair)
{
	for (size_t i = 0; i < e->child_count; i++) {
		struct child_sa *sa = &e->children[i].sa;

		if (sa->spi_out == spi && fits(sa, &pair->source, &pair->destination))
			return &e->children[i];
	}
	return NULL;
}

/* ---- The way out ---- */

static void send_in_clear(struct sim_engine *e, struct packet *packet)
{
	promise_no_leak(e->gateway, packet);
	net_send_clear(e->gateway->sim, packet);
}

static void send_by(struct sim_engine *e, struct engine_child *child, struct packet *packet)
{
	child->use.packets_out++;
	child->use.last_out = e->gateway->sim->now;
	net_send_esp(e->gateway, &child->sa, ++child->next_sequence, packet);
}

static void send_by_tunnel(struct sim_engine *e, struct pair_entry *entry, struct packet *packet)
{
	struct engine_child *child = child_by_out(e, entry->spi_out, &packet->pair);

	if (child == NULL)
		sim_fail(e->gateway->sim, "%s: a pair is to go by an SA that is not there: %s > %s",
		         e->gateway->name, ip_text(&packet->pair.source).s,
		         ip_text(&packet->pair.destination).s);
	send_by(e, child, packet);
}

static void dispatch(struct sim_engine *e, struct pair_entry *entry, struct packet *packet)
{
	entry->use.packets++;
	entry->use.last = e->gateway->sim->now;
	promise_in_order(e->gateway, entry, packet);
	switch (entry->action) {
	case EROUTE_PASS:
		send_in_clear(e, packet);
		return;
	case EROUTE_TUNNEL:
		send_by_tunnel(e, entry, packet);
		return;
	case EROUTE_DROP:
	case EROUTE_REJECT:
		packet->fate = FATE_DROPPED;
		return;
	case EROUTE_TRAP:
	case EROUTE_HOLD:
		sim_fail(e->gateway->sim, "%s dispatches a packet without a verdict",
		         e->gateway->name);
	}
}

/* HOLD-2: at the bound the first stays and the newest replaces the one before it. */
static void hold(struct pair_entry *entry, struct packet *packet)
{
	if (entry->held_count == HELD_MAX) {
		entry->held[HELD_MAX - 1]->fate = FATE_OVERFLOW;
		entry->held_count--;
	}
	entry->held[entry->held_count++] = packet;
}

struct raised {
	struct gateway *gateway;
	unsigned generation;
	struct acquire acquire;
};

static void raise(struct sim *sim, void *what)
{
	struct raised *r = what;

	if (r->gateway->generation == r->generation && !r->gateway->is_down)
		opportunism_on_acquire(r->gateway->core, &r->acquire, sim->now);
	free(r);
}

static void raise_acquire(struct sim_engine *e, struct pair_entry *entry)
{
	const struct ip_pair *pair = &entry->pair;
	struct raised *r = new_zeroed(sizeof(*r));

	entry->raised = e->gateway->sim->now;
	*r = (struct raised){ e->gateway, e->gateway->generation, { .pair = *pair } };
	if (entry->held_count > 0) {
		const struct packet *first = entry->held[0];

		r->acquire.protocol = first->protocol;
		r->acquire.has_ports = first->port >= 0;
		r->acquire.source_port = 1024;
		r->acquire.destination_port = (uint16_t)first->port;
	}
	sim_later(e->gateway->sim, (struct duration){ 20000 }, raise, r);
}

static void trap(struct sim_engine *e, struct packet *packet)
{
	struct pair_entry *entry = add_pair(e, &packet->pair);

	entry->action = EROUTE_HOLD;
	entry->held_since = e->gateway->sim->now;
	hold(entry, packet);
	raise_acquire(e, entry);
}

/* No pair decides: the policy row does. */
static void by_policy(struct sim_engine *e, struct packet *packet)
{
	const struct policy_row *row = policy_lookup(&e->policy, &packet->pair);
	struct engine_child *child = NULL;

	if (row != NULL && row->action == POLICY_TUNNEL)
		child = child_by_out(e, row->spi_out, &packet->pair);
	if (row == NULL || row->action == POLICY_PASS)
		send_in_clear(e, packet);
	else if (child != NULL)
		send_by(e, child, packet);
	else if (row->action == POLICY_TRAP || row->action == POLICY_TUNNEL)
		trap(e, packet);
	else
		packet->fate = FATE_DROPPED;
}

/* HOLD-3: repeated, not more than once a second. */
static void hold_and_remind(struct sim_engine *e, struct pair_entry *entry, struct packet *packet)
{
	hold(entry, packet);
	if (instant_since(e->gateway->sim->now, entry->raised).ns >= SECONDS(1).ns)
		raise_acquire(e, entry);
}

/* The rule a packet falls under is part of its pair; a tunnel of another rule carries it, too,
 * where its own rule would trap it. */
static struct pair_entry *entry_of(struct sim_engine *e, struct packet *packet)
{
	const struct policy_row *row =
	    policy_lookup_packet(&e->policy, &packet->pair, packet->protocol, packet->port);
	const struct policy_cell *cells;
	struct pair_entry *entry, *other;
	size_t count = 0;

	if (row != NULL)
		packet->pair.traffic = row->traffic;
	entry = find_pair(e, &packet->pair);
	if (row == NULL || row->action != POLICY_TRAP || entry != NULL)
		return entry;
	cells = policy_index_cells(&e->policy.index, &packet->pair.source,
	                           &packet->pair.destination, &count);
	for (size_t i = 0; i < count; i++) {
		struct ip_pair pair = { packet->pair.source, packet->pair.destination,
			                cells[i].traffic };

		other = find_pair(e, &pair);
		if (other != NULL && other->action == EROUTE_TUNNEL)
			return other;
	}
	return NULL;
}

void engine_outbound(struct sim_engine *e, struct packet *packet)
{
	struct pair_entry *entry = entry_of(e, packet);

	if (entry == NULL)
		by_policy(e, packet);
	else if (entry->action == EROUTE_HOLD)
		hold_and_remind(e, entry, packet);
	else
		dispatch(e, entry, packet);
}

/* ---- The way in ---- */

static void tell_cleartext(struct sim *sim, void *what)
{
	struct raised *r = what;

	if (r->gateway->generation == r->generation && !r->gateway->is_down)
		opportunism_on_cleartext(r->gateway->core, &r->acquire.pair, sim->now);
	free(r);
}

static void raise_cleartext(struct sim_engine *e, const struct ip_pair *pair)
{
	struct raised *r = new_zeroed(sizeof(*r));

	*r = (struct raised){ e->gateway, e->gateway->generation, { *pair } };
	sim_later(e->gateway->sim, SECONDS(1), tell_cleartext, r);
}

static bool is_refused_by(const struct policy_row *row)
{
	return row != NULL && (row->is_private || row->action == POLICY_TUNNEL ||
	                       row->action == POLICY_DROP || row->action == POLICY_REJECT);
}

/* CLR-2: what claims to come from a tunnelled, private or blocked pair is refused. */
void engine_clear_inbound(struct sim_engine *e, struct packet *packet)
{
	struct ip_pair back = { packet->pair.destination, packet->pair.source };
	const struct pair_entry *entry = engine_pair(e, &back);
	const struct policy_row *row = policy_lookup(&e->policy, &back);

	if (entry != NULL && entry->action == EROUTE_TUNNEL)
		raise_cleartext(e, &back);
	if ((entry != NULL && entry->action == EROUTE_TUNNEL) ||
	    is_refused_by(row))
		packet->fate = FATE_REFUSED;
	else
		sim_deliver(e->gateway->sim, packet, FATE_ARRIVED_IN_CLEAR);
}

static bool was_lost(const struct sim_engine *e, uint32_t spi)
{
	for (size_t i = 0; i < e->lost_spi_count; i++)
		if (e->lost_spis[i] == spi)
			return true;
	return false;
}

struct lost {
	struct gateway *gateway;
	unsigned generation;
	struct path path;
	uint32_t spi;
};

static void tell_unknown_spi(struct sim *sim, void *what)
{
	struct lost *lost = what;

	if (lost->gateway->generation == lost->generation && !lost->gateway->is_down)
		opportunism_on_unknown_spi(lost->gateway->core, &lost->path, lost->spi, sim->now);
	free(lost);
}

static void raise_unknown_spi(struct sim_engine *e, const struct esp *esp)
{
	struct lost *lost = new_zeroed(sizeof(*lost));

	*lost = (struct lost){
		e->gateway, e->gateway->generation, { esp->path.remote, esp->path.local }, esp->spi
	};
	sim_later(e->gateway->sim, (struct duration){ 20000 }, tell_unknown_spi, lost);
}

struct heard {
	struct gateway *gateway;
	unsigned generation;
	uint32_t spi;
};

static void tell_heard(struct sim *sim, void *what)
{
	struct heard *heard = what;

	if (heard->gateway->generation == heard->generation && !heard->gateway->is_down)
		opportunism_on_heard(heard->gateway->core, heard->spi, sim->now);
	free(heard);
}

static void raise_heard(struct sim_engine *e, uint32_t spi)
{
	struct heard *heard = new_zeroed(sizeof(*heard));

	*heard = (struct heard){ e->gateway, e->gateway->generation, spi };
	sim_later(e->gateway->sim, (struct duration){ 20000 }, tell_heard, heard);
}

static bool was_given_out(const struct sim_engine *e, uint32_t spi)
{
	for (size_t i = 0; i < e->spi_count; i++)
		if (e->spis[i] == spi)
			return true;
	return false;
}

void engine_esp_inbound(struct sim_engine *e, const struct esp *esp)
{
	struct engine_child *child = child_by_in(e, esp->spi);
	struct packet *packet = esp->packet;

	if (child == NULL) {
		packet->fate = was_lost(e, esp->spi)        ? FATE_CRASHED
		               : was_given_out(e, esp->spi) ? FATE_EARLY
		                                            : FATE_NO_SA;
		sim_say(e->gateway->sim, e->gateway->name, "ESP with unknown SPI 0x%x", esp->spi);
		raise_unknown_spi(e, esp);
		return;
	}
	if (!secret_equal(secret_view(&child->sa.key_in), secret_view(&esp->key)))
		sim_fail(e->gateway->sim, "%s: ESP under another key than its SA's",
		         e->gateway->name);
	if (!fits(&child->sa, &packet->pair.destination, &packet->pair.source)) {
		packet->fate = FATE_NO_SA;
		return;
	}
	if (child->use.packets_in++ == 0)
		raise_heard(e, esp->spi);
	child->use.last_in = e->gateway->sim->now;
	promise_true_sender(e->gateway, esp->sealed_by, packet);
	sim_deliver(e->gateway->sim, packet, FATE_ARRIVED_BY_TUNNEL);
}

/* ---- The port ---- */

static void release(struct sim_engine *e, struct pair_entry *entry)
{
	size_t count = entry->held_count;

	entry->held_count = 0;
	for (size_t i = 0; i < count; i++)
		dispatch(e, entry, entry->held[i]);
}

/* The pair is forgotten; what was held of it is trapped again. */
static void forget_pair(struct sim_engine *e, struct pair_entry *entry)
{
	struct pair_entry kept = *entry;

	remove_pair(e, entry);
	for (size_t i = 0; i < kept.held_count; i++)
		engine_outbound(e, kept.held[i]);
}

/* What is held of a row that has a verdict now leaves by it. */
static void release_by_rows(struct sim_engine *e)
{
	for (size_t i = e->pair_count; i-- > 0;) {
		struct pair_entry *entry = &e->pairs[i];
		const struct policy_row *row = policy_lookup(&e->policy, &entry->pair);

		if (entry->action != EROUTE_HOLD || row == NULL || row->action == POLICY_TRAP)
			continue;
		promise_in_time(e->gateway, entry, EROUTE_TUNNEL);
		forget_pair(e, entry);
	}
}

static void set_policy(void *ctx, const struct policy_table *table)
{
	struct gateway *gateway = ctx;
	struct sim_engine *e = &gateway->engine;
	bool ok;

	promise_nothing_open(gateway, table);
	policy_wipe(&e->policy);
	ok = policy_build(&e->policy, table->rows, table->row_count, NULL);
	assert(ok); /* the core has built it of the same rows */
	release_by_rows(e);
}

static void say_pair(struct gateway *gateway, const struct ip_pair *pair, enum eroute_action action,
                     uint32_t spi_out)
{
	static const char *const words[] = { "trap", "hold", "pass", "drop", "reject", "tunnel" };

	sim_say(gateway->sim, gateway->name, "eroute %s > %s: %s 0x%x", ip_text(&pair->source).s,
	        ip_text(&pair->destination).s, words[action], spi_out);
}

/* What was released comes back, finds nothing, and is asked about again. */
static void refuse_pair(struct sim_engine *e, struct pair_entry *entry)
{
	e->refused++;
	if (entry == NULL)
		return;
	entry->action = EROUTE_HOLD;
	if (entry->held_count > 0)
		raise_acquire(e, entry);
}

static void set_pair(void *ctx, const struct ip_pair *pair, enum eroute_action action,
                     uint32_t spi_out, bool is_private)
{
	struct gateway *gateway = ctx;
	struct sim_engine *e = &gateway->engine;
	struct pair_entry *entry = find_pair(e, pair);

	say_pair(gateway, pair, action, spi_out);
	if (action == EROUTE_TUNNEL && e->refuses_tunnels) {
		refuse_pair(e, entry);
		return;
	}
	if (entry == NULL && action == EROUTE_TRAP)
		return;
	if (entry == NULL)
		entry = add_pair(e, pair);
	if (action == EROUTE_TUNNEL && child_by_out(e, spi_out, pair) == NULL)
		sim_fail(gateway->sim, "%s: a tunnel without its SA", gateway->name);
	if (entry->action == EROUTE_HOLD && action != EROUTE_HOLD)
		promise_in_time(gateway, entry, action);
	if (action == EROUTE_HOLD && entry->action != EROUTE_HOLD)
		entry->held_since = gateway->sim->now;
	if (action == EROUTE_TRAP) {
		forget_pair(e, entry);
		return;
	}
	entry->action = action;
	entry->spi_out = spi_out;
	entry->is_private = is_private;
	if (action != EROUTE_HOLD)
		release(e, entry);
}

static struct secret secret_of(const struct secret *s)
{
	return secret_copy(secret_view(s));
}

static void add_child(void *ctx, const struct child_sa *sa)
{
	struct gateway *gateway = ctx;
	struct sim_engine *e = &gateway->engine;
	struct engine_child *child;

	sim_say(gateway->sim, gateway->name, "SA in 0x%x out 0x%x with %s: %s > %s", sa->spi_in,
	        sa->spi_out, ip_text(&sa->path.remote.address).s, range_text(&sa->local.range).s,
	        range_text(&sa->remote.range).s);
	if (child_by_in(e, sa->spi_in) != NULL || !was_given_out(e, sa->spi_in))
		sim_fail(gateway->sim, "%s: an SPI that was not given out, or twice",
		         gateway->name);
	promise_no_impostor(gateway, sa);
	e->children = grow_array(e->children, e->child_count + 1, sizeof(*e->children));
	child = &e->children[e->child_count++];
	*child = (struct engine_child){ .sa = *sa };
	child->sa.key_in = secret_of(&sa->key_in);
	child->sa.key_out = secret_of(&sa->key_out);
	child->sa.more_local = selectors_copy(sa->more_local);
	child->sa.more_remote = selectors_copy(sa->more_remote);
}

static void remove_child(void *ctx, uint32_t spi_in)
{
	struct gateway *gateway = ctx;
	struct sim_engine *e = &gateway->engine;
	struct engine_child *child = child_by_in(e, spi_in);

	sim_say(gateway->sim, gateway->name, "SA in 0x%x removed%s", spi_in,
	        child == NULL ? ", was not there" : "");
	if (child == NULL)
		return;
	for (size_t i = 0; i < e->spi_count; i++)
		if (e->spis[i] == spi_in && !gateway->is_down)
			e->spis[i] = 0; /* from now on not early, but late */
	wipe_child(&child->sa);
	*child = e->children[--e->child_count];
}

static void move_child(void *ctx, uint32_t spi_in, const struct path *path)
{
	struct gateway *gateway = ctx;
	struct engine_child *child = child_by_in(&gateway->engine, spi_in);

	if (child != NULL)
		child->sa.path = *path;
}

static struct eroute_use pair_use(void *ctx, const struct ip_pair *pair)
{
	struct gateway *gateway = ctx;
	const struct pair_entry *entry = engine_pair(&gateway->engine, pair);

	return entry == NULL ? (struct eroute_use){ 0 } : entry->use;
}

static struct eroute_use row_use(void *ctx, size_t index)
{
	return (struct eroute_use){ 0 };
}

static struct child_use child_use(void *ctx, uint32_t spi_in)
{
	struct gateway *gateway = ctx;
	const struct engine_child *child = child_by_in(&gateway->engine, spi_in);

	return child == NULL ? (struct child_use){ 0 } : child->use;
}

uint32_t engine_new_spi(struct sim_engine *e)
{
	uint32_t spi;

	do {
		spi = (uint32_t)sim_random(e->gateway->sim);
	} while (spi < 256 || was_given_out(e, spi));
	e->spis = grow_array(e->spis, e->spi_count + 1, sizeof(*e->spis));
	e->spis[e->spi_count++] = spi;
	return spi;
}

static void add_strength(void *ctx, const struct ip_pair *pair, enum strength strength)
{
	struct sim_engine *e = &((struct gateway *)ctx)->engine;

	e->told = grow_array(e->told, e->told_count + 1, sizeof(*e->told));
	e->told[e->told_count++] = (struct told){ *pair, strength };
}

static void remove_strength(void *ctx, const struct ip_pair *pair, enum strength strength)
{
	struct gateway *gateway = ctx;
	struct sim_engine *e = &gateway->engine;

	for (size_t i = 0; i < e->told_count; i++) {
		if (e->told[i].strength != strength || !pair_equal(&e->told[i].pair, pair))
			continue;
		e->told[i] = e->told[--e->told_count];
		return;
	}
	sim_fail(gateway->sim, "%s: a strength that was not told", gateway->name);
}

enum strength engine_strength(const struct sim_engine *e, const struct ip_pair *pair)
{
	enum strength weakest = STRENGTH_NONE;

	for (size_t i = 0; i < e->told_count; i++)
		if (pair_equal(&e->told[i].pair, pair) &&
		    (weakest == STRENGTH_NONE || e->told[i].strength < weakest))
			weakest = e->told[i].strength;
	return weakest;
}

static uint32_t new_spi(void *ctx)
{
	struct gateway *gateway = ctx;

	return engine_new_spi(&gateway->engine);
}

struct engine_port engine_port_of(struct gateway *gateway)
{
	return (struct engine_port){ .ctx = gateway,
		                     .set_policy = set_policy,
		                     .set_pair = set_pair,
		                     .add_child = add_child,
		                     .remove_child = remove_child,
		                     .add_strength = add_strength,
		                     .remove_strength = remove_strength,
		                     .move_child = move_child,
		                     .pair_use = pair_use,
		                     .row_use = row_use,
		                     .child_use = child_use,
		                     .new_spi = new_spi };
}
