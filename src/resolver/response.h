#pragma once
/*
 * One DNS response (RFC 1035 section 4), read for the records at the end of its CNAME chain.
 *
 * Counted are records of class IN whose owner is the name asked for, or what CNAMEs of this same
 * response make of it (DNS-3, DNS-4). A DNAME comes with the CNAME it means.
 */
#include "dns/answer.h"
#include "dns/record.h"

/* What goes beyond these bounds is left out. */
enum { RESPONSE_RECORDS_MAX = 64, RESPONSE_LINKS_MAX = 10 };

struct response {
	enum dns_status status; /* FOUND, NO_DATA, NO_NAME or FAILED */
	uint32_t ttl_s;         /* smallest of the chain, or the negative TTL; 0 if unknown */
	struct bytes rdata[RESPONSE_RECORDS_MAX]; /* views into the packet */
	size_t count;
};

/* False: it is no response that could be read. */
MUST_USE bool response_parse(struct bytes packet, const char *name, enum dns_type type,
                             struct response *out);
