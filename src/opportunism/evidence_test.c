#include "util/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "opportunism/discovery.h"
#include "opportunism/evidence.h"

static const char name[] = "5.100.51.198.in-addr.arpa";

static struct instant at(int64_t seconds)
{
	return instant_after((struct instant){ 1 }, SECONDS(seconds));
}

static struct delegation record_of(const char *gateway)
{
	struct delegation record = { .precedence = 10, .kind = GATEWAY_ADDRESS, .has_key = true };
	uint8_t octets[32] = { 1, 2, 3 };

	assert_true(ip_parse(gateway, &record.address));
	assert_true(pubkey_from_ed25519(BYTES_OF(octets), &record.key));
	return record;
}

/* Promise 6. */
static void an_answer_is_kept_in_short(void **state)
{
	struct delegation named = { .precedence = 20, .kind = GATEWAY_NAME, .name = "gw.example" };
	struct delegation records[] = { record_of("192.0.2.1"), named };
	const struct {
		struct record_set set;
		const char *status, *records;
		bool is_proven;
	} cases[] = {
		{ { .status = DNS_FOUND, .records = records, .count = 1 },
		  "found",
		  "10 192.0.2.1 Ed25519 AQIDAAAAAAAAAAAA",
		  true },
		{ { .status = DNS_FOUND, .records = records, .count = 2, .malformed = 3 },
		  "found",
		  "10 192.0.2.1 Ed25519 AQIDAAAAAAAAAAAA; 20 @gw.example without a key; 3 "
		  "malformed",
		  true },
		{ { .status = DNS_NO_NAME, .trust = DNS_SECURE }, "NXDOMAIN", NULL, true },
		{ { .status = DNS_NO_DATA }, "no record", NULL, true },
		{ { .status = DNS_FAILED }, "SERVFAIL", NULL, false },
		{ { .status = DNS_FAILED, .trust = DNS_BOGUS }, "SERVFAIL", NULL, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct evidence_question *question;
		struct evidence_log log;

		evidence_init(&log);
		evidence_asked(&log, name, DNS_TYPE_IPSECKEY, at(1));
		question = STAILQ_FIRST(&log.questions);
		assert_true(question->answered.ns == INSTANT_NEVER.ns);
		evidence_answered(&log, DNS_TYPE_IPSECKEY, name, &cases[i].set, at(2));
		question = STAILQ_FIRST(&log.questions);
		assert_string_equal(question->name, name);
		assert_string_equal(question->status, cases[i].status);
		assert_int_equal(question->is_proven, cases[i].is_proven);
		assert_int_equal(question->trust, cases[i].set.trust);
		assert_true(question->asked.ns == at(1).ns && question->answered.ns == at(2).ns);
		if (cases[i].records == NULL)
			assert_null(question->records);
		else
			assert_string_equal(question->records, cases[i].records);
		assert_null(STAILQ_NEXT(question, next));
		evidence_wipe(&log);
		assert_int_equal(log.octets, 0);
	}
}

static void what_nobody_answered_is_told_apart(void **state)
{
	struct record_set set = { .status = DNS_NO_NAME };
	struct evidence_question *question;
	struct evidence_log log;

	evidence_init(&log);
	evidence_asked(&log, name, DNS_TYPE_IPSECKEY, at(1));
	evidence_asked(&log, name, DNS_TYPE_TXT, at(1));
	evidence_answered(&log, DNS_TYPE_IPSECKEY, name, &set, at(2));
	evidence_unanswered(&log, "no answer", at(5));
	question = STAILQ_FIRST(&log.questions);
	assert_string_equal(question->status, "NXDOMAIN");
	question = STAILQ_NEXT(question, next);
	assert_int_equal(question->type, DNS_TYPE_TXT);
	assert_string_equal(question->status, "no answer");
	assert_false(question->is_proven);
	evidence_wipe(&log);
}

static void gateways_stand_in_the_order_they_were_tried(void **state)
{
	struct gateway first = { .address = ip_v4(192, 0, 2, 1) };
	struct gateway second = { .name = "gw.example" };
	struct evidence_gateway *tried;
	struct evidence_log log;

	evidence_init(&log);
	evidence_tried(&log, &first, at(1));
	evidence_tried(&log, &second, at(3));
	evidence_said(&log, &first, "no answer", at(5));
	second.address = ip_v4(192, 0, 2, 2);
	evidence_left(&log, &first, at(6));
	tried = STAILQ_FIRST(&log.gateways);
	assert_true(ip_equal(&tried->address, &first.address));
	assert_string_equal(tried->result, "no answer");
	assert_true(tried->at.ns == at(5).ns);
	tried = STAILQ_NEXT(tried, next);
	assert_null(tried->result);
	evidence_said(&log, &second, "tunnel", at(7));
	assert_true(ip_equal(&tried->address, &second.address));
	assert_string_equal(tried->result, "tunnel");
	evidence_wipe(&log);
}

/* 3 kB for a decided stranger, most of them much less. */
static void a_log_is_small_and_bounded(void **state)
{
	struct delegation records[RECORDS_MAX];
	struct record_set set = { .status = DNS_FOUND, .records = records, .count = RECORDS_MAX };
	struct evidence_log log;
	char asked[DNS_NAME_MAX];

	for (size_t i = 0; i < ARRAY_LEN(records); i++)
		records[i] = record_of("2001:db8:1111:2222:3333:4444:5555:6666");
	evidence_init(&log);
	evidence_asked(&log, name, DNS_TYPE_IPSECKEY, at(1));
	evidence_asked(&log, name, DNS_TYPE_TXT, at(1));
	assert_true(sizeof(log) + log.octets <= 256);
	assert_false(log.is_cut);
	for (int i = 0; i < 100; i++) {
		struct gateway gateway = { .address = ip_v4(192, 0, 2, (uint8_t)i) };

		snprintf(asked, sizeof(asked), "%0200d.example", i);
		evidence_asked(&log, asked, DNS_TYPE_IPSECKEY, at(i));
		evidence_answered(&log, DNS_TYPE_IPSECKEY, asked, &set, at(i));
		evidence_tried(&log, &gateway, at(i));
		assert_true(log.octets <= EVIDENCE_OCTETS_MAX);
	}
	assert_true(log.is_cut);
	assert_false(STAILQ_EMPTY(&log.questions));
	assert_false(STAILQ_EMPTY(&log.gateways));
	evidence_wipe(&log);
	assert_int_equal(log.octets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_kept_in_short),
		cmocka_unit_test(what_nobody_answered_is_told_apart),
		cmocka_unit_test(gateways_stand_in_the_order_they_were_tried),
		cmocka_unit_test(a_log_is_small_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
