#pragma once
/*
 * Files of policy groups, ipsec.d/policies/NAME: remote addresses, one entry a line.
 *
 *      CIDR|ADDR|ADDR-ADDR|NAME [PROTO [PORT|PORT-PORT]]        # comment
 *
 * PORT is the remote one. A NAME stands for its addresses and is resolved while the gateway runs.
 */
#include "util/address.h"

struct conf_messages;

/* Of one file; more are an error that says so. */
enum { POLICY_ENTRIES_MAX = 100000 };

struct policy_entry {
	struct ip_range range;  /* first.family IP_NONE: of a name */
	char *name;             /* normalised, or NULL; owned */
	struct traffic traffic; /* zero: all */
	unsigned line;
};

struct policy_entries {
	struct policy_entry *list;
	size_t count;
};

/*
 * Appends the entries of one file to `out`; the caller wipes it. False: `messages` says what is
 * wrong with each line that is not understood; those that are stand in `out` all the same.
 */
MUST_USE bool policies_parse(struct policy_entries *out, const char *file, struct bytes text,
                             struct conf_messages *messages);
void policy_entries_copy(struct policy_entries *out, const struct policy_entries *entries);
void policy_entries_wipe(struct policy_entries *entries);

/* "198.51.100.0/24 tcp 80-90", as an entry says it. */
struct policy_entry_text {
	char s[400];
};
struct policy_entry_text policy_entry_text(const struct policy_entry *entry);
/* "tcp 80"; "" for all traffic. */
struct traffic_text {
	char s[32];
};
struct traffic_text traffic_text(const struct traffic *traffic);
