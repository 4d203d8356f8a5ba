#pragma once
/*
 * What a conn says of its peer, as the IKE endpoint wants it: a profile.
 */
#include "config/conf.h"
#include "ike/profile.h"

/* What the conn does not say is as in ike_profile_default. */
void profile_of_conn(struct ike_profile *out, const struct conn *conn,
                     const struct conf_setup *setup);
