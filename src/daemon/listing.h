#pragma once
/* What the daemon knows, as JSON (doc/json.md). */
#include "daemon/daemon.h"

json_t *listing_status(struct daemon *d);
/* One row of it. */
json_t *listing_eroute(const struct eroute_view *view, struct instant now);
json_t *listing_eroutes(struct daemon *d);
json_t *listing_ike_sas(struct daemon *d);
json_t *listing_conns(struct daemon *d);
