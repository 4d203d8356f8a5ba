#pragma once
/*
 * Domain names between wire form and text. dns/record.h has what other folders need.
 */
#include "dns/record.h"

enum { NAME_LABEL_MAX = 63, NAME_WIRE_MAX = 255 };

/*
 * One uncompressed name (RFC 4025 section 2.5 forbids compression there). False: cut off, a
 * compression pointer, the root, or octets that dns_name_normalise() refuses.
 */
MUST_USE bool name_read(struct reader *r, char out[DNS_NAME_MAX]);
/* `name` as dns_name_normalise() made it. */
void name_write(struct writer *w, const char *name);
