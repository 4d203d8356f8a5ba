/*
 * What a flow does next: a decision over plain evidence, so that every combination can be tested.
 */
#include "opportunism/flow.h"

enum flow_step flow_decide(const struct evidence *e)
{
	if (e->tunnel_up)
		return FLOW_STEP_TUNNEL;
	if (e->out_of_time)
		return FLOW_STEP_SHUNT; /* no stuck flow: silence is an answer too */
	if (!e->dns_settled)
		return FLOW_STEP_WAIT;
	if (e->denied)
		return FLOW_STEP_SHUNT;
	if (e->gateways_left && (e->attempts_running == 0 || e->next_gateway_due))
		return FLOW_STEP_TRY_NEXT_GATEWAY;
	return e->attempts_running > 0 ? FLOW_STEP_WAIT : FLOW_STEP_SHUNT;
}
