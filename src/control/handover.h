#pragma once
/*
 * What is handed over of ipsec.secrets: the secrets to the signer, everything else to the daemon.
 *
 * The signer gets a sealed file (control/sealed.h) of ADD frames and one COMMIT, as
 * crypto/signer_wire.h says. It goes through the daemon as a token, which the daemon cannot read.
 */
#include <jansson.h>

#include "config/secrets.h"

/* The frames, sealed. -1: `error` says why. */
int handover_secrets(const struct secrets *secrets, char *error, size_t size);

/* The same entries without their secrets: [{"kind", "next", "ids", "file", "line"}]. */
json_t *handover_describe(const struct secrets *secrets);
/* False: it is no such description; `out` is empty then. The caller wipes it. */
MUST_USE bool handover_described(const json_t *json, struct secrets *out);
