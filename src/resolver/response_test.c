#include "util/test.h"

#include "resolver/response.h"

/* A response under construction. */
struct packet {
	struct writer w;
	uint8_t octets[4096];
};

static void name(struct packet *p, const char *text)
{
	while (*text != '\0') {
		size_t label = strcspn(text, ".");

		write_u8(&p->w, (uint8_t)label);
		write_bytes(&p->w, BYTES(text, label));
		text += label + (text[label] == '.');
	}
	write_u8(&p->w, 0);
}

static void begin(struct packet *p, unsigned rcode, unsigned answers, unsigned authorities,
                  const char *question)
{
	p->w = writer_on(p->octets, sizeof(p->octets));
	write_be16(&p->w, 1);
	write_be16(&p->w, (uint16_t)(0x8000 | rcode));
	write_be16(&p->w, 1);
	write_be16(&p->w, (uint16_t)answers);
	write_be16(&p->w, (uint16_t)authorities);
	write_be16(&p->w, 0);
	name(p, question);
	write_be16(&p->w, DNS_TYPE_TXT);
	write_be16(&p->w, 1);
}

static void record(struct packet *p, const char *owner, unsigned type, uint32_t ttl,
                   struct bytes rdata)
{
	name(p, owner);
	write_be16(&p->w, (uint16_t)type);
	write_be16(&p->w, 1);
	write_be32(&p->w, ttl);
	write_be16(&p->w, (uint16_t)rdata.len);
	write_bytes(&p->w, rdata);
}

static void cname(struct packet *p, const char *owner, uint32_t ttl, const char *target)
{
	struct packet t = { .w = writer_on(t.octets, sizeof(t.octets)) };

	name(&t, target);
	record(p, owner, 5, ttl, writer_view(&t.w));
}

static struct response parsed(const struct packet *p, const char *question)
{
	struct response m;

	assert_true(response_parse(writer_view(&p->w), question, DNS_TYPE_TXT, &m));
	return m;
}

/* DNS-4 */
static void counts_only_records_of_the_name_and_type_asked_for(void **state)
{
	struct packet p;
	struct response m;

	begin(&p, 0, 4, 0, "a.example");
	record(&p, "a.example", DNS_TYPE_TXT, 300, BYTES_STR("\003one"));
	record(&p, "b.example", DNS_TYPE_TXT, 10, BYTES_STR("\003two"));
	record(&p, "a.example", DNS_TYPE_KEY, 10, BYTES_STR("\005three"));
	record(&p, "A.EXAMPLE", DNS_TYPE_TXT, 200, BYTES_STR("\004four"));
	m = parsed(&p, "a.Example");
	assert_int_equal(m.status, DNS_FOUND);
	assert_int_equal(m.count, 2);
	assert_true(bytes_equal(m.rdata[0], BYTES_STR("\003one")));
	assert_true(bytes_equal(m.rdata[1], BYTES_STR("\004four")));
	assert_int_equal(m.ttl_s, 200);
}

/* DNS-3 */
static void follows_a_chain_in_any_order(void **state)
{
	struct packet p;
	struct response m;

	begin(&p, 0, 3, 0, "130.100.51.198.in-addr.arpa");
	record(&p, "x.example", DNS_TYPE_TXT, 300, BYTES_STR("\003one"));
	cname(&p, "130.128-25.100.51.198.in-addr.arpa", 77, "x.example");
	cname(&p, "130.100.51.198.in-addr.arpa", 99, "130.128-25.100.51.198.in-addr.arpa");
	m = parsed(&p, "130.100.51.198.in-addr.arpa");
	assert_int_equal(m.status, DNS_FOUND);
	assert_int_equal(m.ttl_s, 77);
}

/* DNS-3 */
static void refuses_a_loop(void **state)
{
	struct packet p;
	struct response m;

	begin(&p, 0, 2, 0, "a.example");
	cname(&p, "a.example", 99, "b.example");
	cname(&p, "b.example", 99, "a.example");
	assert_false(response_parse(writer_view(&p.w), "a.example", DNS_TYPE_TXT, &m));
}

/* TTL-2 */
static void takes_the_negative_ttl_from_the_soa(void **state)
{
	static const struct {
		unsigned rcode;
		uint32_t soa_ttl;
		uint8_t minimum;
		enum dns_status status;
		uint32_t ttl_s;
	} cases[] = {
		{ 3, 900, 60, DNS_NO_NAME, 60 },
		{ 3, 30, 60, DNS_NO_NAME, 30 },
		{ 0, 900, 60, DNS_NO_DATA, 60 },
		{ 2, 900, 60, DNS_FAILED, 60 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t soa[22] = { 0 };
		struct packet p;
		struct response m;

		soa[21] = cases[i].minimum;
		begin(&p, cases[i].rcode, 0, 1, "a.example");
		record(&p, "example", 6, cases[i].soa_ttl, BYTES_OF(soa));
		m = parsed(&p, "a.example");
		assert_int_equal(m.status, cases[i].status);
		assert_int_equal(m.ttl_s, cases[i].ttl_s);
		assert_int_equal(m.count, 0);
	}
}

static void a_negative_answer_without_soa_has_no_ttl(void **state)
{
	struct packet p;

	begin(&p, 3, 0, 0, "a.example");
	assert_int_equal(parsed(&p, "a.example").ttl_s, 0);
}

/* DNS-7 */
static void reads_compressed_names_that_point_back_and_no_others(void **state)
{
	struct packet p;
	struct response m;

	begin(&p, 0, 1, 0, "a.example");
	write_be16(&p.w, 0xc00c);
	write_be16(&p.w, DNS_TYPE_TXT);
	write_be16(&p.w, 1);
	write_be32(&p.w, 5);
	write_be16(&p.w, 2);
	write_bytes(&p.w, BYTES_STR("\001x"));
	assert_int_equal(parsed(&p, "a.example").count, 1);

	begin(&p, 0, 1, 0, "a.example");
	write_be16(&p.w, (uint16_t)(0xc000 | p.w.len)); /* at itself */
	write_zeros(&p.w, 10);
	m = parsed(&p, "a.example");
	assert_int_equal(m.count, 0);
}

/* DNS-7 */
static void reads_no_octet_beyond_the_end(void **state)
{
	struct packet p;

	begin(&p, 0, 2, 0, "a.example");
	cname(&p, "a.example", 99, "b.example");
	record(&p, "b.example", DNS_TYPE_TXT, 300, BYTES_STR("\003one"));
	for (size_t len = 0; len < p.w.len; len++) {
		uint8_t *copy = new_array(len + 1, 1); /* the sanitizer watches its end */
		struct response m;

		memcpy(copy, p.octets, len);
		if (response_parse(BYTES(copy, len), "a.example", DNS_TYPE_TXT, &m))
			assert_int_equal(m.count, 0);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_only_records_of_the_name_and_type_asked_for),
		cmocka_unit_test(follows_a_chain_in_any_order),
		cmocka_unit_test(refuses_a_loop),
		cmocka_unit_test(takes_the_negative_ttl_from_the_soa),
		cmocka_unit_test(a_negative_answer_without_soa_has_no_ttl),
		cmocka_unit_test(reads_compressed_names_that_point_back_and_no_others),
		cmocka_unit_test(reads_no_octet_beyond_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
