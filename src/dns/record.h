#pragma once
/*
 * The records of opportunism: TXT delegations (RFC 4322 section 5.2), IPSECKEY (RFC 4025, RFC 9373)
 * and KEY (RFC 2535 as FreeS/WAN used it), parsed from RDATA into one form.
 */
#include "crypto/pubkey.h"
#include "util/address.h"

enum { DNS_NAME_MAX = 254 }; /* text with dots, without the last one, and a NUL */

enum gateway_kind {
	GATEWAY_NONE,	 /* IPSECKEY gateway type 0: the owner itself */
	GATEWAY_ADDRESS,
	GATEWAY_NAME, /* IPSECKEY type 3 in `name`; TXT's @fqdn (which may only authorise) */
};

struct delegation {
	uint16_t precedence; /* lower is preferred */
	enum gateway_kind kind;
	struct ip address;
	char name[DNS_NAME_MAX]; /* lower case, no final dot */
	bool has_key;
	struct pubkey key;
};

enum record_verdict {
	RECORD_OK,
	RECORD_FOREIGN,	  /* another application's TXT, or an algorithm we skip in silence */
	RECORD_MALFORMED, /* ours, but wrong: not used, worth a log line (TXT-4, IPK-1) */
};

/* `rdata` is the whole TXT RDATA, character strings with their lengths (TXT-1 .. TXT-9). */
MUST_USE enum record_verdict txt_parse(struct bytes rdata, struct delegation *out);
/* IPK-1 .. IPK-6. */
MUST_USE enum record_verdict ipseckey_parse(struct bytes rdata, struct delegation *out);
/* KEY-1; only out->key is set, kind is GATEWAY_NONE. */
MUST_USE enum record_verdict key_parse(struct bytes rdata, struct delegation *out);

/*
 * The RDATA of a delegation, as txt_parse(), ipseckey_parse() and key_parse() read it. False: no
 * room, or the record cannot say that (TXT and KEY hold RSA keys only, TXT always names a gateway,
 * an IPSECKEY precedence ends at 255).
 */
MUST_USE bool txt_write(const struct delegation *delegation, struct writer *out);
MUST_USE bool ipseckey_write(const struct delegation *delegation, struct writer *out);
MUST_USE bool key_write(const struct pubkey *key, struct writer *out);
/* Room that is enough for any of them. */
enum { RDATA_MAX = 2048 };

/* d.c.b.a.in-addr.arpa, or 32 nibbles and ip6.arpa (RFC 1035 section 3.5, RFC 3596 section 2.5). */
struct dns_name {
	char s[DNS_NAME_MAX];
};
struct dns_name reverse_name(const struct ip *address);

/* Letters, digits, hyphens, underscores and dots; labels of 1..63; lower-cased into `out`. */
MUST_USE bool dns_name_normalise(struct bytes text, char out[DNS_NAME_MAX]);
