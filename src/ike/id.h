#pragma once
/* Identities (RFC 7296 section 3.5). */
#include "util/address.h"

/* Numbers of the IANA registry. */
enum id_type {
	ID_NONE = 0,
	ID_IPV4_ADDR = 1,
	ID_FQDN = 2,
	ID_RFC822_ADDR = 3,
	ID_IPV6_ADDR = 5,
	ID_DER_ASN1_DN = 9,
	ID_KEY_ID = 11,
	ID_NULL = 13
};

enum { ID_DATA_MAX = 255 };

struct ike_id {
	uint8_t type; /* enum id_type */
	uint8_t len;
	uint8_t data[ID_DATA_MAX];
};

/* Body of an ID payload after its generic header. False: refuse (PLD-26). The reserved octets enter
 * the AUTH computation, so the caller keeps the body as it came. */
MUST_USE bool id_parse(struct bytes body, struct ike_id *out);
void id_write(struct writer *w, const struct ike_id *id);

struct ike_id id_of_ip(const struct ip *address);
struct ike_id id_null(void);
struct ike_id id_of_fqdn(const char *name); /* without the @ */
/* ID_NONE if they are too many or none. */
struct ike_id id_of_octets(enum id_type type, struct bytes octets);
/* What is kept of an identity for long: its type and its octets, no more. The caller frees. */
struct buf id_keep(const struct ike_id *id);
/* ID_NONE of an empty one. */
struct ike_id id_kept(const struct buf *kept);
/* FQDN without regard to case and one final dot, addresses and the rest octet by octet (AUT-11).
 * Nobody is the same as anybody (ID_NULL, NUL-3). */
bool id_equal(const struct ike_id *a, const struct ike_id *b);
/* IP_NONE unless it is an address identity of the right length. */
struct ip id_address(const struct ike_id *id);
/* "192.0.2.1", "@west.example.net", "user@example.net", "@#hex", "%null"; strange octets print as
 * '?'. */
struct id_text {
	char s[2 * ID_DATA_MAX + 8];
};
struct id_text id_text(const struct ike_id *id);
