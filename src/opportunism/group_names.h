#pragma once
/*
 * Names in files of policy groups (POL-6): each stands for its addresses, is looked up when the
 * files are read and again when the TTL is over. What cannot be resolved is reported, and what was
 * known of it stays: silence and absence may be forged, and would open what is private.
 */
#include "opportunism/core.h"

/* After a change of the conns: their names are known as far as they were, the rest is asked. */
void group_names_take(struct opportunism *opp);
/* Names have other addresses than before: the conns know them from now on. */
void group_names_refill(struct opportunism *opp);
/* Which of the conns' `named` give way to what is closed; told once for each name. */
void group_names_tell(struct opportunism *opp, const bool *gives_way);
void group_names_free(struct opportunism *opp);
