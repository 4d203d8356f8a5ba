#pragma once
/*
 * One DNS answer, read into delegations: what is usable, what was malformed, how far to trust it.
 */
#include "dns/answer.h"
#include "dns/record.h"

struct record_set {
	bool has_arrived;
	enum dns_status status;
	enum dns_trust trust;
	uint32_t ttl_s;
	unsigned malformed;         /* records with our name or type that do not parse */
	struct delegation *records; /* at most RECORDS_MAX, owned */
	size_t count;
};

/* An answer of another type than IPSECKEY, TXT and KEY holds no records. */
void record_set_read(struct record_set *set, enum dns_type type, const struct dns_answer *answer);
/* Nobody answered in our time. */
void record_set_time_out(struct record_set *set);
void record_set_wipe(struct record_set *set);

/* The weaker of two trusts; bogus is weakest. */
enum dns_trust trust_min(enum dns_trust a, enum dns_trust b);
