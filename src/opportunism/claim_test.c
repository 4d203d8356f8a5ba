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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_proof_a_peer_speaks_for_its_own_address_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
