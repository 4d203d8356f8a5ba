#include "crypto/signer_wire.h"

enum { LENGTH_LEN = 4 };

size_t signer_secret_parts(uint8_t kind)
{
	switch (kind) {
	case SIGNER_SECRET_RSA_NUMBERS:
		return SIGNER_PARTS_MAX;
	case SIGNER_SECRET_RSA_PEM:
	case SIGNER_SECRET_ED25519_PEM:
	case SIGNER_SECRET_ECDSA_PEM:
	case SIGNER_SECRET_PSK:
	case SIGNER_SECRET_PPK:
		return 1;
	default:
		return 0;
	}
}

static void parts_read(struct reader *r, struct signer_message *out)
{
	size_t count;

	out->algorithm = read_u8(r);
	count = signer_secret_parts(out->algorithm);
	if (count == 0)
		r->failed = true;
	for (size_t i = 0; i < count; i++)
		out->parts[i] = read_bytes(r, read_be32(r));
}

static void job_read(struct reader *r, struct signer_message *out)
{
	out->job_id = read_be64(r);
	out->set = read_be32(r);
	out->index = read_be32(r);
	out->algorithm = read_u8(r);
	out->data = read_rest(r);
}

static bool body_read(struct reader *r, struct signer_message *out)
{
	out->kind = (enum signer_message_kind)read_u8(r);
	switch (out->kind) {
	case SIGNER_ADD:
		parts_read(r, out);
		break;
	case SIGNER_COMMIT:
		out->index = read_be32(r);
		break;
	case SIGNER_SIGN:
	case SIGNER_PSK_MAC:
	case SIGNER_PPK:
	case SIGNER_TOKEN:
		job_read(r, out);
		break;
	case SIGNER_KEY:
		out->index = read_be32(r);
		out->algorithm = read_u8(r);
		out->data = read_rest(r);
		break;
	case SIGNER_LOADED:
		out->set = read_be32(r);
		out->bad = read_be32(r);
		break;
	case SIGNER_RESULT:
		out->job_id = read_be64(r);
		out->data = read_rest(r);
		break;
	default:
		return false;
	}
	return !r->failed && reader_left(r) == 0;
}

enum signer_step signer_message_parse(struct bytes stream, struct signer_message *out, size_t *used)
{
	struct reader r = reader_of(stream);
	size_t len = read_be32(&r);
	struct signer_message message = { 0 };
	struct reader body;

	if (r.failed)
		return SIGNER_MORE;
	if (len == 0 || len > SIGNER_FRAME_MAX - LENGTH_LEN)
		return SIGNER_GARBAGE;
	body = reader_of(read_bytes(&r, len));
	if (r.failed)
		return SIGNER_MORE;
	if (!body_read(&body, &message))
		return SIGNER_GARBAGE;
	*out = message;
	*used = LENGTH_LEN + len;
	return SIGNER_MESSAGE;
}

static void parts_write(struct writer *w, const struct signer_message *message)
{
	write_u8(w, message->algorithm);
	for (size_t i = 0; i < signer_secret_parts(message->algorithm); i++) {
		write_be32(w, (uint32_t)message->parts[i].len);
		write_bytes(w, message->parts[i]);
	}
}

static void body_write(struct writer *w, const struct signer_message *message)
{
	write_u8(w, (uint8_t)message->kind);
	switch (message->kind) {
	case SIGNER_ADD:
		parts_write(w, message);
		break;
	case SIGNER_COMMIT:
		write_be32(w, message->index);
		break;
	case SIGNER_SIGN:
	case SIGNER_PSK_MAC:
	case SIGNER_PPK:
	case SIGNER_TOKEN:
		write_be64(w, message->job_id);
		write_be32(w, message->set);
		write_be32(w, message->index);
		write_u8(w, message->algorithm);
		write_bytes(w, message->data);
		break;
	case SIGNER_KEY:
		write_be32(w, message->index);
		write_u8(w, message->algorithm);
		write_bytes(w, message->data);
		break;
	case SIGNER_LOADED:
		write_be32(w, message->set);
		write_be32(w, message->bad);
		break;
	case SIGNER_RESULT:
		write_be64(w, message->job_id);
		write_bytes(w, message->data);
		break;
	}
}

bool signer_message_write(struct writer *out, const struct signer_message *message)
{
	struct writer before = *out;
	size_t len;

	write_be32(out, 0);
	body_write(out, message);
	len = out->len - before.len;
	if (out->failed || len > SIGNER_FRAME_MAX) {
		*out = before;
		out->failed = true;
		return false;
	}
	write_patch_be32(out, before.len, (uint32_t)(len - LENGTH_LEN));
	return true;
}
