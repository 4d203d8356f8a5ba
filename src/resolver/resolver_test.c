#include "util/test.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "resolver/state.h"
#include "resolver/window.h"

/*
 * A name server of one zone, the root, on a port of 127.0.0.1, driven by the same event base as the
 * resolver's control side. It is authoritative only (AA, no RA). Answers depend on the first label:
 *
 *      found   two TXT records            missing  NXDOMAIN, MINIMUM 60
 *      chain   CNAME to found.x           empty    no data; NSEC, if it is signed
 *      silent  nothing at all             broken   SERVFAIL
 *      forged  TXT with a wrong signature
 *      late    as found, but only to the second datagram that asks
 *      deaf    as found, but nothing at all to who asks for IPSECKEY
 *
 * With `is_signed` the zone is signed with Ed25519.
 */
struct server {
	int fd;
	uint16_t port;
	struct event *event;
	unsigned asked, late, found, empty;
	bool is_signed;
	EVP_PKEY *key;
	uint8_t public_key[32];
};

struct fixture {
	struct event_base *base;
	struct server server;
	struct resolver *resolver;
	unsigned answers;
	unsigned wanted;
	enum dns_status status[8];
	enum dns_trust trust[8];
	uint32_t ttl_s[8];
	size_t count[8];
	char first[8][64];
	bool was_primed;
};

enum {
	TYPE_CNAME = 5,
	TYPE_SOA = 6,
	TYPE_RRSIG = 46,
	TYPE_NSEC,
	TYPE_DNSKEY = 48,
	ALG_ED25519 = 15
};

static struct fixture f;

static void write_name(struct writer *w, const char *text)
{
	while (*text != '\0') {
		size_t label = strcspn(text, ".");

		write_u8(w, (uint8_t)label);
		write_bytes(w, BYTES(text, label));
		text += label + (text[label] == '.');
	}
	write_u8(w, 0);
}

static void write_record(struct writer *w, const char *owner, uint16_t type, struct bytes rdata)
{
	write_name(w, owner);
	write_be16(w, type);
	write_be16(w, 1);
	write_be32(w, 300);
	write_be16(w, (uint16_t)rdata.len);
	write_bytes(w, rdata);
}

static struct bytes dnskey_rdata(const struct server *s)
{
	static uint8_t octets[36];
	struct writer w = writer_on(octets, sizeof(octets));

	write_be16(&w, 257);
	write_u8(&w, 3);
	write_u8(&w, ALG_ED25519);
	write_bytes(&w, BYTES_OF(s->public_key));
	return writer_view(&w);
}

/* RFC 4034 appendix B. */
static uint16_t key_tag(struct bytes rdata)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < rdata.len; i++)
		sum += (i & 1) != 0 ? rdata.data[i] : (uint32_t)rdata.data[i] << 8;
	return (uint16_t)(sum + (sum >> 16));
}

static uint8_t labels_of(const char *name)
{
	uint8_t n = *name != '\0';

	for (; *name != '\0'; name++)
		n += *name == '.';
	return n;
}

/* RFC 4034 sections 3.1 and 3.1.8.1; `rdata` in canonical order. */
static void write_signature(struct writer *w, const struct server *s, const char *owner,
                            uint16_t type, const struct bytes *rdata, size_t count, bool is_wrong)
{
	uint8_t head[128];
	uint8_t data[2048];
	uint8_t signature[64];
	struct writer h = writer_on(head, sizeof(head));
	struct writer d = writer_on(data, sizeof(data));
	size_t len = sizeof(signature);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint32_t now = (uint32_t)time(NULL);

	write_be16(&h, type);
	write_u8(&h, ALG_ED25519);
	write_u8(&h, labels_of(owner));
	write_be32(&h, 300);
	write_be32(&h, now + 86400);
	write_be32(&h, now - 86400);
	write_be16(&h, key_tag(dnskey_rdata(s)));
	write_name(&h, "");
	write_bytes(&d, writer_view(&h));
	for (size_t i = 0; i < count; i++)
		write_record(&d, owner, type, rdata[i]);
	assert_int_equal(EVP_DigestSignInit(md, NULL, NULL, NULL, s->key), 1);
	assert_int_equal(EVP_DigestSign(md, signature, &len, data, d.len), 1);
	EVP_MD_CTX_free(md);
	signature[0] ^= is_wrong;
	write_bytes(&h, BYTES(signature, len));
	assert_false(h.failed || d.failed);
	write_record(w, owner, TYPE_RRSIG, writer_view(&h));
}

struct question {
	char name[256];
	uint16_t type;
	size_t len; /* header and question */
};

static bool question_read(struct bytes packet, struct question *q)
{
	struct reader r = reader_of(packet);
	size_t at = 0;
	uint8_t label;

	read_skip(&r, 12);
	while ((label = read_u8(&r)) != 0 && at + label + 2 < sizeof(q->name)) {
		if (at > 0)
			q->name[at++] = '.';
		read_copy(&r, (uint8_t *)q->name + at, label);
		at += label;
	}
	q->name[at] = '\0';
	q->type = read_be16(&r);
	read_skip(&r, 2);
	q->len = packet.len - reader_left(&r);
	return !r.failed;
}

static bool is(const struct question *q, const char *label)
{
	return strncmp(q->name, label, strlen(label)) == 0;
}

static uint16_t write_answers(struct writer *w, const struct server *s, const struct question *q)
{
	static const char chained[] = "\005found\001x";
	struct bytes texts[] = { BYTES_STR("\003one"), BYTES_STR("\003two") };
	struct bytes target = BYTES(chained, sizeof(chained));
	struct bytes key = dnskey_rdata(s);

	if (q->name[0] == '\0' && q->type == TYPE_DNSKEY && s->is_signed) {
		write_record(w, "", TYPE_DNSKEY, key);
		write_signature(w, s, "", TYPE_DNSKEY, &key, 1, false);
		return 2;
	}
	if (is(q, "chain")) {
		write_record(w, q->name, TYPE_CNAME, target);
		if (s->is_signed)
			write_signature(w, s, q->name, TYPE_CNAME, &target, 1, false);
		return s->is_signed ? 2 : 1;
	}
	if (q->type != DNS_TYPE_TXT ||
	    (!is(q, "found") && !is(q, "forged") && !is(q, "late") && !is(q, "deaf")))
		return 0;
	write_record(w, q->name, DNS_TYPE_TXT, texts[0]);
	write_record(w, q->name, DNS_TYPE_TXT, texts[1]);
	if (s->is_signed)
		write_signature(w, s, q->name, DNS_TYPE_TXT, texts, 2, is(q, "forged"));
	return s->is_signed ? 3 : 2;
}

/* RFC 4034 section 4.1.2: at this name there are A, RRSIG and NSEC. */
static uint16_t write_absence(struct writer *w, const struct server *s, const struct question *q)
{
	static const uint8_t soa[22] = { [21] = 60 };
	static const uint8_t nsec[] = { 1, 'z', 0, 0, 6, 0x40, 0, 0, 0, 0, 0x03 };
	struct bytes rdata[] = { BYTES_OF(soa), BYTES_OF(nsec) };

	write_record(w, "", TYPE_SOA, rdata[0]);
	if (!s->is_signed || !is(q, "empty"))
		return 1;
	write_signature(w, s, "", TYPE_SOA, &rdata[0], 1, false);
	write_record(w, q->name, TYPE_NSEC, rdata[1]);
	write_signature(w, s, q->name, TYPE_NSEC, &rdata[1], 1, false);
	return 4;
}

static void on_query(evutil_socket_t fd, short what, void *ctx)
{
	struct server *s = ctx;
	uint8_t in[2048];
	uint8_t out[4096];
	struct writer w = writer_on(out, sizeof(out));
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	struct question q;
	uint16_t answers, absent = 0;
	ssize_t n = recvfrom(fd, in, sizeof(in), 0, (struct sockaddr *)&from, &from_len);

	if (n < 0 || !question_read(BYTES(in, n), &q))
		return;
	s->asked++;
	s->found += is(&q, "found");
	s->empty += is(&q, "empty");
	if (is(&q, "silent") || (is(&q, "deaf") && q.type == DNS_TYPE_IPSECKEY) ||
	    (is(&q, "late") && s->late++ == 0))
		return;
	write_bytes(&w, BYTES(in, q.len));
	answers = write_answers(&w, s, &q);
	if (answers == 0)
		absent = write_absence(&w, s, &q);
	out[2] = 0x84 | (in[2] & 1);
	out[3] = is(&q, "missing") ? 3 : is(&q, "broken") ? 2 : 0;
	memset(out + 6, 0, 6);
	out[7] = (uint8_t)answers;
	out[9] = (uint8_t)absent;
	assert_false(w.failed);
	n = sendto(fd, out, w.len, 0, (struct sockaddr *)&from, from_len);
	assert_true(n > 0);
}

static void server_open(struct server *s, bool is_signed)
{
	struct sockaddr_in addr = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(addr);
	size_t key_len = 32;

	s->is_signed = is_signed;
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&addr, &len), 0);
	s->port = ntohs(addr.sin_port);
	s->event = event_new(f.base, s->fd, EV_READ | EV_PERSIST, on_query, s);
	event_add(s->event, NULL);
	s->key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	assert_int_equal(EVP_PKEY_get_raw_public_key(s->key, s->public_key, &key_len), 1);
}

static void on_answer(void *ctx, uint64_t query, const struct dns_answer *answer)
{
	assert_in_range(query, 1, 7);
	f.status[query] = answer->status;
	f.trust[query] = answer->trust;
	f.ttl_s[query] = answer->ttl_s;
	f.count[query] = answer->count;
	if (answer->count > 0)
		snprintf(f.first[query], sizeof(f.first[query]), "%.*s",
		         (int)answer->rdata[0].len - 1, answer->rdata[0].data + 1);
	if (++f.answers == f.wanted)
		event_base_loopbreak(f.base);
}

static void on_primed(void *ctx)
{
	f.was_primed = true;
	event_base_loopbreak(f.base);
}

static void resolver_open(enum dnssec_mode dnssec, bool was_primed, struct duration timeout)
{
	struct ip loopback = ip_v4(127, 0, 0, 1);
	struct resolver_events events = { .answer = on_answer, .primed = on_primed };
	char *key = base64_write(BYTES_OF(f.server.public_key));
	char anchor[256];
	char error[256];
	struct resolver_settings settings = { .servers = &loopback,
		                              .server_count = 1,
		                              .port = f.server.port,
		                              .dnssec = dnssec,
		                              .trust_anchor = anchor,
		                              .was_primed = was_primed,
		                              .timeout = timeout };

	snprintf(anchor, sizeof(anchor), "; root\n. 3600 IN DNSKEY 257 3 15 %s ; ours\n", key);
	free(key);
	f.resolver = resolver_new(&settings, f.base, &events, error, sizeof(error));
	if (f.resolver == NULL)
		fail_msg("%s", error);
}

static void ask_for(uint64_t query, const char *name, enum dns_type type, enum lookup_how how)
{
	struct resolver_port port = resolver_port(f.resolver);

	port.lookup(port.ctx, query, name, type, how);
	f.wanted++;
}

static void ask(uint64_t query, const char *name)
{
	ask_for(query, name, DNS_TYPE_TXT, LOOKUP_AT_ONCE);
}

static void run(void)
{
	struct timeval limit = { .tv_sec = 20 };

	event_base_loopexit(f.base, &limit);
	event_base_dispatch(f.base);
}

static int open_fixture(void **state)
{
	f = (struct fixture){ .base = event_base_new() };
	return f.base == NULL;
}

static int close_fixture(void **state)
{
	resolver_free(f.resolver);
	event_free(f.server.event);
	close(f.server.fd);
	EVP_PKEY_free(f.server.key);
	event_base_free(f.base);
	return 0;
}

/* DNS-3, TTL-2 */
static void answers_what_an_authoritative_server_says(void **state)
{
	static const struct {
		const char *name;
		enum dns_status status;
		size_t count;
		uint32_t ttl_s;
	} cases[] = {
		{ "found.100.51.198.in-addr.arpa", DNS_FOUND, 2, 300 },
		{ "chain.2.0.192.in-addr.arpa", DNS_FOUND, 2, 300 },
		{ "missing.10.in-addr.arpa", DNS_NO_NAME, 0, 60 },
		{ "empty.test", DNS_NO_DATA, 0, 60 },
		{ "broken.example", DNS_FAILED, 0, 0 },
	};

	server_open(&f.server, false);
	resolver_open(DNSSEC_OFF, false, SECONDS(10));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		ask(i + 1, cases[i].name);
	run();
	assert_int_equal(f.answers, f.wanted);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(f.status[i + 1], cases[i].status);
		assert_int_equal(f.count[i + 1], cases[i].count);
		assert_int_equal(f.ttl_s[i + 1], cases[i].ttl_s);
		assert_int_equal(f.trust[i + 1], DNS_INSECURE);
	}
	assert_int_equal(resolver_trust_state(f.resolver), RESOLVER_OFF);
}

/* TTL-5 */
static void a_silent_server_costs_the_timeout_and_no_more(void **state)
{
	struct timespec before;
	struct timespec after;

	server_open(&f.server, false);
	resolver_open(DNSSEC_OFF, false, MILLISECONDS(150));
	clock_gettime(CLOCK_MONOTONIC, &before);
	ask(1, "silent.example");
	ask(2, "found.example");
	run();
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(f.answers, 2);
	assert_int_equal(f.status[1], DNS_TIMED_OUT);
	assert_int_equal(f.status[2], DNS_FOUND);
	assert_true((after.tv_sec - before.tv_sec) * 1000 +
	                (after.tv_nsec - before.tv_nsec) / 1000000 <
	            5000);
}

/* TTL-5: nobody waits for it any more, but it is remembered. */
static void a_late_answer_goes_into_the_cache(void **state)
{
	const struct timeval while_late = { .tv_sec = 2 };
	unsigned asked;

	server_open(&f.server, false);
	resolver_open(DNSSEC_OFF, false, MILLISECONDS(100));
	ask(1, "late.example");
	run();
	assert_int_equal(f.status[1], DNS_TIMED_OUT);
	event_base_loopexit(f.base, &while_late);
	event_base_dispatch(f.base);
	asked = f.server.asked;
	assert_true(asked >= 2);
	ask(2, "late.example");
	run();
	assert_int_equal(f.status[2], DNS_FOUND);
	assert_int_equal(f.server.asked, asked);
}

/* TRU-1, TRU-2, TRU-3 */
static void tells_secure_from_forged_once_primed(void **state)
{
	server_open(&f.server, true);
	resolver_open(DNSSEC_PREFER, false, SECONDS(10));
	assert_int_equal(resolver_trust_state(f.resolver), RESOLVER_UNPRIMED);
	run();
	assert_true(f.was_primed);
	assert_int_equal(resolver_trust_state(f.resolver), RESOLVER_PRIMED);
	ask(1, "found.x");
	ask(2, "chain.x");
	ask(3, "forged.x");
	run();
	assert_int_equal(f.answers, 3);
	assert_int_equal(f.trust[1], DNS_SECURE);
	assert_true(strcmp(f.first[1], "one") == 0 || strcmp(f.first[1], "two") == 0);
	assert_int_equal(f.trust[2], DNS_SECURE);
	assert_int_equal(f.count[2], 2);
	assert_int_equal(f.trust[3], DNS_BOGUS);
}

/* TRU-1 */
static void an_anchor_never_primed_makes_answers_insecure(void **state)
{
	server_open(&f.server, false);
	resolver_open(DNSSEC_PREFER, false, SECONDS(10));
	ask(1, "found.example");
	run();
	assert_int_equal(f.status[1], DNS_FOUND);
	assert_int_equal(f.trust[1], DNS_INSECURE);
	assert_int_equal(resolver_trust_state(f.resolver), RESOLVER_UNPRIMED);
}

/* TRU-1 */
static void an_anchor_primed_once_makes_unsigned_answers_bogus(void **state)
{
	server_open(&f.server, false);
	resolver_open(DNSSEC_PREFER, true, SECONDS(10));
	ask(1, "found.example");
	run();
	assert_int_equal(f.answers, 1);
	assert_int_equal(f.trust[1], DNS_BOGUS);
}

/* OIN-8: our cache is passed by, signed or not. */
static void a_fresh_question_goes_past_the_cache(void **state)
{
	unsigned asked;

	server_open(&f.server, true);
	resolver_open(DNSSEC_PREFER, false, SECONDS(10));
	run();
	assert_true(f.was_primed);
	ask(1, "found.x");
	run();
	assert_int_equal(f.trust[1], DNS_SECURE);
	asked = f.server.asked;
	ask(2, "found.x");
	run();
	assert_int_equal(f.server.asked, asked);
	ask_for(3, "found.x", DNS_TYPE_TXT, LOOKUP_FRESH);
	run();
	assert_true(f.server.asked > asked);
	assert_int_equal(f.status[3], DNS_FOUND);
	assert_int_equal(f.trust[3], DNS_SECURE);
	assert_int_equal(f.ttl_s[3], 300);
}

static void wait_found(uint64_t query)
{
	while (f.count[query] == 0)
		assert_int_equal(event_base_loop(f.base, EVLOOP_ONCE), 0);
}

/*
 * OIN-8: a server that is silent about one name keeps no old answers about others alive; neither
 * while the silence is waited for nor when it timed out.
 */
static void a_silent_server_keeps_no_old_answers_alive(void **state)
{
	static const struct timespec wait = { .tv_sec = 2 }; /* more than FRESH_S */

	server_open(&f.server, false);
	resolver_open(DNSSEC_OFF, false, MILLISECONDS(3000));
	for (uint64_t query = 1; query <= 5; query += 2) {
		unsigned found = f.server.found;

		ask_for(query, "silent.x", DNS_TYPE_TXT, LOOKUP_FRESH);
		ask_for(query + 1, "found.x", DNS_TYPE_TXT, LOOKUP_FRESH);
		wait_found(query + 1);
		assert_int_equal(f.server.found, found + 1);
		if (query < 5)
			nanosleep(&wait, NULL);
	}
	assert_int_equal(f.status[1], DNS_TIMED_OUT);
}

/* DNS-6: the library merges them. */
static void equal_questions_are_asked_once(void **state)
{
	server_open(&f.server, false);
	resolver_open(DNSSEC_OFF, false, SECONDS(10));
	for (uint64_t i = 1; i <= 5; i++)
		ask(i, "found.example");
	run();
	assert_int_equal(f.answers, 5);
	assert_int_equal(f.server.asked, 1);
}

static void ask_both(const char *name, bool is_busy, enum lookup_how how)
{
	f.answers = f.wanted = 0;
	__atomic_store_n(&f.resolver->window, is_busy ? WINDOW_LEAST : WINDOW_MOST,
	                 __ATOMIC_RELAXED);
	ask_for(1, name, DNS_TYPE_IPSECKEY, how);
	ask_for(2, name, DNS_TYPE_TXT, how);
	run();
	assert_int_equal(f.answers, 2);
}

/* SEC-5: one proof for both, where there is too much to do. */
static void a_patient_question_may_need_no_asking(void **state)
{
	static const struct {
		const char *name;
		bool is_busy;
		enum lookup_how how;
		unsigned asked;
	} cases[] = {
		{ "empty1.x", true, LOOKUP_PATIENTLY, 1 },
		{ "empty2.x", false, LOOKUP_PATIENTLY, 2 },
		{ "empty3.x", true, LOOKUP_AT_ONCE, 2 },
	};

	server_open(&f.server, true);
	resolver_open(DNSSEC_PREFER, false, SECONDS(10));
	run();
	assert_true(f.was_primed);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		f.server.empty = 0;
		ask_both(cases[i].name, cases[i].is_busy, cases[i].how);
		assert_int_equal(f.server.empty, cases[i].asked);
		for (unsigned query = 1; query <= 2; query++) {
			assert_int_equal(f.status[query], DNS_NO_DATA);
			assert_int_equal(f.trust[query], DNS_SECURE);
		}
	}
}

/* What is said of one type without a proof says nothing of another. */
static void a_patient_question_is_asked_where_nothing_is_proven(void **state)
{
	static const struct {
		const char *name;
		enum dns_status first, second;
	} cases[] = {
		{ "empty.x", DNS_NO_DATA, DNS_NO_DATA },
		{ "found.x", DNS_NO_DATA, DNS_FOUND },
		{ "broken.x", DNS_FAILED, DNS_FAILED },
		{ "silent.x", DNS_TIMED_OUT, DNS_TIMED_OUT },
		{ "deaf.x", DNS_TIMED_OUT, DNS_FOUND },
	};

	server_open(&f.server, false);
	resolver_open(DNSSEC_OFF, false, MILLISECONDS(2500));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		ask_both(cases[i].name, true, LOOKUP_PATIENTLY);
		assert_int_equal(f.status[1], cases[i].first);
		assert_int_equal(f.status[2], cases[i].second);
	}
	assert_int_equal(f.server.empty, 2);
	assert_int_equal(f.server.found, 2);
}

/* TRU-1: the first questions of all wait until it is known whether they can be validated. */
static void the_very_first_answers_are_validated(void **state)
{
	server_open(&f.server, true);
	resolver_open(DNSSEC_PREFER, false, SECONDS(10));
	ask(1, "found.x");
	ask(2, "forged.x");
	run();
	if (f.answers < 2) /* being primed ended the loop */
		run();
	assert_int_equal(f.answers, 2);
	assert_int_equal(f.trust[1], DNS_SECURE);
	assert_int_equal(f.trust[2], DNS_BOGUS);
}

static void questions_under_way_fail_when_the_resolver_ends(void **state)
{
	server_open(&f.server, false);
	resolver_open(DNSSEC_OFF, false, SECONDS(10));
	ask(1, "silent.example");
	ask(2, "silent.too.example");
	f.wanted = 0;
	resolver_free(f.resolver);
	f.resolver = NULL;
	assert_int_equal(f.answers, 2);
	assert_int_equal(f.status[1], DNS_FAILED);
	assert_int_equal(f.status[2], DNS_FAILED);
}

static void an_anchor_that_is_no_record_is_named(void **state)
{
	static const char *const cases[] = { ". IN DNSKEY\n", "hello\n", ". IN DS 1 2\n" };
	struct ip loopback = ip_v4(127, 0, 0, 1);
	struct resolver_events events = { .answer = on_answer };
	char error[256];

	server_open(&f.server, false);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct resolver_settings settings = { .servers = &loopback,
			                              .server_count = 1,
			                              .port = f.server.port,
			                              .trust_anchor = cases[i],
			                              .timeout = SECONDS(1) };

		assert_null(resolver_new(&settings, f.base, &events, error, sizeof(error)));
		assert_non_null(strstr(error, "trust anchor"));
	}
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_fixture, close_fixture)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(answers_what_an_authoritative_server_says),
		CASE(a_silent_server_costs_the_timeout_and_no_more),
		CASE(a_late_answer_goes_into_the_cache),
		CASE(tells_secure_from_forged_once_primed),
		CASE(an_anchor_never_primed_makes_answers_insecure),
		CASE(an_anchor_primed_once_makes_unsigned_answers_bogus),
		CASE(a_fresh_question_goes_past_the_cache),
		CASE(a_silent_server_keeps_no_old_answers_alive),
		CASE(a_patient_question_may_need_no_asking),
		CASE(a_patient_question_is_asked_where_nothing_is_proven),
		CASE(equal_questions_are_asked_once),
		CASE(the_very_first_answers_are_validated),
		CASE(an_anchor_that_is_no_record_is_named),
		CASE(questions_under_way_fail_when_the_resolver_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
