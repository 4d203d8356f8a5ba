/*
 * A gateway that makes one child on an IKE SA, as small implementations do: what it has counts as
 * full.
 */
#include "ike/ike_sa.h"
#include "sim/world.h"

void sim_renew_nothing(struct gateway *gateway)
{
	struct ike *ike = gateway_ike(gateway);
	struct hash_node *node = NULL;

	while ((node = hash_walk(&ike->by_handle, node)) != NULL)
		CONTAINER_OF(node, struct ike_sa, handle_node)->child_count +=
		    2 * IKE_SA_CHILDREN_MAX;
}

bool sim_would_ask_alone(const struct gateway *gateway, const char *from, const char *to)
{
	struct ike *ike = gateway_ike(gateway);
	struct hash_node *node = NULL;

	while ((node = hash_walk(&ike->by_handle, node)) != NULL) {
		const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, handle_node);
		const struct ike_packet *packet = sa->hs == NULL ? NULL : &sa->hs->wish.packet;

		if (packet != NULL && strcmp(ip_text(&packet->source).s, from) == 0 &&
		    strcmp(ip_text(&packet->destination).s, to) == 0)
			return true;
	}
	return false;
}
