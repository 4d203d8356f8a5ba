#include "util/test.h"
#include "ike/choice.h"

#include "ike/own_proposals.h"
#include "util/vectors.h"

/*
 * A list of proposals as a line: "e20/256 p5 k31 | e28 p5 k31". Letters: e ENCR, p PRF, i INTEG,
 * k KE, s SN, x an unknown type; "?": with an unknown attribute.
 */
static struct proposal_list offer(uint8_t protocol, const char *line)
{
	static const char letters[] = "?epiks";
	struct proposal_list list = { .count = 1 };
	struct proposal *p = &list.proposals[0];
	char *words = new_string(line), *save = NULL;

	for (char *w = strtok_r(words, " ", &save);; w = strtok_r(NULL, " ", &save)) {
		if (p->number == 0) {
			*p = (struct proposal){ .number = (uint8_t)list.count,
				                .protocol = protocol,
				                .spi_len = protocol == PROTOCOL_ESP ? 4 : 0,
				                .spi = protocol == PROTOCOL_ESP ? 0x1234 : 0 };
		}
		if (w == NULL)
			break;
		if (*w == '|') {
			p = &list.proposals[list.count++];
			continue;
		}
		p->transforms[p->transform_count++] = (struct transform){
			.type = *w == 'x' ? 9 : (uint8_t)(strchr(letters, *w) - letters),
			.id = (uint16_t)atoi(w + 1),
			.key_bits = strchr(w, '/') ? (uint16_t)atoi(strchr(w, '/') + 1) : 0,
			.has_unknown = strchr(w, '?') != NULL,
		};
	}
	free(words);
	return list;
}

static struct proposal_list allowed(uint8_t protocol, bool with_kex)
{
	struct proposal_list list;

	if (protocol == PROTOCOL_IKE)
		proposals_for_ike(&list, 0);
	else
		proposals_for_esp(&list, 0x5678, with_kex);
	return list;
}

struct choice_case {
	const char *line;
	uint16_t kex_sent;
	const char *want; /* number and suite; NULL: NO_PROPOSAL_CHOSEN */
};

static void check_choice(uint8_t protocol, bool with_kex, const struct choice_case *c)
{
	struct proposal_list offered = offer(protocol, c->line);
	struct proposal_list ours = allowed(protocol, with_kex);
	struct proposal_choice choice;
	char got[128];

	if (!proposals_choose(&offered, &ours, c->kex_sent, &choice)) {
		if (c->want != NULL)
			fail_msg("refused: %s", c->line);
		return;
	}
	snprintf(got, sizeof(got), "%u %u.%u.%u.%u", choice.number, choice.suite.cipher,
	         choice.suite.prf, choice.suite.kex, choice.suite.is_esn);
	if (c->want == NULL || strcmp(got, c->want) != 0)
		fail_msg("%s: chose %s, not %s", c->line, got, c->want ? c->want : "nothing");
}

/* Ciphers in `want`: 1 AES-GCM-128, 2 AES-GCM-256, 3 ChaCha20, 7 AES-CBC-256 with SHA2-256.
 * SA-4 to SA-8, SA-10, SA-11, SK-8 */
static void chooses_for_the_ike_sa(void **state)
{
	static const struct choice_case cases[] = {
		{ "e20/256 p5 k31", 31, "1 2.5.31.0" },
		{ "e20/128 p5 k31", 31, "1 1.5.31.0" },
		{ "e28 p5 k31", 31, "1 3.5.31.0" },
		/* our order inside a proposal */
		{ "e20/128 e20/256 p7 p6 p5 k19 k31", 0, "1 2.5.31.0" },
		{ "p7 e20/128 k19 k31 p6", 0, "1 1.7.31.0" },
		/* the method of the KE payload is worth a round trip */
		{ "e20/256 p5 k31 k19", 19, "1 2.5.19.0" },
		{ "e20/256 p5 k31 k19", 14, "1 2.5.31.0" },
		{ "e20/256 p5 k14 k19", 0, "1 2.5.19.0" },
		{ "e20/256 p5 k14 k19", 14, "1 2.5.14.0" },
		{ "e20/256 p5 k2 k14", 2, "1 2.5.14.0" },
		/* CBC needs integrity beside it, and of SHA-2 */
		{ "e12/256 i12 p5 k31", 31, "1 7.5.31.0" },
		{ "e12/256 i12 p5 k31 | e20/256 p5 k31", 31, "1 7.5.31.0" },
		{ "e12/256 i0 p5 k31", 31, NULL },
		{ "e12/256 i2 p5 k31", 31, NULL },
		{ "e12/256 i2 i12 p2 p5 k31", 31, "1 7.5.31.0" },
		{ "e12 i12 p5 k31", 31, NULL },
		{ "e12/256 e20/256 i12 p5 k31", 31, "1 7.5.31.0" },
		/* the peer's order of proposals */
		{ "e28 p5 k31 | e20/256 p5 k31", 31, "1 3.5.31.0" },
		{ "e3 i12 p5 k31 | e20/256 p5 k31", 31, "2 2.5.31.0" },
		/* unknown transforms only fall out themselves */
		{ "e99 e20/256 p99 p5 k99 k31", 31, "1 2.5.31.0" },
		{ "e20/256? e20/128 p5 k31", 31, "1 1.5.31.0" },
		{ "e20/256? p5 k31", 31, NULL },
		/* an unknown type spoils the proposal, not the others */
		{ "e20/256 p5 k31 x1", 31, NULL },
		{ "e20/256 p5 k31 x1 | e28 p5 k31", 31, "2 3.5.31.0" },
		/* a needed type is missing */
		{ "e20/256 p5", 31, NULL },
		{ "e20/256 k31", 31, NULL },
		{ "p5 k31", 31, NULL },
		{ "", 31, NULL },
		/* key lengths: AES needs one, ChaCha20 has none */
		{ "e20 p5 k31", 31, NULL },
		{ "e20/192 p5 k31", 31, NULL },
		{ "e28/256 p5 k31", 31, NULL },
		{ "e20/256 p5/256 k31", 31, NULL },
		/* an AEAD goes with no integrity or NONE */
		{ "e20/256 p5 i0 k31", 31, "1 2.5.31.0" },
		{ "e20/256 p5 i12 k31", 31, NULL },
		/* what is never taken: NULL, CBC without integrity, SHA-1, MODP 1024, KE NONE, SN
		 */
		{ "e11 p5 k31", 31, NULL },
		{ "e12/256 p5 k31", 31, NULL },
		{ "e20/256 p2 k31", 31, NULL },
		{ "e20/256 p5 k2", 2, NULL },
		{ "e20/256 p5 k0", 0, NULL },
		{ "e20/256 p5 k31 s0", 31, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_choice(PROTOCOL_IKE, false, &cases[i]);
}

/* SA-4, SA-12, SA-13 */
static void chooses_for_the_first_child_sa(void **state)
{
	static const struct choice_case cases[] = {
		{ "e20/256 s0", 0, "1 2.0.0.0" },
		{ "e20/256 s1", 0, "1 2.0.0.1" },
		{ "e20/256 s0 s1", 0, "1 2.0.0.1" },
		{ "e20/256 s2", 0, NULL },
		{ "e20/256", 0, NULL },
		{ "e20/256 s0 k0", 0, "1 2.0.0.0" },
		{ "e20/256 s0 k31", 0, NULL },
		{ "e20/256 s0 i0", 0, "1 2.0.0.0" },
		{ "e20/256 s0 i12", 0, NULL },
		{ "e20/256 s0 p5", 0, NULL },
		{ "e12/256 i12 s0 | e28 s0", 0, "1 7.0.0.0" },
		{ "e12/256 i12 s0 s1", 0, "1 7.0.0.1" },
		{ "e12/256 s0", 0, NULL },
		{ "e3 i12 s0 | e28 s0", 0, "2 3.0.0.0" },
		{ "e11 i12 s0", 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_choice(PROTOCOL_ESP, false, &cases[i]);
}

/* TS-14, TS-15 */
static void wants_a_key_exchange_for_further_child_sas(void **state)
{
	static const struct choice_case cases[] = {
		{ "e20/256 k31 s0", 31, "1 2.0.31.0" },
		{ "e20/256 k31 k19 s0", 19, "1 2.0.19.0" },
		{ "e20/256 k0 k19 s0", 0, "1 2.0.19.0" },
		{ "e20/256 s0", 0, NULL },
		{ "e20/256 k0 s0", 0, NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_choice(PROTOCOL_ESP, true, &cases[i]);
}

/* SA-3, TS-12 */
static void refuses_another_protocol_or_size_of_spi(void **state)
{
	struct proposal_list ours = allowed(PROTOCOL_ESP, false);
	struct proposal_choice choice;
	struct proposal_list list = offer(PROTOCOL_ESP, "e20/256 s0");

	assert_true(proposals_choose(&list, &ours, 0, &choice));
	assert_int_equal(choice.spi, 0x1234);
	list.proposals[0].spi = 255; /* reserved values */
	assert_false(proposals_choose(&list, &ours, 0, &choice));
	list = offer(PROTOCOL_ESP, "e20/256 s0");
	list.proposals[0].spi_len = 8;
	assert_false(proposals_choose(&list, &ours, 0, &choice));
	list = offer(PROTOCOL_AH, "e20/256 s0");
	assert_false(proposals_choose(&list, &ours, 0, &choice));
	list = offer(PROTOCOL_IKE, "e20/256 p5 k31");
	list.proposals[0].spi_len = 8; /* that would be a rekey */
	ours = allowed(PROTOCOL_IKE, false);
	assert_false(proposals_choose(&list, &ours, 0, &choice));
}

/* SA-8, SA-9: each answer the Responder makes is one the Initiator takes */
static void the_initiator_takes_what_its_responder_chose(void **state)
{
	for (int kind = 0; kind < 3; kind++) {
		uint8_t protocol = kind == 0 ? PROTOCOL_IKE : PROTOCOL_ESP;
		struct proposal_list ours = allowed(protocol, kind == 2), answer;
		struct proposal_choice chosen, taken;
		uint8_t octets[512];
		struct writer w = writer_on(octets, sizeof(octets));

		assert_true(proposals_choose(&ours, &ours, kind == 1 ? 0 : 19, &chosen));
		proposals_write_choice(&w, &chosen, kind == 0 ? 0 : 0x9abc, kind == 0 ? 0 : 4);
		assert_true(proposals_parse(writer_view(&w), &answer));
		assert_true(proposals_check_answer(&answer, &ours, &taken));
		assert_memory_equal(&taken.suite, &chosen.suite, sizeof(taken.suite));
		assert_int_equal(taken.spi, kind == 0 ? 0 : 0x9abc);
	}
}

/* SA-9 */
static void refuses_an_answer_that_was_not_offered(void **state)
{
	static const struct {
		const char *line;
		uint8_t number;
		bool ok;
	} cases[] = {
		{ "e20/256 p5 k31", 1, true },
		{ "e20/128 p7 k19", 1, true },
		{ "e28 p5 k31", 2, true },
		{ "e20/256 p5 i0 k31", 1, true },
		{ "e28 p5 k31", 1, false }, /* of another proposal */
		{ "e12/256 i12 p5 k14", 3, true },
		{ "e12/256 p5 k14", 3, false },
		{ "e12/256 i0 p5 k14", 3, false },
		{ "e12/128 i12 p5 k14", 3, false },
		{ "e20/256 p5 k31", 4, false }, /* no such number */
		{ "e20/192 p5 k31", 1, false },
		{ "e20/256 p5 k15", 1, false },
		{ "e20/256 p5", 1, false },
		{ "e20/256 e20/128 p5 k31", 1, false }, /* two of a type */
		{ "e20/256 p5 k31 k31", 1, false },
		{ "e20/256 p5 k31 | e28 p5 k31", 1, false }, /* two proposals */
		{ "e20/256 p5 i12 k31", 1, false },
		{ "e20/256? p5 k31", 1, false },
	};
	struct proposal_list ours = allowed(PROTOCOL_IKE, false);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct proposal_list answer = offer(PROTOCOL_IKE, cases[i].line);
		struct proposal_choice choice;

		answer.proposals[0].number = cases[i].number;
		if (proposals_check_answer(&answer, &ours, &choice) != cases[i].ok)
			fail_msg("%s", cases[i].line);
	}
}

/* SA-6, SA-8: NONE is answered with NONE */
static void answers_in_the_form_of_the_offer(void **state)
{
	struct proposal_list offered = offer(PROTOCOL_ESP, "e20/256 i0 k0 s0");
	struct proposal_list ours = allowed(PROTOCOL_ESP, false), answer;
	struct proposal_choice choice;
	uint8_t octets[512];
	struct writer w = writer_on(octets, sizeof(octets));

	assert_true(proposals_choose(&offered, &ours, 0, &choice));
	proposals_write_choice(&w, &choice, 0x9abc, 4);
	assert_true(proposals_parse(writer_view(&w), &answer));
	assert_int_equal(answer.proposals[0].transform_count, 4);
	assert_true(proposals_check_answer(&answer, &offered, &choice));
}

/* ALG-2: whatever sound suite a stranger knows, there is one for both; but two of the methods are
 * too much work for somebody who is not known. */
static void two_strangers_always_find_a_common_suite(void **state)
{
	static const char *const ciphers[] = { "e20/256",     "e20/128",     "e28",
		                               "e12/256 i12", "e12/128 i12", "e12/256 i14",
		                               "e12/128 i13" };
	static const uint16_t methods[] = { 31, 19, 14, 20, 15, 16 };
	struct proposal_list ike, esp;
	struct proposal_choice choice;

	proposals_taken_for_ike(&ike, 0);
	proposals_taken_for_esp(&esp, true);
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++) {
		for (size_t j = 0; j < ARRAY_LEN(methods); j++) {
			char line[64];
			struct proposal_list theirs;

			snprintf(line, sizeof(line), "%s p5 k%u", ciphers[i], methods[j]);
			theirs = offer(PROTOCOL_IKE, line);
			if (proposals_choose(&theirs, &ike, methods[j], &choice) != (j < 4))
				fail_msg("ike %s", line);
			assert_true(j >= 4 || proposals_allow(&ike, &choice.suite));
			snprintf(line, sizeof(line), "%s k%u s0", ciphers[i], methods[j]);
			theirs = offer(PROTOCOL_ESP, line);
			if (!proposals_choose(&theirs, &esp, methods[j], &choice))
				fail_msg("esp %s", line);
		}
	}
}

/* SA-8: the answer of the vectors is to the offer of the vectors */
static void takes_the_answer_of_the_vectors(void **state)
{
	/* SA bodies of ike_sa_init_request and ike_sa_init_response */
	json_t *root = vectors_load("ike_messages");
	CLEANUP(buf_free) struct buf request = vector_octets(root, "ike_sa_init_request");
	CLEANUP(buf_free) struct buf response = vector_octets(root, "ike_sa_init_response");
	struct proposal_list offered, answer;
	struct proposal_choice choice;

	assert_true(proposals_parse(BYTES(request.data + 32, 0x74 - 4), &offered));
	assert_true(proposals_parse(BYTES(response.data + 32, 0x28 - 4), &answer));
	assert_true(proposals_check_answer(&answer, &offered, &choice));
	assert_int_equal(choice.suite.cipher, AEAD_AES_GCM_16_256);
	assert_int_equal(choice.suite.kex, KEX_X25519);
	assert_string_equal(strstr(suite_text(&choice.suite).s, ", "), ", HMAC_SHA2_256, X25519");
	json_decref(root);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_for_the_ike_sa),
		cmocka_unit_test(chooses_for_the_first_child_sa),
		cmocka_unit_test(wants_a_key_exchange_for_further_child_sas),
		cmocka_unit_test(refuses_another_protocol_or_size_of_spi),
		cmocka_unit_test(the_initiator_takes_what_its_responder_chose),
		cmocka_unit_test(refuses_an_answer_that_was_not_offered),
		cmocka_unit_test(answers_in_the_form_of_the_offer),
		cmocka_unit_test(two_strangers_always_find_a_common_suite),
		cmocka_unit_test(takes_the_answer_of_the_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
