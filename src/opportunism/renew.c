/*
 * A peer that makes one child on an IKE SA and renews nothing (RFC 7296 section 4): another IKE SA
 * begins with the child that takes over, and the old one goes with its last (TS-16).
 *
 *   old child ----sends--------------------------------x receives ... Delete, IKE SA too
 *   NO_ADDITIONAL_SAS -> DNS -> IKE_SA_INIT, IKE_AUTH -> new child sends
 *
 * The tunnel stands meanwhile. It is a new SA, so the DNS has to say once more who may speak for the
 * Destination; where it does not, or the peer does not answer, the old child lives to its end, and
 * the packet after that asks anew.
 */
#include <stdlib.h>

#include "opportunism/flow.h"

enum slot { SLOT_IPSECKEY, SLOT_TXT };

static void give_up(struct flow *flow, const char *why)
{
	log_line(&flow->opp->log, LOG_INFO, "flow %s: not renewed, %s", flow_text(flow).s, why);
	flow_stop_inquiry(flow);
}

static void begin(struct flow *flow)
{
	flow->inquiry->is_settled = true;
	flow_try_next_gateway(flow);
	flow_step(flow);
}

/* The gateway it has is as good as any. */
static size_t present_gateway(const struct flow *flow)
{
	const struct child *child = TAILQ_FIRST(&flow->children);
	const struct gateways *gateways = &flow->inquiry->gateways;

	for (size_t i = 0; i < gateways->count; i++)
		if (ip_equal(&gateways->list[i].address, &child->gateway))
			return i;
	return 0;
}

static void on_answer(struct lookup_client *client, unsigned slot, const struct dns_answer *answer)
{
	struct inquiry *inquiry = CONTAINER_OF(client, struct inquiry, client);
	struct flow *flow = inquiry->flow;
	struct discovery_rules rules = flow_discovery_rules(flow);
	enum flow_reason reason = FLOW_REASON_NONE;

	if (slot == SLOT_IPSECKEY)
		record_set_read(&inquiry->discovery.ipseckey, DNS_TYPE_IPSECKEY, answer);
	else
		record_set_read(&inquiry->discovery.txt, DNS_TYPE_TXT, answer);
	if (client->pending > 0)
		return;
	rules.grace_is_over = true;
	if (discovery_decide(&inquiry->discovery, &rules, &inquiry->gateways, &reason) !=
	    DISCOVERY_GATEWAYS)
		return give_up(flow, flow_reason_text(reason));
	inquiry->next_gateway = present_gateway(flow);
	begin(flow);
}

static void ask(struct flow *flow)
{
	struct lookups *lookups = &flow->opp->lookups;
	struct dns_name name = reverse_name(&flow->pair.destination);
	struct inquiry *inquiry = flow->inquiry;

	lookup_start(lookups, &inquiry->client, SLOT_IPSECKEY, name.s, DNS_TYPE_IPSECKEY);
	lookup_start(lookups, &inquiry->client, SLOT_TXT, name.s, DNS_TYPE_TXT);
}

/* Who was not found in the DNS: at the same place, by the same key. */
static void take_peer(struct flow *flow, const struct peer_sa *sa)
{
	struct gateways *gateways = &flow->inquiry->gateways;

	gateways->count = 1;
	gateways->list[0] = (struct gateway){ .address = TAILQ_FIRST(&flow->children)->gateway,
		                              .trust = DNS_INSECURE };
	if (sa->auth == IKE_AUTH_SIGNATURE && !sa->by_certificate)
		gateway_add_key(&gateways->list[0], &sa->key);
}

static struct inquiry *inquiry_new(struct flow *flow)
{
	struct inquiry *inquiry = new_zeroed(sizeof(*inquiry));

	inquiry->flow = flow;
	inquiry->client.on_answer = on_answer;
	inquiry->first_usable = INSTANT_NEVER;
	inquiry->next_due = INSTANT_NEVER;
	LIST_INIT(&inquiry->client.lookups);
	LIST_INIT(&inquiry->attempts);
	return inquiry;
}

void flow_renew_elsewhere(struct opportunism *opp, const struct event *event)
{
	struct child *child = child_find(opp, event->spi_in);
	struct peer_sa *sa = sa_find(opp, event->sa);
	struct flow *flow = child == NULL ? NULL : child->flow;

	if (flow == NULL || sa == NULL || sa->is_gone || opp->is_shutting_down)
		return;
	sa->is_leaving = true;
	/* One that only receives is not needed; what is under way may bring another already. */
	if (TAILQ_FIRST(&flow->children) != child || flow->state != FLOW_TUNNEL ||
	    flow->conn == NULL || flow->inquiry != NULL)
		return;
	log_line(&opp->log, LOG_INFO, "flow %s: its gateway renews on a new IKE SA only",
	         flow_text(flow).s);
	flow->inquiry = inquiry_new(flow);
	if (flow->conn->is_opportunistic && flow->conn->theirs.auth != CONN_NULL)
		return ask(flow);
	take_peer(flow, sa);
	begin(flow);
}
