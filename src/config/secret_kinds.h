#pragma once
/* Kinds of secrets: what stands behind the colon of an entry in ipsec.secrets. */
#include "config/secret_scan.h"

/* The kind and its secret. False: it was said why; what was read is still to be wiped. */
MUST_USE bool secret_read(struct scan *s, struct secret_entry *e);
void secret_entry_wipe(struct secret_entry *e);
