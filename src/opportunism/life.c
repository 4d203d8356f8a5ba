/*
 * Life of opportunistic tunnels: whom nobody uses is closed, by Delete, at looks that are far
 * apart; what is used at its rekeying gets a successor.
 *
 *   tunnel-idle=T   first look after T/10: used in the last T/20? Then every 2 T: in the last T?
 *   T = 10 minutes  first look after 1 minute: in the last 30 s;  every 20 minutes: in the last 10
 *
 * A pair that needs a tunnel again soon after it was closed is spared at its first look: such
 * traffic comes in bursts. Looks come up to a tenth late, by chance, so that neither all tunnels
 * of a gateway nor both ends of one close at the same moment.
 */
#include "opportunism/flow.h"

#include <stdlib.h>

/* ---- Pairs whose tunnels were closed lately (LIFE-3) ---- */

struct closed_pair {
	struct hash_node by_pair;
	TAILQ_ENTRY(closed_pair) in_list; /* oldest first */
	struct ip_pair pair;
	struct instant when;
};

static uint64_t closed_hash(const struct opportunism *opp, const struct ip_pair *pair)
{
	return hash_octets(&opp->closed, pair, sizeof(*pair));
}

static struct closed_pair *closed_find(struct opportunism *opp, const struct ip_pair *pair)
{
	struct hash_node *node = hash_first(&opp->closed, closed_hash(opp, pair));

	for (; node != NULL; node = hash_following(node)) {
		struct closed_pair *closed = CONTAINER_OF(node, struct closed_pair, by_pair);

		if (pair_equal(&closed->pair, pair))
			return closed;
	}
	return NULL;
}

static void closed_forget(struct opportunism *opp, struct closed_pair *closed)
{
	hash_remove(&opp->closed, &closed->by_pair);
	TAILQ_REMOVE(&opp->closed_list, closed, in_list);
	free(closed);
}

void closed_forget_all(struct opportunism *opp)
{
	while (!TAILQ_EMPTY(&opp->closed_list))
		closed_forget(opp, TAILQ_FIRST(&opp->closed_list));
}

static void forget_the_old(struct opportunism *opp)
{
	struct closed_pair *oldest;

	while ((oldest = TAILQ_FIRST(&opp->closed_list)) != NULL &&
	       (opp->closed.count >= CLOSED_PAIRS_MAX ||
	        instant_since(opp->now, oldest->when).ns > CLOSED_PAIR_TIME.ns))
		closed_forget(opp, oldest);
}

void life_remember_closed(struct opportunism *opp, const struct ip_pair *pair)
{
	struct closed_pair *closed = closed_find(opp, pair);

	if (closed != NULL)
		closed_forget(opp, closed);
	forget_the_old(opp);
	closed = new_zeroed(sizeof(*closed));
	closed->pair = *pair;
	closed->when = opp->now;
	hash_add(&opp->closed, &closed->by_pair, closed_hash(opp, pair));
	TAILQ_INSERT_TAIL(&opp->closed_list, closed, in_list);
}

/* Answers once. */
static bool was_closed_lately(struct opportunism *opp, const struct ip_pair *pair)
{
	struct closed_pair *closed = closed_find(opp, pair);
	bool is_lately;

	if (closed == NULL)
		return false;
	is_lately = instant_since(opp->now, closed->when).ns <= CLOSED_PAIR_TIME.ns;
	closed_forget(opp, closed);
	return is_lately;
}

/* ---- Looks ---- */

static struct duration part(struct duration whole, int64_t times, int64_t of)
{
	return (struct duration){ whole.ns / of * times };
}

static bool is_looked_at(const struct flow *flow)
{
	return flow->state == FLOW_TUNNEL && flow->tunnel == NULL && flow->conn != NULL &&
	       flow->conn->is_opportunistic;
}

/* One of 256, by pair and time; its key is drawn at every start. */
static int64_t chance(const struct flow *flow)
{
	const struct opportunism *opp = flow->opp;
	const struct {
		struct ip_pair pair;
		struct instant now;
	} seed = { flow->pair, opp->now };

	return (int64_t)(hash_octets(&opp->closed, &seed, sizeof(seed)) % 256);
}

/* LIFE-9 */
static void look_after(struct flow *flow, struct duration wait, struct duration used_within)
{
	struct opportunism *opp = flow->opp;
	int64_t late = wait.ns / 10 / 256 * chance(flow);

	flow->life.used_within = used_within;
	timer_set(opp, &flow->life.timer,
	          instant_after(instant_after(opp->now, wait), (struct duration){ late }));
}

static struct instant later(struct instant a, struct instant b)
{
	return a.ns > b.ns ? a : b;
}

/* LIFE-2: both directions, by every CHILD SA of the pair. */
static struct instant last_use(const struct flow *flow)
{
	const struct engine_port *engine = &flow->opp->engine;
	const struct child *child;
	struct instant last = { 0 };

	TAILQ_FOREACH (child, &flow->children, in_flow) {
		struct child_use use = engine->child_use(engine->ctx, child->spi_in);

		last = later(last, later(use.last_in, use.last_out));
	}
	return last;
}

/* LIFE-4. What the peer still sends until it has our Delete is received. */
static void close_idle(struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	struct child *child;

	flow->life.is_over = true;
	TAILQ_FOREACH (child, &flow->children, in_flow) {
		child->is_replaced = true;
		ike_delete_child(opp->ike, child->sa, child->spi_in, opp->now);
	}
}

enum ike_reason life_reason(const struct flow *flow, enum ike_reason reason)
{
	return flow->life.is_over && reason == IKE_REASON_DELETED_BY_US ? IKE_REASON_IDLE : reason;
}

static void look(struct opportunism *opp, struct timer *timer)
{
	struct flow *flow =
	    CONTAINER_OF(CONTAINER_OF(timer, struct life, timer), struct flow, life);
	struct duration idle = instant_since(opp->now, last_use(flow));

	if (!is_looked_at(flow))
		return;
	if (idle.ns < flow->life.used_within.ns) {
		look_after(flow, part(opp->tunnel_idle, 2, 1), opp->tunnel_idle);
	} else if (flow->life.has_grace) {
		flow->life.has_grace = false;
		look_after(flow, opp->tunnel_idle, opp->tunnel_idle);
	} else {
		close_idle(flow);
	}
}

void life_begin(struct flow *flow)
{
	struct opportunism *opp = flow->opp;

	flow->life.timer.fire = look;
	flow->life.is_over = false;
	if (!is_looked_at(flow)) {
		life_end(flow);
		return;
	}
	flow->life.has_grace = was_closed_lately(opp, &flow->pair);
	look_after(flow, part(opp->tunnel_idle, 1, 10), part(opp->tunnel_idle, 1, 20));
}

void life_end(struct flow *flow)
{
	heap_remove(&flow->opp->timers, &flow->life.timer.node);
}

/*
 * LIFE-6: what carries a configured tunnel always is; an opportunistic one if it was used in the
 * last half of its life, in either direction.
 */
bool child_is_wanted(struct opportunism *opp, uint32_t spi_in)
{
	const struct child *child = child_find(opp, spi_in);
	const struct conn_state *conn = child == NULL ? NULL : child->flow->conn;
	struct child_use use;
	struct instant last;
	struct duration life;

	if (conn == NULL)
		return false;
	if (!conn->is_opportunistic && TAILQ_FIRST(&child->flow->children) == child)
		return true;
	use = opp->engine.child_use(opp->engine.ctx, spi_in);
	last = use.last_in.ns > use.last_out.ns ? use.last_in : use.last_out;
	life = instant_since(opp->now, child->up);
	return last.ns >= child->up.ns + life.ns / 2;
}
