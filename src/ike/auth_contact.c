#include "ike/auth_contact.h"

#include "ike/peers.h"

bool contact_is_first(const struct ike_sa *sa)
{
	const struct ike_sa *other = peers_first_at(sa->ike, &sa->path.remote.address);

	if (!sa->profile->unique)
		return false;
	for (; other != NULL; other = peers_next_at(other)) {
		if (other != sa && other->state != IKE_SA_DEAD)
			return false;
	}
	return true;
}

static bool may_replace(const struct ike_sa *sa, const struct ike_sa *other)
{
	const struct ike_owner *owner = &sa->ike->owner;

	return other != sa && other->state == IKE_SA_UP && other->up_since.ns < sa->created.ns &&
	       (owner->may_replace == NULL ||
	        owner->may_replace(owner->ctx, sa->handle, &sa->hs->peer_key, other->handle));
}

void contact_drop_others(struct ike_sa *sa)
{
	struct ike_sa *other;

	/* NUL-3: a peer that has proven nothing replaces nobody. Nor are all of them looked at, who
	 * have one name. */
	if (!sa->profile->unique || sa->peer_auth == IKE_AUTH_NULL)
		return;
	for (other = peers_first_named(sa); other != NULL; other = peers_next_named(other)) {
		if (may_replace(sa, other))
			ike_sa_end(other, IKE_REASON_REPLACED, true);
	}
}
