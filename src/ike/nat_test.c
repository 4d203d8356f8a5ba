#include "util/test.h"
#include "ike/nat.h"
#include "util/vectors.h"

/* NAT-4 */
static void hashes_as_the_vectors_do(void **state)
{
	json_t *root = vectors_load("ike_messages");
	const json_t *v;
	size_t i;

	json_array_foreach(vector_member(root, "nat_detection"), i, v)
	{
		CLEANUP(buf_free) struct buf want = vector_octets(v, "sha1");
		struct endpoint e = { .port = (uint16_t)vector_number(v, "port") };
		uint8_t got[SHA1_LEN];

		assert_true(ip_parse(vector_string(v, "address"), &e.address));
		assert_true(nat_hash(strtoull(vector_string(v, "spi_i"), NULL, 16),
		                     strtoull(vector_string(v, "spi_r"), NULL, 16), &e, got));
		assert_memory_equal(got, want.data, SHA1_LEN);
	}
	assert_int_equal(i, 5);
	json_decref(root);
}

static struct path path_of(const char *local, uint16_t lport, const char *remote, uint16_t rport)
{
	struct path path = { .local.port = lport, .remote.port = rport };

	assert_true(ip_parse(local, &path.local.address));
	assert_true(ip_parse(remote, &path.remote.address));
	return path;
}

/* NAT-5 */
static void finds_the_nat_on_either_side(void **state)
{
	static const struct {
		const char *sent_from, *came_from, *sent_to, *came_to;
		uint16_t came_from_port;
		bool peer, we;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", "198.51.100.2", "198.51.100.2", 500, false, false },
		{ "10.0.0.1", "192.0.2.1", "198.51.100.2", "198.51.100.2", 500, true, false },
		{ "192.0.2.1", "192.0.2.1", "198.51.100.2", "198.51.100.2", 1024, true, false },
		{ "192.0.2.1", "192.0.2.1", "198.51.100.2", "10.9.9.9", 500, false, true },
		{ "10.0.0.1", "192.0.2.1", "198.51.100.2", "10.9.9.9", 500, true, true },
		{ "2001:db8::1", "2001:db8::1", "2001:db8::2", "2001:db8::2", 500, false, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct path sent = path_of(cases[i].sent_from, 500, cases[i].sent_to, 500);
		struct path came =
		    path_of(cases[i].came_to, 500, cases[i].came_from, cases[i].came_from_port);
		struct nat_findings findings;
		uint8_t octets[256];
		struct message_writer m;
		struct payloads p;

		message_start_inner(&m, octets, sizeof(octets));
		assert_true(nat_add_notifies(&m, 1, 2, &sent, false));
		assert_int_equal(payloads_parse_inner(m.first, message_end(&m), &p), PAYLOADS_OK);
		findings = nat_check(&p, 1, 2, &came);
		assert_true(findings.is_supported);
		assert_int_equal(findings.peer_behind_nat, cases[i].peer);
		assert_int_equal(findings.we_behind_nat, cases[i].we);
		findings = nat_check(&p, 1, 3, &came); /* other SPIs: no hash fits */
		assert_true(findings.peer_behind_nat && findings.we_behind_nat);
	}
}

/* NAT-4 */
static void one_of_several_source_hashes_is_enough(void **state)
{
	struct path path = path_of("192.0.2.1", 500, "198.51.100.2", 500);
	struct path back = path_of("198.51.100.2", 500, "192.0.2.1", 500);
	static const uint8_t other[SHA1_LEN];
	uint8_t octets[256];
	struct message_writer m;
	struct payloads p;

	message_start_inner(&m, octets, sizeof(octets));
	message_add_notify(&m, NOTIFY_NAT_DETECTION_SOURCE_IP, BYTES_OF(other));
	assert_int_equal(payloads_parse_inner(m.first, message_end(&m), &p), PAYLOADS_OK);
	assert_false(nat_check(&p, 1, 2, &back).is_supported);
	assert_true(nat_add_notifies(&m, 1, 2, &path, false));
	assert_int_equal(payloads_parse_inner(m.first, message_end(&m), &p), PAYLOADS_OK);
	assert_true(nat_check(&p, 1, 2, &back).is_supported);
	assert_false(nat_check(&p, 1, 2, &back).peer_behind_nat);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_as_the_vectors_do),
		cmocka_unit_test(finds_the_nat_on_either_side),
		cmocka_unit_test(one_of_several_source_hashes_is_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
