#include "ike/sk.h"

#include <assert.h>

#include "ike/ike.h"

bool sk_init(struct sk *sk, enum aead_id cipher, const struct ike_keys *keys, bool is_initiator,
             const struct ike_ports *ports)
{
	const struct secret *out = is_initiator ? &keys->sk_ei : &keys->sk_er;
	const struct secret *in = is_initiator ? &keys->sk_er : &keys->sk_ei;
	struct sk new = { .ports = ports };

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

static void rest(struct sk *sk)
{
	if (!sk->rests)
		return;
	aead_rest(sk->out);
	aead_rest(sk->in);
}

void sk_rest(struct sk *sk)
{
	sk->rests = true;
	rest(sk);
}

/* Octets of what stands before the text and is authenticated with it, without the IV. */
static size_t aad_len(struct piece piece)
{
	return IKE_HEADER_LEN + PAYLOAD_HEADER_LEN + (piece.number != 0 ? PIECE_FIELDS_LEN : 0);
}

/* Padding of the least length that fills whole blocks; none with an AEAD (SK-1). */
static size_t pad_len(const struct aead_shape *shape, size_t inner_len)
{
	return (shape->block - (inner_len + 1) % shape->block) % shape->block;
}

static size_t sealed_len(const struct aead_shape *shape, struct piece piece, size_t inner_len)
{
	return aad_len(piece) + shape->iv_len + inner_len + pad_len(shape, inner_len) + 1 +
	       shape->tag_len;
}

size_t sk_sealed_len(const struct sk *sk, size_t inner_len)
{
	return sealed_len(aead_shape_of(sk->out), (struct piece){ 0 }, inner_len);
}

/* The message with its final lengths, the text still in the clear and zeros for the ICV. */
static struct bytes lay_out(const struct aead_shape *shape, const struct ike_header *header,
                            struct piece piece, uint8_t first, const uint8_t *iv,
                            struct bytes inner, struct buf *out)
{
	size_t padding = pad_len(shape, inner.len);
	struct message_writer m;
	struct writer *w;

	message_start(&m, out->data, out->len, header);
	w = payload_start(&m, piece.number != 0 ? PAYLOAD_SKF : PAYLOAD_SK);
	if (piece.number != 0) {
		write_be16(w, piece.number);
		write_be16(w, piece.total);
	}
	write_bytes(w, BYTES(iv, shape->iv_len));
	write_bytes(w, inner);
	write_zeros(w, padding);
	write_u8(w, (uint8_t)padding);
	write_zeros(w, shape->tag_len);
	payload_end_sk(&m, first);
	return message_end(&m);
}

static bool encrypt(struct sk *sk, size_t aad, struct buf *message)
{
	const struct aead_shape *shape = aead_shape_of(sk->out);
	size_t text = aad + shape->iv_len;
	bool ok = aead_seal(sk->out, message->data + aad, BYTES(message->data, aad),
	                    BYTES(message->data + text, message->len - text - shape->tag_len),
	                    message->data + text);

	rest(sk);
	return ok;
}

/* SK-2: of CBC nobody can foretell it. */
static void draw_iv(struct sk *sk, uint8_t *iv)
{
	const struct aead_shape *shape = aead_shape_of(sk->out);
	uint8_t random[AEAD_IV_MAX] = { 0 };

	if (shape->mac_key_len > 0)
		sk->ports->random(sk->ports->ctx, random, shape->iv_len);
	aead_iv(sk->out, sk->sealed, random, iv);
}

bool sk_seal_piece(struct sk *sk, const struct ike_header *header, struct piece piece,
                   uint8_t first, struct bytes inner, struct buf *out)
{
	const struct aead_shape *shape = aead_shape_of(sk->out);
	size_t size = sealed_len(shape, piece, inner.len);
	uint8_t iv[AEAD_IV_MAX];
	struct buf message;

	if (sk->sealed >= SK_SEALED_MAX || size > IKE_MESSAGE_MAX)
		return false;
	draw_iv(sk, iv);
	sk->sealed++;
	message = (struct buf){ .data = new_array(size, 1), .len = size };
	if (lay_out(shape, header, piece, first, iv, inner, &message).len != size ||
	    !encrypt(sk, aad_len(piece), &message)) {
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
	const struct aead_shape *shape = aead_shape_of(sk->out);
	const struct piece piece = { .number = 1 };
	size_t around = aad_len(piece) + shape->iv_len + shape->tag_len;
	size_t text = limit > around ? (limit - around) / shape->block * shape->block : 0;

	return text > 0 ? text - 1 : 0;
}

enum sk_verdict sk_open(struct sk *sk, struct bytes datagram, const struct payloads *p,
                        uint8_t *plain, struct bytes *inner)
{
	const struct aead_shape *shape = aead_shape_of(sk->in);
	struct bytes sealed;
	size_t len, padding;
	bool ok;

	assert(p->sk.data != NULL && p->sk_offset <= datagram.len);
	if (p->sk.len < shape->iv_len + 1u + shape->tag_len)
		return SK_INTEGRITY;
	sealed = BYTES(p->sk.data + shape->iv_len, p->sk.len - shape->iv_len);
	ok = aead_open(sk->in, p->sk.data, BYTES(datagram.data, p->sk_offset), sealed, plain);
	rest(sk);
	if (!ok)
		return SK_INTEGRITY;
	len = sealed.len - shape->tag_len;
	padding = plain[len - 1];
	if (padding + 1 > len)
		return SK_SYNTAX;
	*inner = BYTES(plain, len - 1 - padding);
	return SK_OK;
}
