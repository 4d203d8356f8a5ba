#pragma once
/*
 * Who we are: which host key signs, by what the DNS says of our own names (OIN-3, OIN-4). A key
 * that nobody can look up proves nothing, so a published one goes first.
 */
#include "opportunism/core.h"

struct self_place;

/* Asks for our own records, now and every hour: each outer address and each leftid=@fqdn of a
 * conn. */
void self_look(struct opportunism *opp);
void self_forget(struct opportunism *opp);
