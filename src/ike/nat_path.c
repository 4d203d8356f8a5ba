#include "ike/nat_path.h"

#include "ike/liveness.h"
#include "ike/peers.h"

static const struct duration quiet_max = SECONDS(20);

void nat_path_start(struct ike_sa *sa, struct instant now)
{
	sa->keepalive = instant_after(now, quiet_max);
}

struct instant nat_path_due(const struct ike_sa *sa)
{
	return sa->state == IKE_SA_UP && sa->nat.we_behind_nat ? sa->keepalive : INSTANT_NEVER;
}

void nat_path_on_deadline(struct ike_sa *sa, struct instant now)
{
	const struct ike_ports *ports = &sa->ike->ports;
	struct instant due = instant_after(liveness_traffic(sa).last_out, quiet_max);

	sa->keepalive = instant_after(now, quiet_max);
	if (!instant_reached(due, now))
		sa->keepalive = due;
	else if (sa->child_count > 0 && ports->keepalive != NULL)
		ports->keepalive(ports->ctx, &sa->path);
}

static void move_children(struct ike_sa *sa)
{
	const struct ike_owner *owner = &sa->ike->owner;

	for (const struct child *child = sa->children; child != NULL; child = child->next) {
		if (!child->is_deleting && owner->child_moved != NULL)
			owner->child_moved(owner->ctx, child->spi_in, &sa->path);
	}
}

void nat_path_follow(struct ike_sa *sa, const struct path *path)
{
	const struct ip *was = &sa->path.remote.address;

	/* Not back to a port where no UDP goes around ESP (NAT-8). */
	if (path->local.port != sa->path.local.port &&
	    path->local.port != sa->ike->settings.nat_port)
		return;
	/* Where no NAT is, nothing moves by itself: whoever is quicker with a captured datagram
	 * would draw the traffic to an address of his own. */
	if (endpoint_equal(&path->remote, &sa->path.remote) || sa->nat.we_behind_nat ||
	    !sa->nat.peer_behind_nat || sa->state != IKE_SA_UP ||
	    path->remote.address.family != was->family)
		return;
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: the peer is at %s now",
	         endpoint_text(&sa->path.remote).s, endpoint_text(&path->remote).s);
	peers_move(sa, &path->remote);
	sa->path.local = path->local;
	if (sa->path.local.port == sa->ike->settings.nat_port)
		move_children(sa);
}
