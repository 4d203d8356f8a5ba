#pragma once
/*
 * One libunbound context with our settings: validating or not, over the configured forwarders.
 */
#include <event2/event.h>
#include <unbound.h>

#include "resolver/resolver.h"

/* Runs in `base`'s thread from the first question on. NULL: `error` says why. */
struct ub_ctx *upstream_new(const struct resolver_settings *settings, bool is_validating,
                            struct event_base *base, char *error, size_t size);

/* Name of the first anchor, as text without the final dot ("" is the root). False: no anchor. */
MUST_USE bool anchor_owner(const char *anchors, char out[DNS_NAME_MAX]);
