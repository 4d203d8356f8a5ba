#pragma once
/*
 * Questions to the DNS by a command, with the resolver and the name servers of the daemon, and as
 * its user: only that one's queries are exempt from the steering.
 */
#include "cli/files.h"
#include "control/plan.h"
#include "opportunism/records.h"

/* A struct gateway (cli/gateway.h) in parts: opportunism has another meaning for that word. */
struct site {
	const struct files *files;
	const struct plan *plan;
	const struct start_users *users;
};

struct asked {
	char name[DNS_NAME_MAX];
	enum dns_type type;
	struct record_set set; /* has_arrived: there was an answer, or its time was over */
};

enum ask_trust { ASK_UNCHECKED, ASK_UNPRIMED, ASK_PRIMED };

/*
 * All at once; ends within ASK_WAIT_S. False: `error` says why nothing could be asked. The sets
 * are the caller's to wipe.
 */
enum { ASK_WAIT_S = 12 };
MUST_USE bool ask_dns(const struct site *site, struct asked *questions, size_t count,
                      enum ask_trust *trust, char *error, size_t size);
