#pragma once
/*
 * An IKE message: header and chain of payloads (RFC 7296 sections 3.1 and 3.2).
 *
 * Parsing makes views into the datagram, allocates nothing and decides nothing. Writing chains the
 * next-payload fields and fills the lengths in at the end.
 */
#include "ike/registry.h"

enum {
	IKE_HEADER_LEN = 28,
	PAYLOAD_HEADER_LEN = 4,
	PIECE_FIELDS_LEN = 4, /* number and total, in front of the IV of SKF */
	IKE_VERSION = 0x20,
	IKE_FLAG_INITIATOR = 0x08, /* the sender is the original initiator of this IKE SA */
	IKE_FLAG_VERSION = 0x10,
	IKE_FLAG_RESPONSE = 0x20,
	PAYLOADS_MAX = 64,       /* in one message; more is INVALID_SYNTAX (PLD-10) */
	IKE_MESSAGE_MAX = 65535, /* no UDP datagram is longer */
	NONCE_MIN = 16,
	NONCE_MAX = 256,
	COOKIE_MAX = 64,
};

struct ike_header {
	uint64_t spi_i;
	uint64_t spi_r;
	uint8_t next_payload;
	uint8_t version;
	uint8_t exchange;
	uint8_t flags;
	uint32_t message_id;
	uint32_t length;
};

static inline bool header_is_response(const struct ike_header *h)
{
	return (h->flags & IKE_FLAG_RESPONSE) != 0;
}
static inline bool header_from_initiator(const struct ike_header *h)
{
	return (h->flags & IKE_FLAG_INITIATOR) != 0;
}

/* False: shorter than a header, or not as long as it says (HDR-2). Any version passes. */
MUST_USE bool header_parse(struct bytes datagram, struct ike_header *out);

/* One Notify body (RFC 7296 section 3.10). */
struct notify {
	uint16_t type;
	uint8_t protocol; /* 0 unless there is an SPI */
	uint32_t spi;     /* ESP; 0 if none */
	struct bytes data;
};

/* One Delete body (RFC 7296 section 3.11); `spis` are 4 octets each, none for PROTOCOL_IKE. */
struct delete
{
	uint8_t protocol;
	struct bytes spis;
};

struct payload_view {
	uint8_t type;
	struct bytes body;
};

/* Which part of a message that was cut (RFC 7383 section 2.5): 1 .. total. 0: the whole. */
struct piece {
	uint16_t number;
	uint16_t total;
};

/*
 * What a chain holds. A view with data == NULL: not there; an empty one that is there has a
 * pointer. Bodies are without the generic header.
 */
struct payloads {
	struct bytes sa;
	struct bytes ke;
	struct bytes id_i;
	struct bytes id_r;
	struct bytes auth;
	struct bytes nonce;
	struct bytes ts_i;
	struct bytes ts_r;
	struct bytes sk; /* IV, ciphertext, ICV, of SK or SKF */
	struct piece piece;
	size_t sk_offset; /* of the SK body in the datagram: the length of the AAD (SK-4) */
	uint8_t sk_first; /* type of the first inner payload */
	uint8_t critical; /* type of the payload behind PAYLOADS_CRITICAL */
	size_t count;
	struct payload_view all[PAYLOADS_MAX];
};

enum payloads_verdict {
	PAYLOADS_OK,
	PAYLOADS_SYNTAX,   /* INVALID_SYNTAX */
	PAYLOADS_CRITICAL, /* UNSUPPORTED_CRITICAL_PAYLOAD with `critical` (PLD-5) */
};

/*
 * The chain of a whole datagram whose header was parsed, or of decrypted octets (offset 0). SK ends
 * a chain and may stand only outside. Notify and Delete bodies are checked here, so that the
 * iterators below cannot fail. On PAYLOADS_CRITICAL the payloads before it are filled in.
 */
MUST_USE enum payloads_verdict message_parse(struct bytes datagram, const struct ike_header *header,
                                             struct payloads *out);
MUST_USE enum payloads_verdict payloads_parse_inner(uint8_t first, struct bytes plain,
                                                    struct payloads *out);

/*
 * What is looked at of an IKE_SA_INIT request before its cookie is good: the chain alone. False: a
 * broken chain, or SA, KE or Nonce is missing or the nonce of a wrong length.
 */
struct init_outline {
	struct bytes cookie; /* of a COOKIE in front (PLD-7); data NULL: none */
	struct bytes nonce;
};
MUST_USE bool init_outline_parse(struct bytes datagram, const struct ike_header *header,
                                 struct init_outline *out);

/* Each Notify, Delete, Vendor ID in turn: start with *at = 0; false when there is no more. */
bool payloads_next_notify(const struct payloads *p, size_t *at, struct notify *out);
bool payloads_next_delete(const struct payloads *p, size_t *at, struct delete *out);
bool payloads_next_vendor_id(const struct payloads *p, size_t *at, struct bytes *out);
/* The first Notify of that type. */
bool payloads_find_notify(const struct payloads *p, uint16_t type, struct notify *out);
/* The first error Notify (a type below 16384). */
bool payloads_find_error(const struct payloads *p, struct notify *out);
size_t delete_count(const struct delete *d);
uint32_t delete_spi(const struct delete *d, size_t index);

/* Key Exchange body, section 3.4. False: too short. Its length is checked by kex_shared(). */
struct ke {
	uint16_t method;
	struct bytes value;
};
MUST_USE bool ke_parse(struct bytes body, struct ke *out);
/* Data of N(INVALID_KE_PAYLOAD): the method the Responder wants (section 1.3). */
MUST_USE bool invalid_ke_parse(struct bytes data, uint16_t *method);
bool nonce_is_valid(struct bytes nonce);

/*
 * A message under construction. message_start() for one with a header, message_start_inner() for
 * the payloads that go into SK.
 */
struct message_writer {
	struct writer w;
	size_t next_at;    /* where the type of the next payload goes; SIZE_MAX: into `first` */
	size_t payload_at; /* generic header of the open payload */
	uint8_t first;
	bool has_header;
};

void message_start(struct message_writer *m, uint8_t *out, size_t size,
                   const struct ike_header *header);
void message_start_inner(struct message_writer *m, uint8_t *out, size_t size);
/* Writes the generic header; write the body to the writer returned, then call payload_end(). */
struct writer *payload_start(struct message_writer *m, uint8_t type);
void payload_end(struct message_writer *m);
/* Ends SK or SKF, which names its first inner payload and ends the chain (RFC 7296 section 3.14).
 */
void payload_end_sk(struct message_writer *m, uint8_t first);
/* The whole message with its length filled in, or the inner payloads; empty: no room. */
struct bytes message_end(struct message_writer *m);

void message_add(struct message_writer *m, uint8_t type, struct bytes body);
void message_add_ke(struct message_writer *m, uint16_t method, struct bytes value);
void message_add_notify(struct message_writer *m, uint16_t type, struct bytes data);
/* With the SPI of an ESP SA: REKEY_SA, CHILD_SA_NOT_FOUND, INVALID_SELECTORS (PLD-23). */
void message_add_notify_spi(struct message_writer *m, uint16_t type, uint32_t spi,
                            struct bytes data);
void message_add_invalid_ke(struct message_writer *m, uint16_t method);
void message_add_delete_ike(struct message_writer *m);
void message_add_delete_esp(struct message_writer *m, const uint32_t *spis, size_t count);
