/*
 * Pace: on how many doors of strangers we knock, and how often on one (TTL-8, SEC-4).
 *
 * The owner of a reverse zone may name anybody as its gateway. So that we are no hammer in their
 * hand, new gateways are tried at ten a second, 64 negotiations run at once, and one that a few
 * negotiations in a minute came to nothing with is left alone for the rest of it, whatever further
 * Destinations name it. (Silence has a memory of its own, and is longer.) Attempts that have to
 * wait do so in a queue that is fair per Source. Peers we had a tunnel with lately are no
 * strangers, and configured conns say themselves whom to try.
 */
#include "opportunism/flow.h"

#define TOKEN_TIME ((struct duration){ SECONDS(1).ns / NEW_GATEWAYS_PER_S })

static bool is_paced(const struct attempt *attempt)
{
	return attempt->flow->tunnel == NULL && attempt->flow->conn != NULL &&
	       attempt->flow->conn->is_opportunistic && !attempt->flow->is_ordered;
}

static void refill(struct pace *pace, struct instant now)
{
	const int64_t most = TOKEN_TIME.ns * NEW_GATEWAYS_PER_S;

	if (pace->seen.ns == 0)
		pace->saved.ns = most;
	else
		pace->saved.ns += instant_since(now, pace->seen).ns;
	if (pace->saved.ns > most)
		pace->saved.ns = most;
	pace->seen = now;
}

static bool is_worn_out(const struct gateway_memory *memory, struct instant now)
{
	return memory->failures >= GATEWAY_FAILURES_MAX &&
	       instant_since(now, memory->failing_since).ns < GATEWAY_FAILURES_TIME.ns;
}

void pace_failed(struct opportunism *opp, struct gateway_memory *memory, enum ike_reason reason)
{
	if (reason == IKE_REASON_NONE || reason == IKE_REASON_LOCAL)
		return;
	if (instant_since(opp->now, memory->failing_since).ns >= GATEWAY_FAILURES_TIME.ns) {
		memory->failing_since = opp->now;
		memory->failures = 0;
	}
	memory->failures++;
	memory->last_failure = reason;
}

enum pace_answer pace_ask(struct attempt *attempt, struct gateway_memory *memory)
{
	struct opportunism *opp = attempt->opp;
	struct pace *pace = &opp->pace;
	bool is_known = memory_had_tunnel(memory, opp->now);

	if (!is_paced(attempt))
		return PACE_GO;
	if (!is_known && is_worn_out(memory, opp->now))
		return PACE_NEVER;
	refill(pace, opp->now);
	if (pace->running >= ATTEMPTS_MAX || (!is_known && pace->saved.ns < TOKEN_TIME.ns))
		return PACE_WAIT;
	if (!is_known)
		pace->saved.ns -= TOKEN_TIME.ns;
	return PACE_GO;
}

void pace_begin(struct attempt *attempt)
{
	if (attempt->is_running || !is_paced(attempt))
		return;
	attempt->is_running = true;
	attempt->opp->pace.running++;
}

void pace_end(struct attempt *attempt)
{
	if (attempt->is_running)
		attempt->opp->pace.running--;
	attempt->is_running = false;
}

static void fire(struct opportunism *opp, struct timer *timer)
{
	(void)opp; /* pace_run() follows every event */
	(void)timer;
}

void pace_wait(struct attempt *attempt)
{
	attempt->state = ATTEMPT_PACED;
	fair_add(&attempt->opp->pace.waiting, &attempt->in_pace, &attempt->flow->pair.source);
}

void pace_run(struct opportunism *opp)
{
	struct pace *pace = &opp->pace;

	if (pace->waiting.count == 0)
		return;
	refill(pace, opp->now);
	while (pace->waiting.count > 0 && pace->running < ATTEMPTS_MAX &&
	       pace->saved.ns >= TOKEN_TIME.ns)
		attempt_go_on(CONTAINER_OF(fair_next(&pace->waiting), struct attempt, in_pace));
	pace->timer.fire = fire;
	if (pace->waiting.count > 0 && pace->running < ATTEMPTS_MAX)
		timer_set(
		    opp, &pace->timer,
		    instant_after(opp->now, (struct duration){ TOKEN_TIME.ns - pace->saved.ns }));
	else
		heap_remove(&opp->timers, &pace->timer.node);
}
