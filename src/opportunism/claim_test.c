#include "util/test.h"
#include "opportunism/claim.h"

static struct traffic_selector ts(const char *range)
{
	struct traffic_selector ts = { .port_last = 65535 };

	assert_true(range_parse(range, &ts.range));
	return ts;
}

/* NUL-4 */
static void without_a_proof_a_peer_speaks_for_its_own_address_alone(void **state)
{
	static const struct {
		const char *peer, *ours;
		bool is_single;
		bool is_fine;
	} cases[] = {
		{ "198.51.100.2/32", "192.0.2.1/32", true, true },
		{ "198.51.100.3/32", "192.0.2.1/32", true, false }, /* a name server's, perhaps */
		{ "198.51.100.2/32", "192.0.2.7/32", true, false }, /* a host behind us */
		{ "198.51.100.2/31", "192.0.2.1/32", false, false },
		{ "0.0.0.0/0", "192.0.2.1/32", false, false },
		{ "198.51.100.2/32", "192.0.2.1/32", false, false }, /* and others beside it */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct ike_claim said = {
			.path = { { ip_v4(192, 0, 2, 1), 500 }, { ip_v4(198, 51, 100, 2), 500 } },
			.peer_id = { .type = ID_NULL },
			.auth = IKE_AUTH_NULL,
			.peer = ts(cases[i].peer),
			.ours = ts(cases[i].ours),
			.is_single_pair = cases[i].is_single,
		};

		assert_int_equal(anonymous_objection(&said) == NULL, cases[i].is_fine);
	}
}

/* AUZ-16, AUZ-2 (b) */
static void a_source_that_can_be_no_strangers_is_refused(void **state)
{
	static const struct {
		const char *peer;
		bool is_single, has_conn, is_fine;
	} cases[] = {
		{ "198.51.100.7/32", true, true, true },
		{ "198.51.100.7/32", true, false, false }, /* a group, or nobody, answers for it */
		{ "198.51.100.6/31", false, true, false },
		{ "192.0.2.1/32", true, true, false },   /* ours */
		{ "203.0.113.9/32", true, true, false }, /* inside */
		{ "127.0.0.1/32", true, true, false },
		{ "169.254.1.1/32", true, true, false },
		{ "224.0.0.1/32", true, true, false },
		{ "0.0.0.0/32", true, true, false },
	};
	static const struct ip own[] = { { IP_V4, { 192, 0, 2, 1 } } };
	struct conn_state *conn = new_zeroed(sizeof(*conn));
	struct opportunism *opp = new_zeroed(sizeof(*opp));

	conn->is_opportunistic = true;
	conn->ours.subnet_count = 1;
	assert_true(range_parse("203.0.113.0/24", &conn->ours.subnets[0]));
	opp->own.all = own;
	opp->own.count = ARRAY_LEN(own);
	opp->conns.list = conn;
	opp->conns.count = 1;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct ike_claim said = {
			.path = { { ip_v4(192, 0, 2, 1), 500 }, { ip_v4(198, 51, 100, 2), 500 } },
			.peer = ts(cases[i].peer),
			.ours = ts("203.0.113.7/32"),
			.is_single_pair = cases[i].is_single,
		};
		const struct conn_state *answering = cases[i].has_conn ? conn : NULL;

		assert_int_equal(claim_objection(&said, answering, opp) == NULL, cases[i].is_fine);
	}
	free(opp);
	free(conn);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_that_can_be_no_strangers_is_refused),
		cmocka_unit_test(without_a_proof_a_peer_speaks_for_its_own_address_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
