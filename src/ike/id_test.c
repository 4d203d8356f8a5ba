#include "util/test.h"
#include "ike/id.h"
#include "util/vectors.h"

static struct ike_id make(uint8_t type, const char *data)
{
	struct ike_id id = { .type = type, .len = (uint8_t)strlen(data) };

	memcpy(id.data, data, id.len);
	return id;
}

/* PLD-26, AUT-10 */
static void takes_ids_whose_data_fit_their_type(void **state)
{
	static const struct {
		const char *hex;
		const char *text; /* NULL: refused */
	} cases[] = {
		{ "01000000 c0000201", "192.0.2.1" },
		{ "01010203 c0000201", "192.0.2.1" }, /* reserved octets are ignored */
		{ "01000000 c00002", NULL },
		{ "01000000 c000020100", NULL },
		{ "05000000 20010db8000000000000000000000001", "2001:db8::1" },
		{ "05000000 c0000201", NULL },
		{ "02000000 612e62", "@a.b" },
		{ "02000000", NULL },
		{ "02000000 612e00", NULL },
		{ "02000000 612e0d", NULL },
		{ "03000000 6140620a", NULL },
		{ "03000000 614062", "a@b" },
		{ "0b000000 6100ff", "@#6100ff" },
		{ "0d000000", "%null" },
		{ "00000000", NULL },
		{ "020000", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf body = vector_octets_of(cases[i].hex);
		struct ike_id id;

		if (id_parse(buf_view(&body), &id) != (cases[i].text != NULL))
			fail_msg("%s", cases[i].hex);
		if (cases[i].text != NULL)
			assert_string_equal(id_text(&id).s, cases[i].text);
	}
}

static void reads_back_what_it_wrote(void **state)
{
	struct ip address = ip_v4(192, 0, 2, 1);
	struct ike_id ids[] = { id_of_ip(&address), id_of_fqdn("west.example.net"),
		                make(ID_KEY_ID, "x"), make(ID_NULL, "") };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		uint8_t octets[300];
		struct writer w = writer_on(octets, sizeof(octets));
		struct ike_id again;

		id_write(&w, &ids[i]);
		assert_true(id_parse(writer_view(&w), &again));
		/* NUL-3: two peers without a name are never one. */
		assert_int_equal(id_equal(&ids[i], &again), ids[i].type != ID_NULL);
	}
	assert_int_equal(id_address(&ids[0]).family, IP_V4);
	assert_int_equal(id_address(&ids[1]).family, IP_NONE);
}

/* AUT-11 */
static void keeps_no_more_than_there_is(void **state)
{
	const struct ike_id ids[] = { id_of_fqdn("west.example.net"), id_null(), { 0 } };
	const size_t lengths[] = { 1 + 16, 1, 1 };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		CLEANUP(buf_free) struct buf kept = id_keep(&ids[i]);
		struct ike_id again = id_kept(&kept);

		assert_int_equal(kept.len, lengths[i]);
		assert_memory_equal(&again, &ids[i], sizeof(again));
	}
	assert_int_equal(id_kept(&(struct buf){ 0 }).type, ID_NONE);
}

static void compares_names_as_people_mean_them(void **state)
{
	static const struct {
		uint8_t type;
		const char *a, *b;
		bool equal;
	} cases[] = {
		{ ID_FQDN, "West.Example.net", "west.example.NET", true },
		{ ID_FQDN, "west.example.net.", "west.example.net", true },
		{ ID_FQDN, "west.example.net..", "west.example.net", false },
		{ ID_FQDN, "west.example.net", "east.example.net", false },
		{ ID_RFC822_ADDR, "Ann@Example.net", "Ann@example.NET", true },
		{ ID_RFC822_ADDR, "ann@example.net", "Ann@example.net", false },
		{ ID_RFC822_ADDR, "a@b", "ab@", false },
		{ ID_KEY_ID, "Key", "key", false },
		{ ID_KEY_ID, "key", "key", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ike_id a = make(cases[i].type, cases[i].a);
		struct ike_id b = make(cases[i].type, cases[i].b);
		struct ike_id other = make(ID_DATA_MAX, cases[i].b);

		assert_int_equal(id_equal(&a, &b), cases[i].equal);
		assert_false(id_equal(&a, &other));
	}
}

/* An IPv4-mapped identity would give one host two names. */
static void a_mapped_address_names_no_host(void **state)
{
	struct ike_id id = { .type = ID_IPV6_ADDR,
		             .len = 16,
		             .data = { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1 } };

	assert_int_equal(id_address(&id).family, IP_NONE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_ids_whose_data_fit_their_type),
		cmocka_unit_test(reads_back_what_it_wrote),
		cmocka_unit_test(keeps_no_more_than_there_is),
		cmocka_unit_test(compares_names_as_people_mean_them),
		cmocka_unit_test(a_mapped_address_names_no_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
