#include "ike/sk.h"

#include <assert.h>

bool sk_init(struct sk *sk, enum aead_id cipher, const struct ike_keys *keys, bool is_initiator)
{
	const struct secret *out = is_initiator ? &keys->sk_ei : &keys->sk_er;
	const struct secret *in = is_initiator ? &keys->sk_er : &keys->sk_ei;
	struct sk new = { 0 };

	new.out = aead_new(cipher, secret_view(out));
	new.in = aead_new(cipher, secret_view(in));
	if (new.out == NULL || new.in == NULL) {
		sk_wipe(&new);
		return false;
	}
	*sk = new;
	return true;
}

void sk_wipe(struct sk *sk)
{
	if (sk->out != NULL)
		aead_free(sk->out);
	if (sk->in != NULL)
		aead_free(sk->in);
	*sk = (struct sk){ 0 };
}

/* Octets of what stands before the text and is authenticated with it, without the IV. */
static size_t aad_len(struct piece piece)
{
	return IKE_HEADER_LEN + PAYLOAD_HEADER_LEN + (piece.number != 0 ? PIECE_FIELDS_LEN : 0);
}

/* The message with its final lengths, the text still in the clear and zeros for the ICV. */
static struct bytes lay_out(const struct ike_header *header, struct piece piece, uint8_t first,
                            uint64_t iv, struct bytes inner, struct buf *out)
{
	struct message_writer m;
	struct writer *w;

	message_start(&m, out->data, out->len, header);
	w = payload_start(&m, piece.number != 0 ? PAYLOAD_SKF : PAYLOAD_SK);
	if (piece.number != 0) {
		write_be16(w, piece.number);
		write_be16(w, piece.total);
	}
	write_be64(w, iv);
	write_bytes(w, inner);
	write_u8(w, 0); /* no padding: an AEAD needs no alignment (SK-1) */
	write_zeros(w, AEAD_TAG_LEN);
	payload_end_sk(&m, first);
	return message_end(&m);
}

static bool encrypt(struct sk *sk, size_t aad, struct buf *message)
{
	size_t text = aad + AEAD_IV_LEN;

	return aead_seal(sk->out, message->data + aad, BYTES(message->data, aad),
	                 BYTES(message->data + text, message->len - text - AEAD_TAG_LEN),
	                 message->data + text);
}

bool sk_seal_piece(struct sk *sk, const struct ike_header *header, struct piece piece,
                   uint8_t first, struct bytes inner, struct buf *out)
{
	size_t aad = aad_len(piece);
	size_t size = aad + AEAD_IV_LEN + inner.len + 1 + AEAD_TAG_LEN;
	struct buf message;

	if (sk->sealed >= SK_SEALED_MAX || size > IKE_MESSAGE_MAX)
		return false;
	message = (struct buf){ .data = new_array(size, 1), .len = size };
	if (lay_out(header, piece, first, sk->sealed++, inner, &message).len != size ||
	    !encrypt(sk, aad, &message)) {
		secret_wipe(message.data, size);
		buf_free(&message);
		return false;
	}
	*out = message;
	return true;
}

bool sk_seal(struct sk *sk, const struct ike_header *header, uint8_t first, struct bytes inner,
             struct buf *out)
{
	return sk_seal_piece(sk, header, (struct piece){ 0 }, first, inner, out);
}

size_t sk_piece_room(const struct sk *sk, size_t limit)
{
	size_t overhead = SK_OVERHEAD + PIECE_FIELDS_LEN;

	return limit > overhead ? limit - overhead : 0;
}

enum sk_verdict sk_open(struct sk *sk, struct bytes datagram, const struct payloads *p,
                        uint8_t *plain, struct bytes *inner)
{
	struct bytes sealed;
	size_t len, padding;

	assert(p->sk.data != NULL && p->sk_offset <= datagram.len);
	if (p->sk.len < AEAD_IV_LEN + 1 + AEAD_TAG_LEN)
		return SK_INTEGRITY;
	sealed = BYTES(p->sk.data + AEAD_IV_LEN, p->sk.len - AEAD_IV_LEN);
	if (!aead_open(sk->in, p->sk.data, BYTES(datagram.data, p->sk_offset), sealed, plain))
		return SK_INTEGRITY;
	len = sealed.len - AEAD_TAG_LEN;
	padding = plain[len - 1];
	if (padding + 1 > len)
		return SK_SYNTAX;
	*inner = BYTES(plain, len - 1 - padding);
	return SK_OK;
}
