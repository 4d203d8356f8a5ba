#include "signer/service.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct service {
	int fd;
	struct keyring *keyring;
	const struct secret *crash_secret;
	uint8_t in[SIGNER_FRAME_MAX];
	size_t in_len;
	uint8_t out[SIGNER_FRAME_MAX];
};

static bool write_all(int fd, struct bytes octets)
{
	while (octets.len > 0) {
		ssize_t n = write(fd, octets.data, octets.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		octets = BYTES(octets.data + n, octets.len - (size_t)n);
	}
	return true;
}

static bool reply(struct service *s, const struct signer_message *message)
{
	struct writer w = writer_on(s->out, sizeof(s->out));

	return signer_message_write(&w, message) && write_all(s->fd, writer_view(&w));
}

static bool reply_result(struct service *s, uint64_t job_id, struct buf result)
{
	const struct signer_message message = {
		.kind = SIGNER_RESULT,
		.job_id = job_id,
		.data = buf_view(&result),
	};
	bool ok = reply(s, &message);

	buf_free(&result);
	return ok;
}

static bool reply_keys(struct service *s)
{
	for (size_t i = 0; i < keyring_count(s->keyring); i++) {
		const struct pubkey *key = keyring_public(s->keyring, i);
		struct signer_message message = { .kind = SIGNER_KEY, .index = (uint32_t)i };

		if (key != NULL) {
			message.algorithm = (uint8_t)key->type;
			message.data = pubkey_octets(key);
		}
		if (!reply(s, &message))
			return false;
	}
	return true;
}

static bool commit(struct service *s, uint32_t count)
{
	const struct signer_message loaded = {
		.kind = SIGNER_LOADED,
		.bad = keyring_commit(s->keyring, count),
	};

	if (loaded.bad == SIGNER_BAD_NONE && !reply_keys(s))
		return false;
	return reply(s, &loaded);
}

static bool handle(struct service *s, const struct signer_message *m)
{
	switch (m->kind) {
	case SIGNER_ADD:
		keyring_add(s->keyring, (enum signer_secret_kind)m->algorithm, m->parts);
		return true;
	case SIGNER_COMMIT:
		return commit(s, m->index);
	case SIGNER_SIGN:
		return reply_result(
		    s, m->job_id,
		    keyring_sign(s->keyring, m->index, (enum signature_id)m->algorithm, m->data));
	case SIGNER_PSK_MAC:
		return reply_result(
		    s, m->job_id,
		    keyring_psk_mac(s->keyring, m->index, (enum prf_id)m->algorithm, m->data));
	case SIGNER_TOKEN:
		return reply_result(s, m->job_id, crash_secret_token(s->crash_secret, m->data));
	case SIGNER_KEY:
	case SIGNER_LOADED:
	case SIGNER_RESULT:
		break; /* these are ours to say */
	}
	return false;
}

/* Moves the rest to the front; what was there may have been a secret. */
static void consume(struct service *s, size_t used)
{
	memmove(s->in, s->in + used, s->in_len - used);
	s->in_len -= used;
	secret_wipe(s->in + s->in_len, used);
}

static bool handle_all(struct service *s)
{
	struct signer_message message;
	size_t used;

	for (;;) {
		switch (signer_message_parse(BYTES(s->in, s->in_len), &message, &used)) {
		case SIGNER_MORE:
			return true;
		case SIGNER_GARBAGE:
			return false;
		case SIGNER_MESSAGE:
			if (!handle(s, &message))
				return false;
			consume(s, used);
			break;
		}
	}
}

bool service_run(int fd, struct keyring *keyring, const struct secret *crash_secret)
{
	struct service *s = new_zeroed(sizeof(*s));
	bool ok = true;

	s->fd = fd;
	s->keyring = keyring;
	s->crash_secret = crash_secret;
	while (ok) {
		/* A frame fits, so there is room as long as one is not whole. */
		ssize_t n = read(fd, s->in + s->in_len, sizeof(s->in) - s->in_len);

		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n > 0)
			s->in_len += (size_t)n;
		ok = n > 0 && handle_all(s);
	}
	secret_wipe(s, sizeof(*s));
	free(s);
	return ok;
}
