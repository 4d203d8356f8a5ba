#pragma once
/*
 * The nft program: the only one that ipsec runs, and only while it starts or cleans up.
 */
#include "util/text.h"

/* Feeds `ruleset` to nft, in one transaction. With `only_check` nothing changes. */
MUST_USE bool nft_load(const char *ruleset, bool only_check, char *error, size_t size);
/* Is our table there? Also false when nft cannot say. */
bool nft_has_table(void);
/* Takes our table out, if it is there. */
MUST_USE bool nft_delete_table(char *error, size_t size);
/*
 * A rule of somebody else's that hands forwarded packets to a flowtable, past us: a line of it in
 * `rule`. False if there is none.
 */
bool nft_find_flowtable(char *rule, size_t size);
