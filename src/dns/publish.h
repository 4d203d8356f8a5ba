#pragma once
/*
 * Zone lines for a host key, as an administrator pastes them into a zone (ipsec showhostkey).
 *
 *      ; RSA 3072 bits   west.example.net   Mon Nov 23 09:00:00 2026
 *      <tab>IN KEY 16896 4 1 AwEAAd...
 *      <tab>IN TXT "X-IPsec-Server(10)=192.0.2.1 AwEAAd..." "..."
 *      <tab>IN IPSECKEY 10 1 4 192.0.2.1 11qYAYKx...
 *      <tab>IN TYPE45 \# 39 0a0104c0000201d75a98...
 *
 * A line without owner starts with a tab and so belongs to the owner above it in the zone; `owner`
 * may be NULL for that, else it is printed as given. Every function appends one whole line to
 * `out`; it returns false and appends nothing when the record cannot say that: see dns/record.h.
 */
#include "dns/answer.h"
#include "dns/record.h"
#include "util/text.h"

void publish_comment(struct text *out, const struct pubkey *key, const char *host,
                     const char *date);
/* Flags in decimal: NSD and Knot refuse the hexadecimal form, BIND takes both. */
MUST_USE bool publish_key(struct text *out, const char *owner, const struct pubkey *key);
/* Strings of at most 255 octets each (RFC 1035 section 3.3). */
MUST_USE bool publish_txt(struct text *out, const char *owner, const struct delegation *delegation);
/* A line for the peer's ipsec.conf, "leftrsasigkey=0s..." (RFC 3110) or "leftsigkey=0s..."
 * (SubjectPublicKeyInfo); `end` is "left" or "right". */
MUST_USE bool publish_conf(struct text *out, const char *end, const struct pubkey *key);
/* RFC 4025 section 3. */
MUST_USE bool publish_ipseckey(struct text *out, const char *owner,
                               const struct delegation *delegation);
/* The same records for a server that does not know the type, or IPSECKEY algorithm 4 (RFC 3597
 * section 5); of `delegation` KEY takes the key alone. */
MUST_USE bool publish_generic(struct text *out, const char *owner, enum dns_type type,
                              const struct delegation *delegation);
