#pragma once
/*
 * The Encrypted payload (RFC 7296 section 3.14, RFC 5282).
 *
 * One `struct sk` per IKE SA: a key for what we send, one for what we receive. The IV of an AEAD comes
 * from a counter per direction, that of CBC from the random port; a message is sealed once and its
 * octets are kept for retransmission, so no IV is ever used twice (SK-5).
 */
#include "ike/keys.h"
#include "ike/message.h"

struct ike_ports;

/* Messages sealed under one key: sk_seal() refuses from here on (SK-9). */
#define SK_SEALED_MAX ((uint64_t)1 << 31)
/* Of a message with an AEAD; sk_sealed_len() knows them all. */
enum { SK_OVERHEAD = IKE_HEADER_LEN + PAYLOAD_HEADER_LEN + AEAD_IV_LEN + 1 + AEAD_TAG_LEN };

struct sk {
	struct aead *out;
	struct aead *in;
	uint64_t sealed; /* also the number of the next IV */
	bool rests;      /* between messages */
	const struct ike_ports *ports;
};

/* `is_initiator`: we are the original initiator of the IKE SA (KDF-3). The ports outlive it. */
MUST_USE bool sk_init(struct sk *sk, enum aead_id cipher, const struct ike_keys *keys,
                      bool is_initiator, const struct ike_ports *ports);
void sk_wipe(struct sk *sk);
/* From now on messages are seldom: keys are expanded for each, and memory is kept free between. */
void sk_rest(struct sk *sk);

/* Length of the whole datagram around inner payloads that long. */
size_t sk_sealed_len(const struct sk *sk, size_t inner_len);
/*
 * The whole datagram: header, SK{inner}. `first` is the type of the first inner payload; the
 * header's length and next payload are filled in here. `out` is the caller's to free; untouched on
 * failure (too long, too many messages, or the crypto library refused).
 */
MUST_USE bool sk_seal(struct sk *sk, const struct ike_header *header, uint8_t first,
                      struct bytes inner, struct buf *out);

/* The same for one piece of a message that was cut, in SKF (RFC 7383 section 2.5). */
MUST_USE bool sk_seal_piece(struct sk *sk, const struct ike_header *header, struct piece piece,
                            uint8_t first, struct bytes inner, struct buf *out);
/* How much of the inner payloads a piece of `limit` octets holds; 0: none. */
size_t sk_piece_room(const struct sk *sk, size_t limit);

enum sk_verdict {
	SK_OK,
	SK_INTEGRITY, /* drop in silence (SK-6) */
	SK_SYNTAX,    /* well sealed, but the padding is longer than the text (SK-7) */
};
/*
 * `p` as message_parse() left it, with p->sk there. The text goes to `plain`, which has room for
 * p->sk.len octets; `inner` is a view into it, without the padding.
 */
MUST_USE enum sk_verdict sk_open(struct sk *sk, struct bytes datagram, const struct payloads *p,
                                 uint8_t *plain, struct bytes *inner);
