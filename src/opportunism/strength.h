#pragma once
/* How well a peer is known, weakest first: what a firewall and a listing are told of a tunnel. */

enum strength {
	STRENGTH_NONE, /* no tunnel */
	STRENGTH_NULL, /* anybody */
	STRENGTH_DNS,
	STRENGTH_DNSSEC,
	/* Prearranged. */
	STRENGTH_PSK,
	STRENGTH_CERT,
	STRENGTH_RAWKEY
};
enum { STRENGTH_COUNT = STRENGTH_RAWKEY + 1 };

const char *strength_name(enum strength strength);
