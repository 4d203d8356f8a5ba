#pragma once
/*
 * Where decrypted packets for the inside may go: to a route of their own, never along the default
 * route. When the inside interface goes down its route goes with it, and what came out of a tunnel
 * would leave by the uplink, in the clear.
 *
 * Two routing rules for each inside range, for packets from ipsec0 alone: the main table without
 * its default route, then a blackhole. They stand right before the main table, so that routes in
 * others' tables count. Without the device they match nothing.
 */
#include "engine/steering/rtnl.h"
#include "engine/steering/steering.h"

/* Those for s->routed that are missing. 0 or an errno. */
int inside_rules_add(struct rtnl *r, const struct steering_settings *s, bool *has_changed);
/* Those for one range; what is not there is no failure. */
void inside_rules_remove(struct rtnl *r, const struct steering_settings *s,
                         const struct ip_range *range);
/* Whatever there is, also of another run. */
void inside_rules_remove_all(struct rtnl *r, const struct steering_settings *s);
