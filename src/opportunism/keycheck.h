#pragma once
/*
 * When an IKE SA was rekeyed, the keys of its peer are looked up again: one that was withdrawn since
 * proves nothing any more (TTL-3). The IKE SA goes, or those tunnels for which no record has the key.
 */
#include "opportunism/core.h"

struct key_check;

void key_check_start(struct opportunism *opp, ike_handle sa);
void key_checks_forget(struct opportunism *opp);
