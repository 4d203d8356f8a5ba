#include "util/test.h"

#include <stdlib.h>

#include "engine/userspace/pieces.h"

static struct packet piece(uint32_t id, bool is_later, uint16_t port)
{
	return (struct packet){
		.pair = { ip_v4(10, 1, 0, 1), ip_v4(10, 2, 0, 1) },
		.version = 4,
		.protocol = IPPROTO_NUMBER_UDP,
		.is_fragment = true,
		.is_later_fragment = is_later,
		.fragment_id = id,
		.has_ports = !is_later && port != 0,
		.destination_port = port,
	};
}

static void a_later_fragment_has_the_ports_of_the_first(void **state)
{
	struct piece_memory *memory = new_zeroed(sizeof(*memory));
	struct packet first = piece(7, false, 53), later = piece(7, true, 0);
	struct instant now = { SECONDS(5).ns };
	struct shown shown;

	assert_true(pieces_show(memory, &later, now).hides_ports);
	assert_int_equal(pieces_show(memory, &first, now).remote_port, 53);
	shown = pieces_show(memory, &later, now);
	assert_false(shown.hides_ports);
	assert_int_equal(shown.remote_port, 53);
	assert_int_equal(shown.protocol, IPPROTO_NUMBER_UDP);
	later.fragment_id = 8;
	assert_true(pieces_show(memory, &later, now).hides_ports);
	later.fragment_id = 7;
	later.pair.destination = ip_v4(10, 2, 0, 2);
	assert_true(pieces_show(memory, &later, now).hides_ports);
	later.pair.destination = first.pair.destination;
	now.ns += SECONDS(1).ns;
	assert_true(pieces_show(memory, &later, now).hides_ports);
	free(memory);
}

/* A first fragment may be too short to show them; nobody learns of it. */
static void what_shows_no_ports_hides_them(void **state)
{
	struct piece_memory *memory = new_zeroed(sizeof(*memory));
	struct packet first = piece(7, false, 0), later = piece(7, true, 0);
	struct packet icmp = piece(9, true, 0);
	struct instant now = { SECONDS(5).ns };

	assert_true(pieces_show(memory, &first, now).hides_ports);
	assert_true(pieces_show(memory, &later, now).hides_ports);
	icmp.protocol = IPPROTO_NUMBER_ICMP;
	assert_false(pieces_show(memory, &icmp, now).hides_ports);
	assert_int_equal(pieces_show(memory, &icmp, now).remote_port, -1);
	icmp.version = 6; /* its upper protocol may stand behind more headers */
	assert_true(pieces_show(memory, &icmp, now).hides_ports);
	free(memory);
}

/* A private datagram must not leave by the rule of another with its number. */
static void a_number_says_nothing_of_another_packet(void **state)
{
	struct piece_memory *memory = new_zeroed(sizeof(*memory));
	struct packet first = piece(7, false, 53), later = piece(7, true, 0);
	struct packet icmp = piece(7, true, 0);
	struct instant now = { SECONDS(5).ns };

	icmp.protocol = IPPROTO_NUMBER_ICMP;
	(void)pieces_show(memory, &first, now);
	assert_int_equal(pieces_show(memory, &icmp, now).protocol, IPPROTO_NUMBER_ICMP);
	assert_int_equal(pieces_show(memory, &icmp, now).remote_port, -1);
	first.has_ports = false; /* the number comes again, and tells nothing */
	(void)pieces_show(memory, &first, now);
	assert_true(pieces_show(memory, &later, now).hides_ports);
	free(memory);
}

static void icmp_types_are_no_ports(void **state)
{
	struct packet ping = { .version = 4,
		               .protocol = IPPROTO_NUMBER_ICMP,
		               .has_ports = true,
		               .destination_port = 0x0800 };

	assert_int_equal(packet_show(&ping).remote_port, -1);
	assert_false(packet_show(&ping).hides_ports);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_later_fragment_has_the_ports_of_the_first),
		cmocka_unit_test(what_shows_no_ports_hides_them),
		cmocka_unit_test(a_number_says_nothing_of_another_packet),
		cmocka_unit_test(icmp_types_are_no_ports),
	};

	return cmocka_run_group_tests_name("pieces", tests, NULL, NULL);
}
