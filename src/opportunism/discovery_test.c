#include "util/test.h"

#include "opportunism/discovery.h"

static const struct ip destination = { IP_V4, { 198, 51, 100, 5 } };
static const struct ip own[] = { { IP_V4, { 192, 0, 2, 1 } } };

static struct discovery_rules rules(void)
{
	return (struct discovery_rules){ .dnssec = DNSSEC_PREFER,
		                         .destination = destination,
		                         .own = own,
		                         .own_count = ARRAY_LEN(own),
		                         .has_v4 = true };
}

static struct record_set answered(enum dns_status status, enum dns_trust trust)
{
	return (struct record_set){ .has_arrived = true, .status = status, .trust = trust };
}

static struct record_set found(enum dns_trust trust, const struct delegation *records, size_t count)
{
	struct record_set set = answered(DNS_FOUND, trust);

	set.records = new_array(count, sizeof(*records));
	memcpy(set.records, records, count * sizeof(*records));
	set.count = count;
	return set;
}

static struct delegation names(uint16_t precedence, uint8_t last_octet, uint8_t key)
{
	struct delegation d = { .precedence = precedence,
		                .kind = GATEWAY_ADDRESS,
		                .address = ip_v4(192, 0, 2, last_octet),
		                .has_key = key != 0 };
	uint8_t octets[32] = { key };

	if (key != 0)
		assert_true(pubkey_from_ed25519(BYTES_OF(octets), &d.key));
	return d;
}

/* TRU-3, TRU-4, TRU-5, TRU-8 */
static void says_what_kind_of_nothing_it_is(void **state)
{
	static const struct {
		enum dns_status ipseckey, txt;
		enum dns_trust trust;
		unsigned malformed;
		enum discovery_outcome outcome;
		enum flow_reason reason;
	} cases[] = {
		{ DNS_NO_NAME, DNS_NO_NAME, DNS_SECURE, 0, DISCOVERY_NOTHING, FLOW_REASON_NO_NAME },
		{ DNS_NO_DATA, DNS_NO_DATA, DNS_INSECURE, 0, DISCOVERY_NOTHING,
		  FLOW_REASON_NO_RECORD },
		{ DNS_NO_DATA, DNS_FOUND, DNS_INSECURE, 0, DISCOVERY_NOTHING,
		  FLOW_REASON_NO_RECORD },
		{ DNS_NO_DATA, DNS_FOUND, DNS_INSECURE, 1, DISCOVERY_DENY, FLOW_REASON_MALFORMED },
		{ DNS_NO_DATA, DNS_FOUND, DNS_BOGUS, 0, DISCOVERY_DENY, FLOW_REASON_BOGUS },
		{ DNS_FAILED, DNS_FAILED, DNS_INSECURE, 0, DISCOVERY_NOTHING,
		  FLOW_REASON_DNS_FAILED },
		{ DNS_NO_DATA, DNS_TIMED_OUT, DNS_INSECURE, 0, DISCOVERY_NOTHING,
		  FLOW_REASON_DNS_SILENT },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct discovery d = { answered(cases[i].ipseckey, DNS_INSECURE),
			               answered(cases[i].txt, cases[i].trust) };
		struct discovery_rules r = rules();
		struct gateways g;
		enum flow_reason reason;

		d.txt.malformed = cases[i].malformed;
		assert_int_equal(discovery_decide(&d, &r, &g, &reason), cases[i].outcome);
		assert_int_equal(reason, cases[i].reason);
	}
}

/* CHS-1 */
static void waits_for_the_slower_answer_within_reason(void **state)
{
	struct delegation one = names(10, 9, 1);
	struct discovery d = { .txt = found(DNS_INSECURE, &one, 1) };
	struct discovery_rules r = rules();
	struct gateways g;
	enum flow_reason reason;

	assert_int_equal(discovery_decide(&d, &r, &g, &reason), DISCOVERY_WAIT);
	r.grace_is_over = true;
	assert_int_equal(discovery_decide(&d, &r, &g, &reason), DISCOVERY_GATEWAYS);
	gateways_wipe(&g);
	r.waits_for_both = true; /* private */
	assert_int_equal(discovery_decide(&d, &r, &g, &reason), DISCOVERY_WAIT);
	discovery_wipe(&d);
}

/* CHS-1: secure beats insecure, then IPSECKEY beats TXT */
static void prefers_secure_data_and_then_ipseckey(void **state)
{
	static const struct {
		enum dns_trust ipseckey, txt;
		uint8_t gateway;
	} cases[] = {
		{ DNS_INSECURE, DNS_INSECURE, 7 },
		{ DNS_SECURE, DNS_SECURE, 7 },
		{ DNS_INSECURE, DNS_SECURE, 8 },
		{ DNS_BOGUS, DNS_INSECURE, 8 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct delegation by_ipseckey = names(10, 7, 1);
		struct delegation by_txt = names(10, 8, 2);
		struct discovery d = { found(cases[i].ipseckey, &by_ipseckey, 1),
			               found(cases[i].txt, &by_txt, 1) };
		struct discovery_rules r = rules();
		struct gateways g;
		enum flow_reason reason;

		assert_int_equal(discovery_decide(&d, &r, &g, &reason), DISCOVERY_GATEWAYS);
		assert_int_equal(g.list[0].address.octets[3], cases[i].gateway);
		gateways_wipe(&g);
		discovery_wipe(&d);
	}
}

/* CHS-2, CHS-3 */
static void orders_by_precedence_and_gathers_keys(void **state)
{
	struct delegation records[] = { names(20, 7, 1), names(10, 8, 2), names(20, 7, 3),
		                        names(10, 8, 2) };
	struct discovery d = { answered(DNS_NO_DATA, DNS_SECURE),
		               found(DNS_SECURE, records, ARRAY_LEN(records)) };
	struct discovery_rules r = rules();
	struct gateways g;
	enum flow_reason reason;

	assert_int_equal(discovery_decide(&d, &r, &g, &reason), DISCOVERY_GATEWAYS);
	assert_int_equal(g.count, 2);
	assert_int_equal(g.list[0].address.octets[3], 8);
	assert_int_equal(g.list[0].key_count, 1);
	assert_int_equal(g.list[1].key_count, 2);
	gateways_wipe(&g);
	discovery_wipe(&d);
}

/* CHS-2, CHS-3: with two records a gateway is as preferred as the better one says, in whatever order
 * they come. */
static void gateway_is_as_preferred_as_its_best_record(void **state)
{
	for (int turned = 0; turned <= 1; turned++) {
		const struct delegation records[] = { names(turned ? 1 : 20, 7, 1), names(10, 8, 2),
			                              names(turned ? 20 : 1, 7, 3) };
		struct discovery d = { .ipseckey = found(DNS_SECURE, records, 3),
			               .txt = answered(DNS_NO_DATA, DNS_SECURE) };
		struct discovery_rules r = rules();
		struct gateways g;
		enum flow_reason reason;

		assert_int_equal(discovery_decide(&d, &r, &g, &reason), DISCOVERY_GATEWAYS);
		assert_int_equal(g.count, 2);
		assert_int_equal(g.list[0].address.octets[3], 7);
		assert_int_equal(g.list[0].precedence, 1);
		assert_int_equal(g.list[0].key_count, 2);
		assert_int_equal(g.list[1].address.octets[3], 8);
		gateways_wipe(&g);
		discovery_wipe(&d);
	}
}

/* CHS-4, TXT-5, TXT-6 */
static void skips_gateways_that_cannot_be_reached(void **state)
{
	struct delegation self = names(10, 1, 1);
	struct delegation v6 = { .kind = GATEWAY_ADDRESS, .address = { IP_V6, { 0x20, 1 } } };
	struct delegation loopback = { .kind = GATEWAY_ADDRESS,
		                       .address = { IP_V4, { 127, 0, 0, 1 } } };
	struct delegation name = { .kind = GATEWAY_NAME, .name = "gw.example.net" };
	const struct {
		const struct delegation *record;
		enum flow_reason reason;
	} cases[] = {
		{ &self, FLOW_REASON_INSIDE },
		{ &v6, FLOW_REASON_NO_FAMILY },
		{ &loopback, FLOW_REASON_UNUSABLE },
		{ &name, FLOW_REASON_UNUSABLE }, /* a TXT's @fqdn never finds a gateway */
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct discovery d = { answered(DNS_NO_DATA, DNS_SECURE),
			               found(DNS_SECURE, cases[i].record, 1) };
		struct discovery_rules r = rules();
		struct gateways g;
		enum flow_reason reason;

		assert_int_equal(discovery_decide(&d, &r, &g, &reason), DISCOVERY_NOTHING);
		assert_int_equal(reason, cases[i].reason);
		discovery_wipe(&d);
	}
}

/* TRU-5 */
static void unsigned_data_is_absent_when_dnssec_is_required(void **state)
{
	struct delegation one = names(10, 9, 1);
	struct discovery d = { found(DNS_INSECURE, &one, 1), answered(DNS_NO_DATA, DNS_SECURE) };
	struct discovery_rules r = rules();
	struct gateways g;
	enum flow_reason reason;

	r.dnssec = DNSSEC_REQUIRE;
	assert_int_equal(discovery_decide(&d, &r, &g, &reason), DISCOVERY_NOTHING);
	assert_int_equal(reason, FLOW_REASON_UNSIGNED);
	discovery_wipe(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_kind_of_nothing_it_is),
		cmocka_unit_test(waits_for_the_slower_answer_within_reason),
		cmocka_unit_test(prefers_secure_data_and_then_ipseckey),
		cmocka_unit_test(orders_by_precedence_and_gathers_keys),
		cmocka_unit_test(gateway_is_as_preferred_as_its_best_record),
		cmocka_unit_test(skips_gateways_that_cannot_be_reached),
		cmocka_unit_test(unsigned_data_is_absent_when_dnssec_is_required),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
