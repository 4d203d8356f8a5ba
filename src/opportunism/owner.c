/*
 * What the IKE endpoint tells and asks: taken down as events while it runs, handled when it has
 * returned, since nobody may call back into it before.
 */
#include "opportunism/tunnel.h"

#include <stdlib.h>

#include "crypto/x509.h"
#include "opportunism/downgrade.h"
#include "opportunism/gateway_search.h"
#include "opportunism/keycheck.h"

static struct event *add_event(struct opportunism *opp, enum event_kind kind, ike_handle sa)
{
	struct event *event = new_zeroed(sizeof(*event));

	event->kind = kind;
	event->sa = sa;
	TAILQ_INSERT_TAIL(&opp->events, event, in_queue);
	return event;
}

void event_release(struct event *event)
{
	if (event->claim != NULL) {
		selectors_free(&event->claim->more_peer);
		selectors_free(&event->claim->more_ours);
	}
	free(event->claim);
	free(event->reach);
	free(event->established);
	free(event);
}

static void keep_claim(struct event *event, const struct ike_claim *claim)
{
	event->claim = new_zeroed(sizeof(*claim));
	*event->claim = *claim;
	event->claim->more_peer = selectors_copy(claim->more_peer);
	event->claim->more_ours = selectors_copy(claim->more_ours);
}

static void on_auth_wanted(void *ctx, ike_handle sa, const struct ike_claim *claim)
{
	keep_claim(add_event(ctx, EVENT_AUTH_WANTED, sa), claim);
}

static void on_child_wanted(void *ctx, ike_handle sa, const struct ike_claim *claim)
{
	keep_claim(add_event(ctx, EVENT_CHILD_WANTED, sa), claim);
}

static void on_sa_up(void *ctx, ike_handle sa, const struct ike_established *up)
{
	struct event *event = add_event(ctx, EVENT_SA_UP, sa);

	event->established = new_zeroed(sizeof(*up));
	*event->established = *up;
}

static void on_child_up(void *ctx, ike_handle sa, uint64_t tag, const struct child_sa *child)
{
	struct opportunism *opp = ctx;
	struct event *event = add_event(opp, EVENT_CHILD_UP, sa);

	event->tag = tag;
	event->spi_in = child->spi_in;
	event->spi_out = child->spi_out;
	event->pair = (struct ip_pair){ child->local.range.first, child->remote.range.first };
	event->reach = new_zeroed(sizeof(*event->reach));
	reach_of_child(event->reach, child);
	event->is_pair = reach_is_pair(event->reach);
	event->path = child->path;
	event->replaces = child->replaces;
	event->start = child->start;
	memcpy(event->mark, child->mark, sizeof(event->mark));
	/* At once: the peer may send as soon as our answer has left (TS-13). */
	opp->engine.add_child(opp->engine.ctx, child);
}

static void on_child_gone(void *ctx, ike_handle sa, uint32_t spi_in, enum ike_reason reason)
{
	struct event *event = add_event(ctx, EVENT_CHILD_GONE, sa);

	event->spi_in = spi_in;
	event->reason = reason;
}

static void on_child_failed(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason,
                            bool proven)
{
	struct event *event = add_event(ctx, EVENT_CHILD_FAILED, sa);

	event->tag = tag;
	event->reason = reason;
	event->is_proven = proven;
}

static void on_child_unrenewed(void *ctx, ike_handle sa, uint32_t spi_in)
{
	add_event(ctx, EVENT_CHILD_UNRENEWED, sa)->spi_in = spi_in;
}

static void on_sa_rekeyed(void *ctx, ike_handle sa)
{
	add_event(ctx, EVENT_SA_REKEYED, sa);
}

static void on_keys_wanted(void *ctx, ike_handle sa, uint64_t tag, const struct ike_id *peer_id)
{
	struct event *event = add_event(ctx, EVENT_KEYS_WANTED, sa);

	event->tag = tag;
	event->id = *peer_id;
}

static void on_refused_unproven(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason)
{
	struct event *event = add_event(ctx, EVENT_REFUSED_UNPROVEN, sa);

	event->tag = tag;
	event->reason = reason;
}

static void on_sa_gone(void *ctx, ike_handle sa, enum ike_reason reason)
{
	add_event(ctx, EVENT_SA_GONE, sa)->reason = reason;
}

static void on_child_moved(void *ctx, uint32_t spi_in, const struct path *path)
{
	struct opportunism *opp = ctx;
	struct child *child = child_find(opp, spi_in);

	if (child != NULL)
		child->gateway = path->remote.address;
	if (child != NULL && sa_find(opp, child->sa) != NULL)
		sa_find(opp, child->sa)->local = path->local.address;
	opp->engine.move_child(opp->engine.ctx, spi_in, path);
}

static struct ike_traffic on_traffic(void *ctx, uint32_t spi_in)
{
	struct opportunism *opp = ctx;
	struct child_use use = opp->engine.child_use(opp->engine.ctx, spi_in);

	return (struct ike_traffic){ use.last_in, use.last_out };
}

static bool wants_rekey(void *ctx, ike_handle sa, uint32_t spi_in)
{
	return child_is_wanted(ctx, spi_in);
}

/* Whoever has the same key is the same, however well the DNS knew it then and now. */
static bool may_replace(void *ctx, ike_handle handle, const struct pubkey *key, ike_handle other)
{
	struct opportunism *opp = ctx;
	const struct peer_sa *newer = sa_find(opp, handle), *older = sa_find(opp, other);
	enum strength strength =
	    newer != NULL ? newer->strength : respond_key_strength(opp, handle);

	return older == NULL || strength >= older->strength ||
	       (key->type != PUBKEY_NONE && pubkey_equal(key, &older->key));
}

static const struct ike_profile *profile_towards(void *ctx, const struct path *path)
{
	const struct opportunism *opp = ctx;

	return conns_profile_towards(&opp->conns, &path->remote.address);
}

static bool wants_certificate(void *ctx, const struct path *path, struct bytes *hashes)
{
	const struct opportunism *opp = ctx;

	*hashes = x509_trust_hashes(opp->trust);
	return opp->trust != NULL && conns_take_certificates(&opp->conns, &path->remote.address);
}

struct ike_owner core_owner(struct opportunism *opp)
{
	return (struct ike_owner){ .ctx = opp,
		                   .profile = profile_towards,
		                   .wants_certificate = wants_certificate,
		                   .auth_wanted = on_auth_wanted,
		                   .child_wanted = on_child_wanted,
		                   .sa_up = on_sa_up,
		                   .child_up = on_child_up,
		                   .child_gone = on_child_gone,
		                   .child_failed = on_child_failed,
		                   .child_unrenewed = on_child_unrenewed,
		                   .sa_rekeyed = on_sa_rekeyed,
		                   .keys_wanted = on_keys_wanted,
		                   .refused_unproven = on_refused_unproven,
		                   .sa_gone = on_sa_gone,
		                   .child_moved = on_child_moved,
		                   .wants_rekey = wants_rekey,
		                   .may_replace = may_replace,
		                   .traffic = on_traffic };
}

/* The negotiation of an IKE SA of ours is over, well or not: those who waited for it go on. */
static void negotiation_over(struct opportunism *opp, ike_handle handle, enum ike_reason reason)
{
	struct peer_sa *sa = sa_find(opp, handle);

	recovery_over(opp, handle);
	/* Those who wait want a child; for them the peer may have another answer. */
	if (sa != NULL && sa->is_recovery)
		reason = IKE_REASON_NONE;
	if (sa != NULL && memory_of(opp, &sa->gateway)->negotiating == handle)
		attempts_resume(opp, &sa->gateway, reason);
}

static void handle_sa_up(struct opportunism *opp, const struct event *event)
{
	const struct ike_established *up = event->established;
	struct peer_sa *sa = sa_add(opp, event->sa, &up->path.remote.address);

	sa->local = up->path.local.address;
	sa->auth = up->peer_auth;
	sa->by_certificate = up->by_certificate;
	sa->key = up->peer_key;
	sa->id = up->peer_id;
	peers_changed(opp);
	if (!up->is_initiator) {
		sa->strength = respond_key_strength(opp, event->sa);
		/* A peer that restarts comes to us while we still try to reach it. */
		if (memory_had_tunnel(memory_of(opp, &sa->gateway), opp->now))
			ike_nudge(opp->ike, &sa->gateway, opp->now);
	}
	sa_is_up(opp, sa);
	gateway_is_back(opp, &sa->gateway);
	log_line(&opp->log, LOG_INFO, "IKE SA with %s up as %s, peer %s, %s",
	         ip_text(&sa->gateway).s, up->is_initiator ? "Initiator" : "Responder",
	         id_text(&sa->id).s,
	         sa->auth == IKE_AUTH_NULL  ? "without proof"
	         : sa->auth == IKE_AUTH_PSK ? "shared secret"
	         : sa->by_certificate       ? "certificate"
	                                    : pubkey_text(&sa->key).s);
	negotiation_over(opp, event->sa, IKE_REASON_NONE);
}

/* Where a new CHILD SA belongs; NULL: nobody wants it (any more). */
static struct flow *flow_of_new_child(struct opportunism *opp, const struct event *event,
                                      enum strength *strength, bool *was_ours)
{
	struct attempt *attempt = attempt_find(opp, event->tag);
	const struct peer_sa *sa = sa_find(opp, event->sa);
	struct conn_state *conn = NULL;
	struct evidence_log evidence;
	struct flow *flow;

	*was_ours = attempt != NULL;
	if (attempt != NULL) {
		bool is_arranged =
		    attempt->flow->conn != NULL && !attempt->flow->conn->is_opportunistic;

		flow = attempt->flow;
		evidence_said(&flow->evidence, attempt->gateway, "tunnel", opp->now);
		*strength = strength_of_trust(attempt->gateway->trust);
		if (sa != NULL && (is_arranged || sa->auth == IKE_AUTH_NULL))
			*strength = sa->by_certificate ? STRENGTH_CERT : strength_of_auth(sa->auth);
		attempt_free(attempt);
		return flow;
	}
	evidence_init(&evidence);
	if (!respond_take_claim(opp, event->sa, event->tag, strength, &conn, &evidence))
		return NULL;
	flow = event->is_pair ? flow_find(opp, &event->pair) : NULL;
	if (flow == NULL && conn != NULL)
		flow = tunnel_of_peer(opp, conn, event->reach);
	if (flow != NULL)
		evidence_move(&flow->evidence, &evidence);
	evidence_wipe(&evidence);
	return flow;
}

/* Nobody knew of it a moment ago, so nothing of it is held. */
static bool is_new_flow(const struct flow *flow)
{
	return flow->state == FLOW_DNS && flow->inquiry == NULL && !flow_waits(flow);
}

/* AUZ-14: it came when another gateway, or somebody with a proof, already carried the pair with
 * more strength. Who is at the same address with another key may be another gateway. */
static bool is_outranked(const struct flow *flow, const struct peer_sa *sa, enum strength strength)
{
	const struct child *child;

	TAILQ_FOREACH (child, &flow->children, in_flow)
		if (flow->tunnel == NULL && strength < child->strength &&
		    (strength == STRENGTH_NULL || !child_is_of_peer(child, sa)))
			return true;
	return false;
}

/* AUZ-14, TRU-5, TRU-9 */
static bool may_have(struct flow *flow, const struct event *event, enum strength strength)
{
	struct opportunism *opp = flow->opp;
	const struct peer_sa *sa = sa_find(opp, event->sa);
	enum flow_reason reason = FLOW_REASON_NONE;

	if (is_outranked(flow, sa, strength))
		return false;
	if (flow->tunnel == NULL && pair_wants_more(opp, &flow->pair, strength))
		reason = FLOW_REASON_TOO_WEAK;
	if (downgrade_forbids_tunnel(opp, flow, sa, strength))
		reason = FLOW_REASON_WAS_PROTECTED;
	if (reason != FLOW_REASON_NONE && flow->state != FLOW_TUNNEL)
		flow->reason = reason;
	if (reason == FLOW_REASON_WAS_PROTECTED && flow->inquiry != NULL)
		flow->inquiry->is_denied = true;
	return reason == FLOW_REASON_NONE;
}

/* What a peer brought and may not have changes nothing for the pair (AUZ-17). */
static void go_on_without(struct flow *flow, bool was_ours)
{
	if (was_ours)
		flow_step(flow);
	else if (is_new_flow(flow))
		flow_end(flow, "its peer may not have it");
}

static bool carries_the_same(const struct flow *flow, const struct event *event)
{
	const struct tunnel *tunnel = flow->tunnel;

	return tunnel == NULL || !tunnel->is_wide || reach_equal(&tunnel->reach, event->reach);
}

static void handle_child_up(struct opportunism *opp, const struct event *event)
{
	enum strength strength = STRENGTH_NONE;
	bool was_ours = false, is_held, is_new;
	struct flow *flow;

	if (event->replaces != 0) {
		flow_replace_child(opp, event);
		return;
	}
	flow = flow_of_new_child(opp, event, &strength, &was_ours);
	if (flow == NULL || !may_have(flow, event, strength)) {
		opp->engine.remove_child(opp->engine.ctx, event->spi_in);
		ike_delete_child(opp->ike, event->sa, event->spi_in, opp->now);
		if (flow != NULL)
			go_on_without(flow, was_ours);
		return;
	}
	is_new = is_new_flow(flow);
	is_held = flow->state == FLOW_DNS || flow->state == FLOW_IKE || flow_is_unconfirmed(flow);
	flow->confirm_due = INSTANT_NEVER;
	if (is_held && !was_ours && !is_new)
		flow->confirm_due =
		    instant_min(instant_after(opp->now, CONFIRM_TIME), flow_budget(flow));
	if (!was_ours && carries_the_same(flow, event) && flow_put_beside(flow, event, strength))
		return;
	child_add(opp, flow, event, was_ours, strength);
	downgrade_note_tunnel(opp, flow, sa_find(opp, event->sa), strength);
	if (flow->tunnel != NULL)
		tunnel_granted(flow, event->reach);
	/* Our own attempt under way is let run out when the peer came first (section 11.1);
	 * questions are not, and the losers of several gateways tried at once are abandoned
	 * (CHS-6). */
	if (was_ours || (flow->inquiry != NULL && !flow->inquiry->is_settled))
		flow_stop_inquiry(flow);
	flow_settle_tunnel(flow, TAILQ_FIRST(&flow->children),
	                   was_ours ? FLOW_REASON_NEGOTIATED : FLOW_REASON_PEER_CAME);
}

static void handle_child_gone(struct opportunism *opp, const struct event *event)
{
	struct child *child = child_find(opp, event->spi_in);

	if (child != NULL)
		flow_child_gone(child->flow, child, event->reason);
	else
		opp->engine.remove_child(opp->engine.ctx, event->spi_in);
}

static void handle_child_failed(struct opportunism *opp, const struct event *event)
{
	struct attempt *attempt = attempt_find(opp, event->tag);
	struct peer_sa *sa = sa_find(opp, event->sa);

	if (sa != NULL)
		log_line(&opp->log, LOG_INFO, "gateway %s: %s", ip_text(&sa->gateway).s,
		         ike_reason_text(event->reason));
	/* The attempt first: it may try again and be waited for by the others. */
	if (sa != NULL && sa->is_recovery && !sa->is_up)
		return; /* sa_gone follows */
	if (sa != NULL && !sa->is_up && memory_of(opp, &sa->gateway)->negotiating == event->sa)
		memory_of(opp, &sa->gateway)->negotiating = 0;
	if (attempt != NULL)
		attempt_failed(attempt, event->reason);
	if (sa != NULL && !sa->is_up && memory_of(opp, &sa->gateway)->negotiating == 0)
		attempts_resume(opp, &sa->gateway, event->reason);
}

static void handle_sa_gone(struct opportunism *opp, const struct event *event)
{
	struct peer_sa *sa = sa_find(opp, event->sa);

	respond_forget_sa(opp, event->sa, event->reason);
	negotiation_over(opp, event->sa, event->reason);
	if (sa == NULL)
		return;
	if (sa->is_up)
		log_line(&opp->log, LOG_INFO, "IKE SA with %s gone, %s", ip_text(&sa->gateway).s,
		         ike_reason_text(event->reason));
	peers_changed(opp);
	sa_forget(opp, sa);
}

static void handle_event(struct opportunism *opp, const struct event *event)
{
	switch (event->kind) {
	case EVENT_AUTH_WANTED:
		respond_auth_wanted(opp, event);
		break;
	case EVENT_CHILD_WANTED:
		respond_child_wanted(opp, event);
		break;
	case EVENT_SA_UP:
		handle_sa_up(opp, event);
		break;
	case EVENT_CHILD_UP:
		handle_child_up(opp, event);
		break;
	case EVENT_CHILD_GONE:
		handle_child_gone(opp, event);
		break;
	case EVENT_CHILD_FAILED:
		handle_child_failed(opp, event);
		break;
	case EVENT_CHILD_UNRENEWED:
		flow_renew_elsewhere(opp, event);
		break;
	case EVENT_SA_REKEYED:
		key_check_start(opp, event->sa);
		break;
	case EVENT_KEYS_WANTED:
		gateway_search_named(opp, event->tag, &event->id);
		break;
	case EVENT_REFUSED_UNPROVEN:
		attempt_refused_unproven(opp, event->tag, event->reason);
		break;
	case EVENT_SA_GONE:
		handle_sa_gone(opp, event);
		break;
	}
}

void core_run_events(struct opportunism *opp)
{
	struct event *event;

	do {
		while ((event = TAILQ_FIRST(&opp->events)) != NULL) {
			TAILQ_REMOVE(&opp->events, event, in_queue);
			handle_event(opp, event);
			event_release(event);
		}
		admission_run(opp);
		core_policy_renew(opp); /* once for all that happened */
	} while (!TAILQ_EMPTY(&opp->events));
}
