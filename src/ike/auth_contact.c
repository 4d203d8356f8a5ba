#include "ike/auth_contact.h"

bool contact_is_first(const struct ike_sa *sa)
{
	const struct ike *ike = sa->ike;
	struct hash_node *node = NULL;

	while ((node = hash_walk(&ike->by_handle, node)) != NULL) {
		const struct ike_sa *other = CONTAINER_OF(node, struct ike_sa, handle_node);

		if (other != sa && other->state != IKE_SA_DEAD &&
		    ip_equal(&other->path.remote.address, &sa->path.remote.address))
			return false;
	}
	return true;
}

void contact_drop_others(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;
	struct hash_node *node = hash_walk(&ike->by_handle, NULL);

	while (node != NULL) {
		struct ike_sa *other = CONTAINER_OF(node, struct ike_sa, handle_node);

		node = hash_walk(&ike->by_handle, node);
		if (other != sa && other->state == IKE_SA_UP &&
		    other->up_since.ns < sa->created.ns &&
		    id_equal(&other->peer_id, &sa->peer_id) &&
		    id_equal(&other->local_id, &sa->local_id))
			ike_sa_end(other, IKE_REASON_REPLACED, true);
	}
}
