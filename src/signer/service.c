#include "signer/service.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/keeper_wire.h"

struct service {
	int stream;
	int keeper;
	struct keyring *keyring;
	const struct secret *crash_secret;
	uint8_t in[SIGNER_FRAME_MAX];
	size_t in_len;
	uint8_t out[2 * SIGNER_FRAME_MAX]; /* answers that wait for the end of the round */
	size_t out_len;
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

static bool flush(struct service *s)
{
	bool ok = write_all(s->stream, BYTES(s->out, s->out_len));

	secret_wipe(s->out, s->out_len); /* keys that a PPK went into */
	s->out_len = 0;
	return ok;
}

static bool reply(struct service *s, const struct signer_message *message)
{
	struct writer w;

	if (s->out_len > SIGNER_FRAME_MAX && !flush(s))
		return false;
	w = writer_on(s->out + s->out_len, sizeof(s->out) - s->out_len);
	if (!signer_message_write(&w, message))
		return false;
	s->out_len += w.len;
	return true;
}

static bool reply_result(struct service *s, uint64_t job_id, struct buf result)
{
	const struct signer_message message = {
		.kind = SIGNER_RESULT,
		.job_id = job_id,
		.data = buf_view(&result),
	};
	bool ok = reply(s, &message);

	if (result.len > 0)
		secret_wipe(result.data, result.len);
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

static bool reply_loaded(struct service *s, uint32_t set, uint32_t bad)
{
	const struct signer_message loaded = { .kind = SIGNER_LOADED, .set = set, .bad = bad };

	if (bad == SIGNER_BAD_NONE && !reply_keys(s))
		return false;
	return reply(s, &loaded) && flush(s);
}

/* Frames of ADD and one COMMIT, and nothing behind it. */
static uint32_t load_frames(struct keyring *keyring, struct bytes frames, uint32_t set)
{
	struct signer_message m;
	size_t used;

	while (signer_message_parse(frames, &m, &used) == SIGNER_MESSAGE) {
		frames = BYTES(frames.data + used, frames.len - used);
		if (m.kind == SIGNER_ADD)
			keyring_add(keyring, (enum signer_secret_kind)m.algorithm, m.parts);
		else if (m.kind == SIGNER_COMMIT && frames.len == 0)
			return keyring_commit(keyring, m.index, set);
		else
			break;
	}
	keyring_drop(keyring);
	return SIGNER_BAD_SET;
}

/* The file is sealed, so it does not shrink under the mapping. */
static uint32_t load_file(struct keyring *keyring, int fd, uint32_t set)
{
	struct stat st;
	void *frames;
	uint32_t bad;

	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 || st.st_size > SIGNER_SET_MAX)
		return SIGNER_BAD_SET;
	frames = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (frames == MAP_FAILED)
		return SIGNER_BAD_SET;
	bad = load_frames(keyring, BYTES(frames, (size_t)st.st_size), set);
	munmap(frames, (size_t)st.st_size);
	return bad;
}

/* False: the keeper is gone, or the daemon. */
static bool keeper_speaks(struct service *s)
{
	struct keeper_message message;
	enum keeper_step step = keeper_receive(s->keeper, &message);
	uint32_t bad;

	if (step != KEEPER_MESSAGE)
		return step == KEEPER_NOTHING;
	if (message.kind != KEEPER_LOAD) {
		keeper_message_close(&message);
		return false;
	}
	bad = load_file(s->keyring, message.fds[0], message.set);
	keeper_message_close(&message);
	return reply_loaded(s, message.set, bad);
}

static bool handle(struct service *s, const struct signer_message *m)
{
	struct keyring_place at = { .set = m->set, .index = m->index };

	switch (m->kind) {
	case SIGNER_SIGN:
		return reply_result(
		    s, m->job_id,
		    keyring_sign(s->keyring, at, (enum signature_id)m->algorithm, m->data));
	case SIGNER_PSK_MAC:
		return reply_result(
		    s, m->job_id,
		    keyring_psk_mac(s->keyring, at, (enum prf_id)m->algorithm, m->data));
	case SIGNER_PPK:
		return reply_result(
		    s, m->job_id, keyring_ppk(s->keyring, at, (enum prf_id)m->algorithm, m->data));
	case SIGNER_TOKEN:
		return reply_result(s, m->job_id, crash_secret_token(s->crash_secret, m->data));
	case SIGNER_ADD:
	case SIGNER_COMMIT:
		break; /* these are in files the keeper brings */
	case SIGNER_KEY:
	case SIGNER_LOADED:
	case SIGNER_RESULT:
		break; /* these are ours to say */
	}
	return false;
}

/* Moves what is not a whole frame yet to the front. */
static void consume(struct service *s, size_t used)
{
	memmove(s->in, s->in + used, s->in_len - used);
	s->in_len -= used;
}

/* Answers all that is there with as few writes as their length allows. */
static bool handle_all(struct service *s)
{
	enum signer_step step = SIGNER_MORE;
	struct signer_message message;
	size_t done = 0;
	size_t used;
	bool ok = true;

	while (ok) {
		step = signer_message_parse(BYTES(s->in + done, s->in_len - done), &message, &used);
		if (step != SIGNER_MESSAGE)
			break;
		ok = handle(s, &message);
		done += used;
	}
	consume(s, done);
	return flush(s) && ok && step != SIGNER_GARBAGE;
}

/* A frame fits, so there is room as long as one is not whole. False: see service_run(). */
static bool daemon_speaks(struct service *s, bool *closed)
{
	ssize_t n = read(s->stream, s->in + s->in_len, sizeof(s->in) - s->in_len);

	if (n < 0 && errno == EINTR)
		return true;
	*closed = n == 0;
	if (n <= 0)
		return n == 0;
	s->in_len += (size_t)n;
	return handle_all(s);
}

bool service_run(int stream, int keeper, struct keyring *keyring, const struct secret *crash_secret)
{
	struct service *s = new_zeroed(sizeof(*s));
	struct pollfd ends[] = { { .fd = stream, .events = POLLIN },
		                 { .fd = keeper, .events = POLLIN } };
	bool closed = false;
	bool ok = true;

	s->stream = stream;
	s->keeper = keeper;
	s->keyring = keyring;
	s->crash_secret = crash_secret;
	while (ok && !closed) {
		int n = poll(ends, ARRAY_LEN(ends), -1);

		if (n < 0 && errno == EINTR)
			continue;
		ok = n > 0;
		if (ok && ends[1].revents != 0)
			closed = !keeper_speaks(s);
		if (ok && !closed && ends[0].revents != 0)
			ok = daemon_speaks(s, &closed);
	}
	free(s);
	return ok;
}
