#pragma once
/*
 * What the resolver says to one question, with the trust it deserves.
 */
#include "util/bytes.h"

/* Numbers of the IANA registry. */
enum dns_type { DNS_TYPE_A = 1, DNS_TYPE_TXT = 16, DNS_TYPE_KEY = 25, DNS_TYPE_AAAA = 28, DNS_TYPE_IPSECKEY = 45 };

enum dns_status {
	DNS_FOUND,    /* records of the type asked for */
	DNS_NO_DATA,  /* the name exists, no such record */
	DNS_NO_NAME,  /* NXDOMAIN */
	DNS_FAILED,   /* SERVFAIL and its like, or the resolver could not ask */
	DNS_TIMED_OUT /* nobody answered in time */
};

/* RFC 4035 section 4.3; what is not covered by an anchor counts as insecure. */
enum dns_trust { DNS_INSECURE, DNS_SECURE, DNS_BOGUS };

struct dns_answer {
	enum dns_status status;
	enum dns_trust trust;
	uint32_t ttl_s; /* smallest of the chain, or the negative TTL; 0 if unknown */
	const struct bytes *rdata; /* `count` records, borrowed */
	size_t count;
};

const char *dns_status_name(enum dns_status status);
const char *dns_trust_name(enum dns_trust trust);
