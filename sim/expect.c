/*
 * What a story expects.
 */
#include "sim/world.h"

static const char *const action_words[] = { "trap", "hold", "pass", "drop", "reject", "tunnel" };

static const struct pair_entry *entry_of(struct sim *sim, const char *from, const char *to)
{
	struct ip_pair pair = { sim_ip(from), sim_ip(to) };
	struct gateway *gateway = sim_owner_of(sim, &pair.source);

	return gateway == NULL ? NULL : engine_pair(&gateway->engine, &pair);
}

struct verdict {
	enum eroute_action action;
	uint32_t spi_out;
};

/* Of the pair, or else of the row that it is in. */
static struct verdict verdict_of(struct sim *sim, const char *from, const char *to)
{
	static const enum eroute_action actions[] = {
		[POLICY_TRAP] = EROUTE_TRAP,     [POLICY_PASS] = EROUTE_PASS,
		[POLICY_DROP] = EROUTE_DROP,     [POLICY_REJECT] = EROUTE_REJECT,
		[POLICY_TUNNEL] = EROUTE_TUNNEL,
	};
	struct ip_pair pair = { sim_ip(from), sim_ip(to) };
	struct gateway *gateway = sim_owner_of(sim, &pair.source);
	const struct pair_entry *entry = entry_of(sim, from, to);
	const struct policy_row *row = NULL;

	if (entry != NULL)
		return (struct verdict){ entry->action, entry->spi_out };
	if (gateway != NULL)
		row = policy_lookup(&gateway->engine.policy, &pair);
	if (row == NULL)
		return (struct verdict){ EROUTE_TRAP, 0 };
	return (struct verdict){ actions[row->action], row->spi_out };
}

void expect_eroute_at(struct sim *sim, const char *from, const char *to, const char *word,
                      const char *file, int line)
{
	const char *is = action_words[verdict_of(sim, from, to).action];

	if (strcmp(is, word) != 0)
		sim_fail(sim, "%s:%d: %s > %s is %s, not %s", file, line, from, to, is, word);
}

void expect_rule_at(struct sim *sim, const char *from, const char *to, unsigned protocol, int port,
                    const char *word, const char *file, int line)
{
	struct ip_pair pair = { sim_ip(from), sim_ip(to) };
	struct gateway *gateway = sim_owner_of(sim, &pair.source);
	const struct pair_entry *entry;
	const char *is;

	pair.traffic = (struct traffic){ (uint8_t)protocol, 1, (uint16_t)port, (uint16_t)port };
	entry = engine_pair(&gateway->engine, &pair);
	is = entry == NULL ? "trap" : action_words[entry->action];
	if (strcmp(is, word) != 0)
		sim_fail(sim, "%s:%d: %s > %s port %d is %s, not %s", file, line, from, to, port,
		         is, word);
}

static struct engine_child *find_out(struct gateway *gateway, uint32_t spi_out)
{
	for (size_t i = 0; i < gateway->engine.child_count; i++)
		if (gateway->engine.children[i].sa.spi_out == spi_out)
			return &gateway->engine.children[i];
	return NULL;
}

/* The pair goes by an SA whose other half the Destination's gateway has. */
void expect_tunnel_at(struct sim *sim, const char *from, const char *to, const char *file, int line)
{
	struct ip source = sim_ip(from), destination = sim_ip(to);
	struct verdict verdict = verdict_of(sim, from, to);
	struct gateway *ours = sim_owner_of(sim, &source);
	struct gateway *theirs = sim_owner_of(sim, &destination);
	const struct engine_child *out;

	expect_eroute_at(sim, from, to, "tunnel", file, line);
	out = find_out(ours, verdict.spi_out);
	if (theirs == NULL || out == NULL)
		sim_fail(sim, "%s:%d: %s > %s goes by no SA", file, line, from, to);
	for (size_t i = 0; i < theirs->engine.child_count; i++) {
		const struct child_sa *sa = &theirs->engine.children[i].sa;

		if (sa->spi_in == verdict.spi_out &&
		    secret_equal(secret_view(&sa->key_in), secret_view(&out->sa.key_out)) &&
		    secret_equal(secret_view(&sa->key_out), secret_view(&out->sa.key_in)))
			return;
	}
	sim_fail(sim, "%s:%d: %s > %s goes by an SA that %s does not have", file, line, from, to,
	         theirs->name);
}

void expect_arrived_at(struct sim *sim, const char *from, const char *to, unsigned by_tunnel,
                       unsigned in_clear, const char *file, int line)
{
	struct ip_pair pair = { sim_ip(from), sim_ip(to) };
	unsigned tunnel = 0, clear = 0;

	for (size_t i = 0; i < sim->packet_count; i++) {
		const struct packet *packet = sim->packets[i];

		if (!ip_equal(&packet->pair.source, &pair.source) ||
		    !ip_equal(&packet->pair.destination, &pair.destination))
			continue;
		tunnel += packet->fate == FATE_ARRIVED_BY_TUNNEL;
		clear += packet->fate == FATE_ARRIVED_IN_CLEAR;
	}
	if (tunnel != by_tunnel || clear != in_clear)
		sim_fail(sim,
		         "%s:%d: %s > %s: %u packets arrived by tunnel and %u in the clear, "
		         "not %u and %u",
		         file, line, from, to, tunnel, clear, by_tunnel, in_clear);
}

struct search {
	struct ip_pair pair;
	struct eroute_view found;
	bool is_there;
};

static void see_eroute(void *ctx, const struct eroute_view *view)
{
	struct search *search = ctx;

	if (!range_is_single(&view->source) || !range_is_single(&view->destination) ||
	    !ip_equal(&view->source.first, &search->pair.source) ||
	    !ip_equal(&view->destination.first, &search->pair.destination))
		return;
	search->found = *view;
	search->is_there = true;
}

static struct search listed(struct sim *sim, const char *from, const char *to)
{
	struct search search = { .pair = { sim_ip(from), sim_ip(to) } };
	struct gateway *gateway = sim_owner_of(sim, &search.pair.source);

	if (gateway != NULL)
		opportunism_list_eroutes(gateway->core, see_eroute, &search);
	return search;
}

bool sim_reason_is(struct sim *sim, const char *from, const char *to, const char *words)
{
	struct search search = listed(sim, from, to);

	return search.is_there && search.found.action != EROUTE_HOLD &&
	       strstr(search.found.reason, words) != NULL;
}

static struct eroute_view look_up(struct sim *sim, const char *from, const char *to,
                                  const char *file, int line)
{
	struct search search = listed(sim, from, to);

	if (!search.is_there)
		sim_fail(sim, "%s:%d: there is no eroute %s > %s", file, line, from, to);
	return search.found;
}

void expect_reason_at(struct sim *sim, const char *from, const char *to, const char *words,
                      const char *file, int line)
{
	struct eroute_view view = look_up(sim, from, to, file, line);

	if (strstr(view.reason, words) == NULL)
		sim_fail(sim, "%s:%d: %s > %s is so because of: %s; not: %s", file, line, from, to,
		         view.reason, words);
}

void expect_expiry_at(struct sim *sim, const char *from, const char *to, int seconds,
                      const char *file, int line)
{
	struct eroute_view view = look_up(sim, from, to, file, line);
	long long left = (long long)instant_since(view.expires, sim->now).ns / 1000000000;

	if (view.expires.ns == INSTANT_NEVER.ns || left < seconds - 2 || left > seconds + 2)
		sim_fail(sim, "%s:%d: %s > %s expires in %lld s, not in %d", file, line, from, to,
		         left, seconds);
}

void expect_sas_at(struct sim *sim, const struct gateway *gateway, size_t ike_sas, size_t children,
                   const char *file, int line)
{
	size_t count = ike_count(opportunism_ike(gateway->core));

	if (count != ike_sas || gateway->engine.child_count != children)
		sim_fail(sim, "%s:%d: %s has %zu IKE SAs and %zu CHILD SAs, not %zu and %zu", file,
		         line, gateway->name, count, gateway->engine.child_count, ike_sas,
		         children);
}

void expect_children_at(struct sim *sim, const struct gateway *gateway, size_t children,
                        const char *file, int line)
{
	if (gateway->engine.child_count != children)
		sim_fail(sim, "%s:%d: %s has %zu CHILD SAs, not %zu", file, line, gateway->name,
		         gateway->engine.child_count, children);
}

void expect_strength_at(struct sim *sim, const struct gateway *gateway, const char *from,
                        const char *to, const char *strength, const char *file, int line)
{
	struct ip_pair pair = { sim_ip(from), sim_ip(to) };
	const char *is = strength_name(engine_strength(&gateway->engine, &pair));

	if (strcmp(is, strength) != 0)
		sim_fail(sim, "%s:%d: %s > %s is known to be %s, not %s", file, line, from, to, is,
		         strength);
}

size_t sim_children(const struct gateway *gateway)
{
	return gateway->engine.child_count;
}

void expect_logged_at(struct sim *sim, const struct gateway *gateway, const char *words,
                      const char *file, int line)
{
	if (gateway->log.s == NULL || strstr(gateway->log.s, words) == NULL)
		sim_fail(sim, "%s:%d: %s did not say: %s", file, line, gateway->name, words);
}

void expect_true_at(struct sim *sim, bool condition, const char *text, const char *file, int line)
{
	if (!condition)
		sim_fail(sim, "%s:%d: %s", file, line, text);
}
