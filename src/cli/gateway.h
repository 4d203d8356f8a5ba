#pragma once
/* The configuration, read and laid on this machine: what start, stop and checkconfig work with. */
#include "cli/files.h"
#include "control/plan.h"

struct gateway {
	struct files files;
	struct start_users users;
	struct plan plan;
};

enum gateway_purpose {
	GATEWAY_CHECK,
	GATEWAY_START, /* mistakes in files of policies make it makeshift (config/groups.h) */
	GATEWAY_STEER, /* the same, and this machine may have no addresses yet: what is for its own
	                * addresses is then for any */
};

/*
 * Reads and checks everything, host keys too, and touches nothing. Every error is told. False:
 * nothing is to be wiped.
 */
MUST_USE bool gateway_read(const struct cli *cli, enum gateway_purpose purpose,
                           struct gateway *out);
/* The same without secrets: enough to know what must stay blocked. */
MUST_USE bool gateway_read_conf(const struct cli *cli, struct gateway *out);
void gateway_wipe(struct gateway *gateway);
/* The directory of the running daemon, as a whole path. */
void gateway_rundir(const struct cli *cli, char *out, size_t size);
