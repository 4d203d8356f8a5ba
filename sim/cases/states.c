/*
 * The states of a pair (opportunism.md section 11.1), as a table over all states and events. What
 * is not in the table leaves the state alone: those cells say "same".
 */
#include <stdlib.h>

#include "dns/record.h"
#include "sim/cases/cases.h"
#include "sim/world.h"

static const char *const source = "203.0.113.7", *const destination = "198.51.100.5";
static const char *const cousin = "198.51.100.6"; /* another host of east's */

/* SHUNT: pass or, where it is private, drop. */
enum state { NONE, DNS, IKE, TUNNEL, SHUNT, DENY, STATE_COUNT, SAME };

static const char *const state_names[] = { "none", "dns", "ike", "tunnel", "shunt", "deny" };

struct pair {
	struct sim *sim;
	struct gateway *west, *east;
	bool is_private;
};

/* ---- Getting there ---- */

static struct pair start(bool is_private)
{
	struct pair p = { .sim = sim_new(1), .is_private = is_private };

	sim_let_tunnels_end(p.sim);
	p.west =
	    sim_gateway(p.sim, "west", "192.0.2.1", "203.0.113.0/24", is_private ? "drop" : NULL);
	p.east = sim_gateway(p.sim, "east", "192.0.2.2", "198.51.100.0/24", NULL);
	sim_delegate(p.sim, source, p.west);
	sim_publish_key(p.sim, p.west);
	sim_publish_key(p.sim, p.east);
	return p;
}

static struct pair reach(enum state state, bool is_private)
{
	struct pair p = start(is_private);

	if (state == DNS)
		sim_dns_delay(p.sim, destination, MILLISECONDS(3500));
	if (state == IKE || state == TUNNEL || state == DENY)
		sim_delegate(p.sim, destination, p.east);
	if (state == IKE)
		sim_cut(p.sim, p.west, p.east);
	if (state == DENY)
		sim_dns_trust(p.sim, destination, DNS_BOGUS);
	if (state != NONE)
		sim_packet(p.sim, source, destination);
	sim_run_for(p.sim, SECONDS(1));
	return p;
}

/* ---- Where it is ---- */

struct search {
	struct ip_pair pair;
	const char *next;
	enum eroute_action action;
	bool is_there;
};

static void see(void *ctx, const struct eroute_view *view)
{
	struct search *search = ctx;

	if (!range_is_single(&view->source) || !range_is_single(&view->destination) ||
	    !ip_equal(&view->source.first, &search->pair.source) ||
	    !ip_equal(&view->destination.first, &search->pair.destination))
		return;
	search->is_there = true;
	search->action = view->action;
	search->next = view->next;
}

static enum state state_of(const struct pair *p)
{
	struct search search = { .pair = { sim_ip(source), sim_ip(destination) } };

	opportunism_list_eroutes(p->west->core, see, &search);
	if (!search.is_there)
		return NONE;
	switch (search.action) {
	case EROUTE_HOLD:
		return strstr(search.next, "DNS") != NULL ? DNS : IKE;
	case EROUTE_TUNNEL:
		return TUNNEL;
	case EROUTE_PASS:
		return SHUNT;
	case EROUTE_DROP:
		return p->is_private ? SHUNT : DENY;
	case EROUTE_TRAP:
	case EROUTE_REJECT:
		break;
	}
	return NONE;
}

/* ---- Events ---- */

static void nothing(struct pair *p)
{
}

static void packet_out(struct pair *p)
{
	sim_packet(p->sim, source, destination);
	sim_run_for(p->sim, MILLISECONDS(1));
}

static void acquire_again(struct pair *p)
{
	struct acquire acquire = { .pair = { sim_ip(source), sim_ip(destination), { 0 } } };

	opportunism_on_acquire(p->west->core, &acquire, p->sim->now);
}

/* To every question there may be: in most states nobody asked, or nobody waits any more. */
static void answer_all(struct pair *p, const struct dns_answer *answer)
{
	for (uint64_t query = 0; query < 64; query++)
		opportunism_on_answer(p->west->core, query, answer, p->sim->now);
}

static void no_record(struct pair *p)
{
	answer_all(p, &(struct dns_answer){ .status = DNS_NO_NAME, .ttl_s = 300 });
}

static void bogus(struct pair *p)
{
	answer_all(p, &(struct dns_answer){ .status = DNS_FAILED, .trust = DNS_BOGUS });
}

static void dns_fails(struct pair *p)
{
	answer_all(p, &(struct dns_answer){ .status = DNS_FAILED });
}

/* Towards a gateway that does not answer. */
static void usable_record(struct pair *p)
{
	uint8_t octets[256];
	struct writer w = writer_on(octets, sizeof(octets));
	struct delegation d = { .precedence = 10,
		                .kind = GATEWAY_ADDRESS,
		                .address = p->east->address,
		                .has_key = true,
		                .key = p->east->key };
	struct bytes rdata;

	sim_cut(p->sim, p->west, p->east);
	expect_true(p->sim, ipseckey_write(&d, &w));
	rdata = writer_view(&w);
	answer_all(p, &(struct dns_answer){
			  .status = DNS_FOUND, .ttl_s = 300, .rdata = &rdata, .count = 1 });
	sim_run_for(p->sim, MILLISECONDS(100));
}

static void peer_makes_child(struct pair *p)
{
	sim_mend(p->sim);
	sim_dns_delay(p->sim, destination, MILLISECONDS(5));
	sim_delegate(p->sim, destination, p->east);
	sim_dns_trust(p->sim, destination, DNS_INSECURE);
	sim_packet(p->sim, destination, source);
	sim_run_for(p->sim, SECONDS(1));
}

/* AUZ-17: it may not speak for that address. */
static void peer_fails(struct pair *p)
{
	sim_withdraw(p->sim, destination);
	sim_packet(p->sim, destination, source);
	sim_run_for(p->sim, SECONDS(1));
}

static void peer_makes_another_child(struct pair *p)
{
	sim_mend(p->sim);
	sim_delegate(p->sim, cousin, p->east);
	sim_packet(p->sim, cousin, source);
	sim_run_for(p->sim, MILLISECONDS(200));
}

static void unreachable(struct pair *p)
{
	sim_unreachable(p->sim, p->west, p->east);
	sim_run_for(p->sim, MILLISECONDS(100));
}

static void unknown_spi(struct pair *p)
{
	struct path path = { { p->west->address, 4500 }, { p->east->address, 4500 } };

	opportunism_on_unknown_spi(p->west->core, &path, 0x12345678, p->sim->now);
	sim_run_for(p->sim, MILLISECONDS(100));
}

static void cleartext_came(struct pair *p)
{
	struct ip_pair pair = { sim_ip(source), sim_ip(destination), { 0 } };

	opportunism_on_cleartext(p->west->core, &pair, p->sim->now);
	sim_run_for(p->sim, MILLISECONDS(100));
}

static void forged_datagram(struct pair *p)
{
	uint8_t octets[64] = { [17] = 0x20, [18] = 34, [19] = 0x20, [27] = 64 };

	sim_forge(p->sim, "192.0.2.2", p->west, BYTES_OF(octets));
	sim_run_for(p->sim, MILLISECONDS(100));
}

static void child_is_worn(struct pair *p)
{
	for (size_t i = 0; i < p->west->engine.child_count; i++)
		opportunism_on_worn(p->west->core, p->west->engine.children[i].sa.spi_in,
		                    p->sim->now);
	sim_run_for(p->sim, MILLISECONDS(200));
}

static void child_is_spent(struct pair *p)
{
	for (size_t i = 0; i < p->west->engine.child_count; i++)
		opportunism_on_spent(p->west->core, p->west->engine.children[i].sa.spi_in,
		                     p->sim->now);
	sim_run_for(p->sim, MILLISECONDS(200));
}

static void peer_deletes(struct pair *p)
{
	sim_shutdown(p->sim, p->east);
	sim_run_for(p->sim, MILLISECONDS(200));
}

static void four_seconds(struct pair *p)
{
	sim_dns_fails(p->sim, destination, DNS_TIMED_OUT);
	sim_dns_delay(p->sim, destination, SECONDS(20));
	sim_run_for(p->sim, MILLISECONDS(3200));
}

static void ten_seconds(struct pair *p)
{
	sim_run_for(p->sim, MILLISECONDS(9200));
}

static void a_minute(struct pair *p)
{
	sim_run_for(p->sim, SECONDS(50));
}

static void lifetime_unused(struct pair *p)
{
	sim_run_for(p->sim, SECONDS(605));
}

static void lifetime_in_use(struct pair *p)
{
	for (int i = 0; i < 650; i++) {
		sim_packet(p->sim, source, destination);
		sim_run_for(p->sim, SECONDS(1));
	}
}

static void same_policy(struct pair *p)
{
	sim_reload(p->sim, p->west, p->is_private ? "drop" : NULL);
	sim_run_for(p->sim, MILLISECONDS(1));
}

static void other_policy(struct pair *p)
{
	sim_reload(p->sim, p->west, p->is_private ? NULL : "drop");
	sim_run_for(p->sim, MILLISECONDS(1));
}

static void taken_out(struct pair *p)
{
	if (state_of(p) != NONE)
		sim_order(p->sim, p->west, SIM_DELETE, source, destination);
	sim_run_for(p->sim, MILLISECONDS(1));
}

static void tried_by_command(struct pair *p)
{
	sim_dns_delay(p->sim, destination, SECONDS(1));
	sim_order(p->sim, p->west, SIM_TRY, source, destination);
	sim_run_for(p->sim, MILLISECONDS(1));
}

struct row {
	const char *event;
	void (*happen)(struct pair *p);
	enum state then[STATE_COUNT];
};

static const struct row table[] = {
	/* event, then: none, dns, ike, tunnel, shunt, deny */
	{ "nothing", nothing, { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "packet out", packet_out, { DNS, SAME, SAME, SAME, SAME, SAME } },
	{ "acquire again", acquire_again, { DNS, SAME, SAME, SAME, SAME, SAME } },
	{ "usable record", usable_record, { SAME, IKE, SAME, SAME, SAME, SAME } },
	{ "no record", no_record, { SAME, SHUNT, SAME, SAME, SAME, SAME } },
	{ "bogus", bogus, { SAME, DENY, SAME, SAME, SAME, SAME } },
	{ "DNS fails", dns_fails, { SAME, SHUNT, SAME, SAME, SAME, SAME } },
	{ "DNS limit", four_seconds, { SAME, SHUNT, SAME, SAME, SAME, SAME } },
	{ "budget over", ten_seconds, { SAME, SHUNT, SHUNT, SAME, SAME, SAME } },
	{ "gateways failed", a_minute, { SAME, SHUNT, SHUNT, SAME, SAME, SAME } },
	{ "peer makes a child",
	  peer_makes_child,
	  { TUNNEL, TUNNEL, TUNNEL, SAME, TUNNEL, TUNNEL } },
	{ "peer fails to", peer_fails, { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "peer makes another's",
	  peer_makes_another_child,
	  { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "ICMP unreachable", unreachable, { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "unknown SPI", unknown_spi, { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "cleartext in", cleartext_came, { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "forged datagram", forged_datagram, { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "rekey", child_is_worn, { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "hard limit", child_is_spent, { SAME, SAME, SAME, NONE, SAME, SAME } },
	{ "Delete", peer_deletes, { SAME, SAME, SAME, NONE, SAME, SAME } },
	{ "lifetime over, unused", lifetime_unused, { SAME, NONE, SHUNT, NONE, NONE, NONE } },
	{ "lifetime over, in use", lifetime_in_use, { SHUNT, SHUNT, SHUNT, SAME, SAME, SAME } },
	{ "the same policy", same_policy, { SAME, SAME, SAME, SAME, SAME, SAME } },
	{ "another policy", other_policy, { SAME, DNS, DNS, SAME, NONE, NONE } },
	{ "taken out", taken_out, { SAME, DNS, DNS, NONE, NONE, NONE } },
	{ "tried by command", tried_by_command, { DNS, SAME, SAME, SAME, SAME, SAME } },
};

static enum state expected(const struct row *row, enum state before, bool is_private)
{
	enum state then = row->then[before];

	if (then == SAME)
		then = before;
	/* What is held of a private pair waits for the end of the attempt. */
	if (is_private && before == IKE && row->happen == ten_seconds)
		return IKE;
	return is_private && then == DENY ? SHUNT : then;
}

static void try_cell(const struct row *row, enum state before, bool is_private)
{
	struct pair p = reach(before, is_private);
	enum state then = expected(row, before, is_private), is = state_of(&p);

	if (is_private && before == DENY)
		before = SHUNT; /* the same for it */
	if (is != before)
		sim_fail(p.sim, "%s was to be reached, not %s", state_names[before],
		         state_names[is]);
	row->happen(&p);
	is = state_of(&p);
	if (is != then)
		sim_fail(p.sim, "%s in %s%s: %s, not %s", row->event, state_names[before],
		         is_private ? ", private" : "", state_names[is], state_names[then]);
	sim_run_until_idle(p.sim);
	p.sim->is_rough = true; /* the peer that was deleted does not take what comes */
	sim_end(p.sim);
}

static void try_table(bool is_private)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int before = NONE; before < STATE_COUNT; before++)
			try_cell(&table[i], (enum state)before, is_private);
}

void every_event_in_every_state(void)
{
	try_table(false);
}

void every_event_in_every_state_private(void)
{
	try_table(true);
}
