#pragma once
/*
 * Numbers of the IANA registry "IKEv2 Parameters", each with its name for logs.
 */
#include "util/bytes.h"

#define IKE_EXCHANGES(X)        \
	X(IKE_SA_INIT, 34)      \
	X(IKE_AUTH, 35)         \
	X(CREATE_CHILD_SA, 36)  \
	X(INFORMATIONAL, 37)    \
	X(IKE_INTERMEDIATE, 43) \
	X(IKE_FOLLOWUP_KE, 44)

enum ike_exchange {
#define X(name, number) EXCHANGE_##name = number,
	IKE_EXCHANGES(X)
#undef X
};

/* CP and EAP are known so that their critical bit does not trip us; nothing else is done (PLD-6).
 */
#define IKE_PAYLOADS(X)  \
	X(NONE, 0)       \
	X(SA, 33)        \
	X(KE, 34)        \
	X(ID_I, 35)      \
	X(ID_R, 36)      \
	X(CERT, 37)      \
	X(CERTREQ, 38)   \
	X(AUTH, 39)      \
	X(NONCE, 40)     \
	X(NOTIFY, 41)    \
	X(DELETE, 42)    \
	X(VENDOR_ID, 43) \
	X(TS_I, 44)      \
	X(TS_R, 45)      \
	X(SK, 46)        \
	X(CP, 47)        \
	X(EAP, 48)       \
	X(SKF, 53)

enum ike_payload {
#define X(name, number) PAYLOAD_##name = number,
	IKE_PAYLOADS(X)
#undef X
};

/* Below 16384: errors; from there: status (RFC 7296 section 3.10.1). */
#define IKE_NOTIFIES(X)                         \
	X(UNSUPPORTED_CRITICAL_PAYLOAD, 1)      \
	X(INVALID_IKE_SPI, 4)                   \
	X(INVALID_MAJOR_VERSION, 5)             \
	X(INVALID_SYNTAX, 7)                    \
	X(INVALID_MESSAGE_ID, 9)                \
	X(INVALID_SPI, 11)                      \
	X(NO_PROPOSAL_CHOSEN, 14)               \
	X(INVALID_KE_PAYLOAD, 17)               \
	X(AUTHENTICATION_FAILED, 24)            \
	X(SINGLE_PAIR_REQUIRED, 34)             \
	X(NO_ADDITIONAL_SAS, 35)                \
	X(INTERNAL_ADDRESS_FAILURE, 36)         \
	X(FAILED_CP_REQUIRED, 37)               \
	X(TS_UNACCEPTABLE, 38)                  \
	X(INVALID_SELECTORS, 39)                \
	X(TEMPORARY_FAILURE, 43)                \
	X(CHILD_SA_NOT_FOUND, 44)               \
	X(STATE_NOT_FOUND, 47)                  \
	X(INITIAL_CONTACT, 16384)               \
	X(SET_WINDOW_SIZE, 16385)               \
	X(ADDITIONAL_TS_POSSIBLE, 16386)        \
	X(IPCOMP_SUPPORTED, 16387)              \
	X(NAT_DETECTION_SOURCE_IP, 16388)       \
	X(NAT_DETECTION_DESTINATION_IP, 16389)  \
	X(COOKIE, 16390)                        \
	X(USE_TRANSPORT_MODE, 16391)            \
	X(REKEY_SA, 16393)                      \
	X(ESP_TFC_PADDING_NOT_SUPPORTED, 16394) \
	X(NON_FIRST_FRAGMENTS_ALSO, 16395)      \
	X(REDIRECT, 16407)                      \
	X(CHILDLESS_IKEV2_SUPPORTED, 16418)     \
	X(QUICK_CRASH_DETECTION, 16419)         \
	X(USE_PPK, 16435)                       \
	X(PPK_IDENTITY, 16436)                  \
	X(NO_PPK_AUTH, 16437)                   \
	X(IKEV2_FRAGMENTATION_SUPPORTED, 16430) \
	X(SIGNATURE_HASH_ALGORITHMS, 16431)     \
	X(PUZZLE, 16434)                        \
	X(ADDITIONAL_KEY_EXCHANGE, 16441)       \
	X(INTERMEDIATE_EXCHANGE_SUPPORTED, 16438)

enum ike_notify {
#define X(name, number) NOTIFY_##name = number,
	IKE_NOTIFIES(X)
#undef X
};

static inline bool notify_is_error(uint16_t type)
{
	return type < 16384;
}

enum ike_protocol { PROTOCOL_NONE = 0, PROTOCOL_IKE = 1, PROTOCOL_AH = 2, PROTOCOL_ESP = 3 };

enum ike_auth_method {
	AUTH_METHOD_RSA_SHA1 = 1, /* never used, never accepted (RFC 8247 section 3) */
	AUTH_METHOD_SHARED_KEY = 2,
	AUTH_METHOD_NULL = 13,
	AUTH_METHOD_DIGITAL_SIGNATURE = 14,
};

/* "unknown" for a number that is not above. */
const char *exchange_name(uint8_t exchange);
const char *payload_name(uint8_t type);
const char *notify_name(uint16_t type);
