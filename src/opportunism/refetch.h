#pragma once
/*
 * A signature that fits none of the published keys may be one of a key that took over since we
 * asked: the records are fetched once more, past the cache, before the gateway counts as an
 * impostor (OIN-8).
 */
#include "opportunism/flow.h"

struct refetch;

/* False: that was done for this attempt already, or its keys are not the DNS's to say. Else the
 * attempt goes on, or fails, when the answers are in. */
bool refetch_start(struct attempt *attempt);
void refetch_stop(struct attempt *attempt);
