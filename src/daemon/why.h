#pragma once
/* "why" and "try" of the control socket: what is known of one pair, as JSON (doc/json.md). */
#include "daemon/daemon.h"

json_t *why_json(struct daemon *d, const json_t *request, struct text *error);
/* Decides the pair now; {source, destination} to ask about. */
json_t *why_try(struct daemon *d, const json_t *request, struct text *error);
