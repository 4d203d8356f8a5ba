#pragma once
/*
 * One libunbound context with our settings: validating or not, over the configured forwarders. FRESH: for
 * a few questions only.
 */
#include <event2/event.h>
#include <unbound.h>

#include "resolver/resolver.h"

enum upstream_kind { UPSTREAM_PLAIN, UPSTREAM_VALIDATING = 1, UPSTREAM_FRESH = 2 };

/* Runs in `base`'s thread from the first question on. NULL: `error` says why. */
struct ub_ctx *upstream_new(const struct resolver_settings *settings, unsigned kind,
                            struct event_base *base, char *error, size_t size);

/* Name of the first anchor, as text without the final dot ("" is the root). False: no anchor. */
MUST_USE bool anchor_owner(const char *anchors, char out[DNS_NAME_MAX]);
