#pragma once
/* What a hostile peer says, for tests: exchanges there are and are not, and inner payloads that
 * make no sense, or the wrong one. */
#include "ike/message.h"

static const uint8_t exchanges[] = { 34, 35, 36, 37, 0, 38, 43, 44, 255 };

struct inner {
	uint8_t first;
	struct bytes text;
};

#define TEXT(s)                                     \
	{                                           \
		(const uint8_t *)(s), sizeof(s) - 1 \
	}

static const struct inner inners[] = {
	{ PAYLOAD_NONE, TEXT("") },
	{ PAYLOAD_NONE, TEXT("left over") },
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x40\0\0\0\x18") },
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\3") },
	{ 200, TEXT("\0\x80\0\4") },
	{ 200, TEXT("\0\0\0\4") },
	{ PAYLOAD_DELETE, TEXT("\0\0\0\x08\1\0\0\0") },
	{ PAYLOAD_DELETE, TEXT("\0\0\0\x0c\3\4\0\1\0\0\x20\1") },
	{ PAYLOAD_DELETE, TEXT("\0\0\0\x0c\3\4\0\1\xff\xff\xff\xff") },
	{ PAYLOAD_DELETE, TEXT("\0\0\0\x0c\3\4\0\2\0\0\0\0") },
	{ PAYLOAD_DELETE, TEXT("\0\0\0\x0c\1\4\0\1\0\0\0\0") },
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\0\x18") },             /* AUTHENTICATION_FAILED */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\0\x07") },             /* INVALID_SYNTAX */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\0\x0e") },             /* NO_PROPOSAL_CHOSEN */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\0\x2b") },             /* TEMPORARY_FAILURE */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\x1f\xff") },           /* an error nobody knows */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x08\0\0\x7f\xff") },           /* a status nobody knows */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x0a\0\0\0\x11\0\x0e") },       /* INVALID_KE_PAYLOAD: MODP */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x09\0\0\0\x11\0") },           /* the same, too short */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x0c\3\4\x40\x09\0\0\1\1") },   /* REKEY_SA of nothing */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x0a\0\0\x40\x06xy") },         /* COOKIE */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x0c\0\0\x40\x01\0\0\0\x40") }, /* SET_WINDOW_SIZE */
	{ PAYLOAD_NOTIFY, TEXT("\0\0\0\x0c\0\0\0\x09\0\0\0\x07") },   /* INVALID_MESSAGE_ID */
	{ PAYLOAD_NONCE, TEXT("\0\0\0\x14"
	                      "0123456789abcdef") },
	{ PAYLOAD_NONCE, TEXT("\x28\0\0\x14"
	                      "0123456789abcdef"
	                      "\0\0\0\x14"
	                      "0123456789abcdef") },
	{ PAYLOAD_SA, TEXT("\0\0\0\4") },
	{ PAYLOAD_SA, TEXT("\x28\0\0\4"
	                   "\0\0\0\x14"
	                   "0123456789abcdef") },
	{ PAYLOAD_SA, TEXT("\x28\0\0\x10\0\0\0\x0c\1\3\4\0\0\0\0\0"
	                   "\x2c\0\0\x14"
	                   "0123456789abcdef"
	                   "\x2d\0\0\x08\0\0\0\0"
	                   "\0\0\0\x08\0\0\0\0") },
	{ PAYLOAD_ID_I, TEXT("\x27\0\0\x0c\1\0\0\0\xc0\0\2\1"
	                     "\0\0\0\x0c\2\0\0\0AUTH") },
	{ PAYLOAD_ID_R, TEXT("\x27\0\0\x0c\1\0\0\0\xc6\x33\x64\2"
	                     "\0\0\0\x0c\2\0\0\0AUTH") },
	{ PAYLOAD_ID_I, TEXT("\0\0\0\x05\1") },
	{ PAYLOAD_AUTH, TEXT("\0\0\0\x05\1") },
	{ PAYLOAD_TS_I, TEXT("\0\0\0\x08\xff\0\0\0") },
	{ PAYLOAD_SK, TEXT("\0\0\0\4") },
	{ PAYLOAD_SKF, TEXT("\0\0\0\x08\0\1\0\1") },
	{ PAYLOAD_EAP, TEXT("\0\x80\0\4") },
};
