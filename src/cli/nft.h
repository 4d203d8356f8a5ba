#pragma once
/*
 * The nft program: the only one that ipsec runs, and only while it starts or cleans up.
 */
#include "util/text.h"

/* Feeds `ruleset` to nft, in one transaction. With `only_check` nothing changes. */
MUST_USE bool nft_load(const char *ruleset, bool only_check, char *error, size_t size);
/* The table that was loaded is whole by now: nothing waits for it any more. */
MUST_USE bool nft_end_change(char *error, size_t size);
/* Is our table there? Also false when nft cannot say. */
bool nft_has_table(void);
/* All rules of everybody, as nft writes them; nothing if it cannot. The caller frees. */
void nft_list(struct text *out);
/* Takes our table out, if it is there. */
MUST_USE bool nft_delete_table(char *error, size_t size);
/* False if a rule of somebody else's hands forwarded packets to a flowtable, past all our chains.
 */
MUST_USE bool nft_check_flowtables(char *error, size_t size);
