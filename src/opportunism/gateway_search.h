#pragma once
/*
 * What the DNS is asked about a gateway while it is tried: its address, where the record has no
 * more than a name (IPK-5), and its keys, where the record has none: at its address, and where
 * there are none at the name that it gives itself.
 *
 * The attempt goes on, or fails, when the answers are in.
 */
#include "opportunism/flow.h"

/* Before anything is asked. */
void gateway_search_init(struct attempt *attempt);
void gateway_search_address(struct attempt *attempt);
/* Are there keys to be found, that nobody looks for yet? */
bool gateway_search_lacks_keys(const struct attempt *attempt);
void gateway_search_keys(struct attempt *attempt);
/* The peer has said who it is, and its keys are still missing. */
void gateway_search_named(struct opportunism *opp, uint64_t tag, const struct ike_id *id);
/* Nobody waits for the answers any more, and IKE is told so. */
void gateway_search_stop(struct attempt *attempt);
