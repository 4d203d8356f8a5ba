#include "daemon/signer_link.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/signer_wire.h"
#include "daemon/clock.h"
#include "util/secret.h"

struct signer_link {
	int fd;
	struct event *readable;
	struct event *writable;
	struct evbuffer *in;
	struct evbuffer *out;
	struct results *results;
	void (*gone)(void *ctx);
	void *ctx;
	bool is_gone;

	uint8_t frame[SIGNER_FRAME_MAX]; /* for the one being written */
	struct event *turn;              /* at the end of a turn of the loop all of them go out */
	bool is_waiting;                 /* in wait_until(): the core must not be called */

	uint64_t *jobs; /* without a result, `job_count` of SIGNER_JOBS_MAX, oldest first */
	size_t job_count;
	uint32_t set; /* the number of the last one it was given to load */

	/* While a set is being loaded: what the signer said so far. */
	struct loading {
		bool is_done;
		uint32_t bad;
		struct signer_key {
			uint32_t index;
			struct pubkey key;
		} * keys;
		size_t key_count;
	} loading;
};

struct signer_link *signer_link_new(int stream)
{
	struct signer_link *link = new_zeroed(sizeof(*link));

	fcntl(stream, F_SETFL, O_NONBLOCK);
	link->fd = stream;
	link->in = evbuffer_new();
	link->out = evbuffer_new();
	link->jobs = new_array(SIGNER_JOBS_MAX, sizeof(*link->jobs));
	assert(link->in != NULL && link->out != NULL);
	return link;
}

void signer_link_free(struct signer_link *link)
{
	if (link == NULL)
		return;
	if (link->readable != NULL)
		event_free(link->readable);
	if (link->writable != NULL)
		event_free(link->writable);
	if (link->turn != NULL)
		event_free(link->turn);
	evbuffer_free(link->in);
	evbuffer_free(link->out);
	close(link->fd);
	free(link->jobs);
	free(link->loading.keys);
	free(link);
}

/* Nothing answers any more: every job ends, and the owner hears of it. */
static void link_lost(struct signer_link *link)
{
	if (link->is_gone)
		return;
	link->is_gone = true;
	if (link->readable != NULL)
		event_del(link->readable);
	if (link->writable != NULL)
		event_del(link->writable);
	for (size_t i = 0; i < link->job_count; i++)
		results_put(link->results, link->jobs[i], (struct bytes){ 0 });
	link->job_count = 0;
	if (link->gone != NULL)
		link->gone(link->ctx);
}

static void on_key(struct signer_link *link, const struct signer_message *m)
{
	struct loading *l = &link->loading;

	/* Shared secrets are told too, without a key. */
	if (m->algorithm == PUBKEY_NONE || m->data.len > PUBKEY_OCTETS_MAX)
		return;
	if (l->key_count >= SIGNER_SECRETS_MAX)
		return;
	l->keys = grow_array(l->keys, l->key_count + 1, sizeof(*l->keys));
	l->keys[l->key_count] = (struct signer_key){
		.index = m->index,
		.key = { .type = m->algorithm, .len = (uint16_t)m->data.len },
	};
	memcpy(l->keys[l->key_count].key.octets, m->data.data, m->data.len);
	l->key_count++;
}

static void on_result(struct signer_link *link, const struct signer_message *m)
{
	if (link->job_count == 0 || link->jobs[0] != m->job_id)
		return;
	link->job_count--;
	memmove(link->jobs, link->jobs + 1, link->job_count * sizeof(*link->jobs));
	if (link->is_waiting)
		results_put(link->results, m->job_id, m->data);
	else
		results_tell(link->results, m->job_id, m->data);
}

/* The answer to a load that we gave up is none to the next one, and its keys are others. */
static void on_loaded(struct signer_link *link, const struct signer_message *m)
{
	struct loading *l = &link->loading;

	if (m->set != link->set) {
		l->key_count = 0;
		return;
	}
	l->is_done = true;
	l->bad = m->bad;
}

static void on_message(struct signer_link *link, const struct signer_message *m)
{
	if (m->kind == SIGNER_KEY)
		on_key(link, m);
	if (m->kind == SIGNER_RESULT)
		on_result(link, m);
	if (m->kind == SIGNER_LOADED)
		on_loaded(link, m);
}

static bool messages_take(struct signer_link *link)
{
	struct signer_message m;
	enum signer_step step;
	size_t used;

	for (;;) {
		size_t len = evbuffer_get_length(link->in);
		uint8_t *octets = evbuffer_pullup(link->in, -1);

		step = signer_message_parse(BYTES(octets, len), &m, &used);
		if (step != SIGNER_MESSAGE)
			return step == SIGNER_MORE;
		on_message(link, &m);
		secret_wipe(octets, used);
		evbuffer_drain(link->in, used);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
	struct signer_link *link = ctx;
	int n = evbuffer_read(link->in, fd, 1 << 16);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || !messages_take(link))
		link_lost(link);
}

static void link_flush(struct signer_link *link)
{
	while (!link->is_gone && evbuffer_get_length(link->out) > 0) {
		if (evbuffer_write(link->out, link->fd) < 0) {
			if (errno != EAGAIN && errno != EINTR)
				link_lost(link);
			break;
		}
	}
	if (!link->is_gone && link->writable != NULL && evbuffer_get_length(link->out) > 0)
		event_add(link->writable, NULL);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	link_flush(ctx);
}

bool signer_link_attach(struct signer_link *link, struct event_base *base, struct results *results,
                        void (*gone)(void *ctx), void *ctx)
{
	link->results = results;
	link->gone = gone;
	link->ctx = ctx;
	link->readable = event_new(base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
	link->writable = event_new(base, link->fd, EV_WRITE, on_writable, link);
	link->turn = event_new(base, -1, 0, on_writable, link);
	return link->readable != NULL && link->writable != NULL && link->turn != NULL &&
	       event_add(link->readable, NULL) == 0;
}

/* Queues one frame. */
static bool link_queue(struct signer_link *link, const struct signer_message *m)
{
	struct writer w = writer_on(link->frame, sizeof(link->frame));
	bool ok = signer_message_write(&w, m);

	if (ok)
		evbuffer_add(link->out, link->frame, w.len);
	return ok;
}

static int poll_ms_until(struct instant until)
{
	int64_t ms = instant_since(until, clock_now()).ns / 1000000;

	return ms > 0 ? (int)ms : 0;
}

static bool is_loaded(const struct signer_link *link)
{
	return link->loading.is_done;
}

/* Sets come by another socket, and may be there before what was asked, which is refused then if its
 * secret is another one by now. */
static bool is_idle(const struct signer_link *link)
{
	return link->job_count == 0;
}

/* Runs the socket; jobs' results that come meanwhile are events as ever. */
static bool wait_until(struct signer_link *link, bool (*is_over)(const struct signer_link *))
{
	struct instant until = instant_after(clock_now(), SECONDS(SIGNER_LOAD_WAIT_S));

	link->is_waiting = true;
	while (!is_over(link) && !link->is_gone) {
		struct pollfd p = { .fd = link->fd, .events = POLLIN };

		link_flush(link);
		if (evbuffer_get_length(link->out) > 0)
			p.events |= POLLOUT;
		if (poll(&p, 1, poll_ms_until(until)) == 0)
			break;
		if ((p.revents & (POLLIN | POLLHUP | POLLERR)) != 0)
			on_readable(link->fd, EV_READ, link);
	}
	link->is_waiting = false;
	return is_over(link);
}

static void take_keys(const struct signer_link *link, const struct secrets *secrets,
                      struct host_key **keys, size_t *key_count)
{
	const struct loading *l = &link->loading;

	*keys = new_array(l->key_count + 1, sizeof(**keys));
	*key_count = l->key_count;
	for (size_t i = 0; i < l->key_count; i++) {
		uint32_t place = l->keys[i].index;

		(*keys)[i].place = place;
		(*keys)[i].key = l->keys[i].key;
		(*keys)[i].is_next = place < secrets->count && secrets->entries[place].is_next;
	}
}

static const char *entry_name(const struct secret_entry *entry)
{
	if (entry->file != NULL)
		return entry->file;
	return entry->kind == SECRET_PSK ? "PSK" : "RSA";
}

static bool load_failed(struct signer_link *link, const struct secrets *secrets, struct text *error)
{
	uint32_t bad = link->loading.bad;

	if (!link->loading.is_done)
		text_add(error, "the signer does not answer; look into the log");
	else if (bad < secrets->count)
		text_add(error, "ipsec.secrets:%u: %s: this is no key that can be used",
		         secrets->entries[bad].line, entry_name(&secrets->entries[bad]));
	else if (bad == SIGNER_BAD_SET)
		text_add(error, "the secrets were not handed over as they should; is this root?");
	else
		text_add(error, "ipsec.secrets: too many secrets");
	return false;
}

bool signer_link_load(struct signer_link *link, struct keeper_link *keeper, int token,
                      const struct secrets *secrets, struct host_key **keys, size_t *key_count,
                      uint32_t *set, struct text *error)
{
	free(link->loading.keys);
	link->loading = (struct loading){ 0 };
	link->set++;
	if (!wait_until(link, is_idle))
		return load_failed(link, secrets, error);
	if (!keeper_link_load(keeper, token, link->set)) {
		text_add(error, "the keeper does not answer; look into the log");
		return false;
	}
	if (!wait_until(link, is_loaded) || link->loading.bad != SIGNER_BAD_NONE)
		return load_failed(link, secrets, error);
	take_keys(link, secrets, keys, key_count);
	*set = link->set;
	return true;
}

static bool queue_job(struct signer_link *link, uint64_t job_id, const struct crypto_job *job)
{
	struct signer_message m = {
		.job_id = job_id, .set = job->set, .index = job->key, .data = job->data
	};

	if (job->kind == CRYPTO_JOB_QCD_TOKEN) {
		m.kind = SIGNER_TOKEN;
	} else if (job->kind == CRYPTO_JOB_PSK_MAC || job->kind == CRYPTO_JOB_PPK) {
		m.kind = job->kind == CRYPTO_JOB_PPK ? SIGNER_PPK : SIGNER_PSK_MAC;
		m.algorithm = (uint8_t)job->prf;
	} else {
		m.kind = SIGNER_SIGN;
		m.algorithm = (uint8_t)job->signature_id;
	}
	return link_queue(link, &m);
}

void signer_link_job(struct signer_link *link, uint64_t job_id, const struct crypto_job *job)
{
	assert(job->kind != CRYPTO_JOB_VERIFY && job->kind != CRYPTO_JOB_VERIFY_CERT);
	if (link->is_gone || link->job_count == SIGNER_JOBS_MAX || !queue_job(link, job_id, job)) {
		results_put(link->results, job_id, (struct bytes){ 0 });
		return;
	}
	link->jobs[link->job_count++] = job_id;
	event_active(link->turn, EV_WRITE, 0);
}
