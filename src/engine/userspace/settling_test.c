#include "util/test.h"

#include "engine/userspace/settling.h"

static const struct instant start = { INT64_C(9000000000) };

/* A UDP packet from that port, whose header translation and routing have not touched yet. */
static struct packet make(uint8_t octets[36], uint16_t port)
{
	uint16_t sum;
	struct packet p;

	memset(octets, 0, 36);
	memcpy(octets,
	       (uint8_t[]){ 0x45, 0, 0, 36, 0, 0, 0, 0, 64, 17, 0, 0, 10, 1, 0, 1, 10, 2, 0, 1 },
	       20);
	octets[20] = (uint8_t)(port >> 8);
	octets[21] = (uint8_t)port;
	sum = checksum_finish(checksum_add(0, BYTES(octets, 20)));
	octets[10] = (uint8_t)(sum >> 8);
	octets[11] = (uint8_t)sum;
	assert_true(packet_parse(BYTES(octets, 36), &p));
	return p;
}

static void knows_a_packet_again_whatever_the_kernel_wrote_into_it(void **state)
{
	uint8_t a[36], b[36], c[36];
	struct packet one = make(a, 1000), other = make(b, 1001), back = make(c, 1000);
	struct settling s = { 0 };

	settling_add(&s, &one, start);
	assert_false(settling_take(&s, &other));
	c[4] = 0x77;  /* identification */
	c[8] = 63;    /* TTL */
	c[26] = 0x12; /* UDP checksum */
	assert_true(settling_take(&s, &back));
	assert_int_equal(s.count, 0);
	assert_false(settling_take(&s, &back));
}

static void waits_for_what_is_under_way_and_no_longer_than_its_bounds(void **state)
{
	uint8_t octets[36];
	struct packet p = make(octets, 1);
	struct settling s = { 0 };

	assert_false(settling_waits(&s, start));
	settling_add(&s, &p, start);
	settling_add(&s, &p, instant_after(start, MILLISECONDS(100)));
	assert_true(settling_waits(&s, instant_after(start, MILLISECONDS(199))));
	assert_false(settling_waits(&s, instant_after(start, MILLISECONDS(200))));
	assert_int_equal(s.count, 0);
	for (int i = 0; i < SETTLING_MAX + 5; i++)
		settling_add(&s, &p, start);
	assert_int_equal(s.count, SETTLING_MAX);
	assert_false(settling_waits(&s, start)); /* no room behind them */
	assert_true(settling_take(&s, &p));
	assert_true(settling_waits(&s, start));
}

static void does_not_take_a_fragment_for_another(void **state)
{
	uint8_t octets[36];
	struct packet one = make(octets, 1), other = one;
	struct settling s = { 0 };

	one.is_fragment = one.is_later_fragment = other.is_fragment = other.is_later_fragment = true;
	one.fragment_id = 7;
	other.fragment_id = 8;
	settling_add(&s, &one, start);
	assert_false(settling_take(&s, &other));
	assert_true(settling_take(&s, &one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_a_packet_again_whatever_the_kernel_wrote_into_it),
		cmocka_unit_test(does_not_take_a_fragment_for_another),
		cmocka_unit_test(waits_for_what_is_under_way_and_no_longer_than_its_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
