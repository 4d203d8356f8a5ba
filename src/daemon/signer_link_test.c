#include "util/test.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/signer_wire.h"
#include "daemon/signer_link.h"

/* A signer whose sets have numbers, and sign with them. */
static int stream;
static uint8_t set;
static struct event_base *base;
static bool is_late; /* with the answer to a load that was given up */
static uint8_t answers[4];
static unsigned answered;

static void say(const struct signer_message *message)
{
	uint8_t octets[128];
	struct writer w = writer_on(octets, sizeof(octets));

	assert_true(signer_message_write(&w, message));
	assert_int_equal(write(stream, octets, w.len), w.len);
}

static void *sign_all(void *ctx)
{
	uint8_t in[4096];
	size_t len = 0, used;
	struct signer_message m;
	ssize_t n;

	while ((n = read(stream, in + len, sizeof(in) - len)) > 0) {
		len += (size_t)n;
		while (signer_message_parse(BYTES(in, len), &m, &used) == SIGNER_MESSAGE) {
			uint8_t number = __atomic_load_n(&set, __ATOMIC_SEQ_CST);

			say(&(struct signer_message){
			    .kind = SIGNER_RESULT, .job_id = m.job_id, .data = BYTES(&number, 1) });
			len -= used;
			memmove(in, in + used, len);
		}
	}
	return NULL;
}

static void say_loaded(uint32_t number, uint32_t place)
{
	uint8_t key[32] = { (uint8_t)number };

	say(&(struct signer_message){ .kind = SIGNER_KEY,
	                              .index = place,
	                              .algorithm = PUBKEY_ED25519,
	                              .data = BYTES_OF(key) });
	say(&(struct signer_message){
	    .kind = SIGNER_LOADED, .set = number, .bad = SIGNER_BAD_NONE });
}

/* In place of the keeper's, which another socket reaches: the signer may look there first. */
bool keeper_link_load(struct keeper_link *link, int token, uint32_t number)
{
	__atomic_fetch_add(&set, 1, __ATOMIC_SEQ_CST);
	if (is_late)
		say_loaded(number - 1, 7);
	say_loaded(number, 2);
	return true;
}

static void on_done(void *ctx, uint64_t job_id, struct bytes result)
{
	assert_in_range(job_id, 0, ARRAY_LEN(answers) - 1);
	answers[job_id] = result.len == 1 ? result.data[0] : 0;
	answered++;
}

static void on_gone(void *ctx)
{
	fail();
}

static void load(struct signer_link *link)
{
	const struct secrets secrets = { 0 };
	struct host_key *keys = NULL;
	struct text error = { 0 };
	uint32_t number;
	size_t count;

	assert_true(signer_link_load(link, NULL, -1, &secrets, &keys, &count, &number, &error));
	assert_int_equal(number, set);
	assert_int_equal(count, 1);
	assert_int_equal(keys[0].place, 2);
	assert_int_equal(keys[0].key.octets[0], number);
	free(keys);
}

static void ask(struct signer_link *link, uint64_t id)
{
	const struct crypto_job job = { .kind = CRYPTO_JOB_PSK_MAC,
		                        .prf = PRF_HMAC_SHA2_256,
		                        .data = BYTES_STR("AUTH") };

	signer_link_job(link, id, &job);
}

static void a_job_is_done_with_the_set_it_was_asked_of(void **state)
{
	const struct timeval limit = { .tv_sec = 10 };
	struct results *results;
	struct signer_link *link;
	pthread_t signer;
	int ends[2];

	base = event_base_new();
	results = results_new(base, on_done, NULL);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	stream = ends[1];
	link = signer_link_new(ends[0]);
	assert_true(signer_link_attach(link, base, results, on_gone, NULL));
	assert_int_equal(pthread_create(&signer, NULL, sign_all, NULL), 0);
	load(link);
	is_late = true; /* and of no effect */
	ask(link, 0);
	ask(link, 1);
	load(link);
	ask(link, 2);
	event_base_loopexit(base, &limit);
	while (answered < 3 && event_base_loop(base, EVLOOP_ONCE) == 0 &&
	       !event_base_got_exit(base))
		continue;
	assert_int_equal(answered, 3);
	assert_int_equal(answers[0], 1);
	assert_int_equal(answers[1], 1);
	assert_int_equal(answers[2], 2);
	signer_link_free(link);
	pthread_join(signer, NULL);
	close(stream);
	results_free(results);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_is_done_with_the_set_it_was_asked_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
