#pragma once
/*
 * Whom somebody will ask the DNS about because of us: ourselves, by our name or our addresses, and
 * the hosts that we speak for, as far as they are in sight: those of the smallest ranges, and those
 * that this machine has seen on its links.
 */
#include "dns/record.h"
#include "opportunism/conns.h"

enum { SUBJECTS_MAX = 80 }; /* the rest is left out, and that is told */

struct subject {
	struct ip address; /* IP_NONE: the name */
	char name[DNS_NAME_MAX];
	bool is_self;
};

struct subjects {
	const struct own_addresses *own;
	char fqdn[DNS_NAME_MAX]; /* leftid=@fqdn, or "" */
	struct subject list[SUBJECTS_MAX];
	size_t count;
	bool is_cut;
	bool lacks_inside; /* there are hosts that we speak for, and none is in sight */
};

/* `hosts`: in place of those in sight, where there are any. Borrows `own`. */
void subjects_choose(struct subjects *s, const struct conf *conf, const struct own_addresses *own,
                     const struct ip *hosts, size_t host_count);
