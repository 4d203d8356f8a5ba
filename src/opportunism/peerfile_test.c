#include "util/test.h"

#include "opportunism/peerfile.h"

#include <stdlib.h>

static struct peer_record record(const char *gateway, const char *name, const char *conn)
{
	struct peer_record peer = { .seen_s = 1700000000 };

	assert_true(ip_parse(gateway, &peer.gateway));
	assert_true(ip_parse("192.0.2.1", &peer.ours));
	peer.our_id = id_of_ip(&peer.ours);
	peer.id = name == NULL ? id_of_ip(&peer.gateway) : id_of_fqdn(name);
	string_copy(peer.conn, sizeof(peer.conn), conn);
	return peer;
}

static struct bytes view(const struct text *text)
{
	return BYTES((uint8_t *)text->s, text->len);
}

/* RST-2 */
static void what_is_written_is_read(void **state)
{
	const struct peer_record peers[] = { record("192.0.2.2", NULL, "private-or-clear"),
		                             record("2001:db8::2", "east.example.net", "sites") };
	struct text body = { 0 };
	struct peer_record *read;
	size_t count;

	assert_true(peerfile_add(&body, &peers[0]));
	assert_true(peerfile_add(&body, &peers[1]));
	peerfile_parse(view(&body), &read, &count);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(ip_equal(&read[i].gateway, &peers[i].gateway));
		assert_true(ip_equal(&read[i].ours, &peers[i].ours));
		assert_true(id_equal(&read[i].our_id, &peers[i].our_id));
		assert_true(id_equal(&read[i].id, &peers[i].id));
		assert_int_equal(read[i].seen_s, 1700000000);
		assert_string_equal(read[i].conn, peers[i].conn);
	}
	free(read);
	text_free(&body);
}

static void lines_that_cannot_be_read_are_left_out(void **state)
{
	static const char *const lines[] = {
		"192.0.2.2 192.0.2.1 1700000000 1:c0000201 1:c0000202",
		"192.0.2.2 192.0.2.1 1700000000 1:c0000201 1:c0000202 sites more",
		"192.0.2.256 192.0.2.1 1700000000 1:c0000201 1:c0000202 sites",
		"192.0.2.2 192.0.2.1 -1 1:c0000201 1:c0000202 sites",
		"192.0.2.2 192.0.2.1 9223372036854775808 1:c0000201 1:c0000202 sites",
		"192.0.2.2 192.0.2.1 1700000000 0:c0000201 1:c0000202 sites",
		"192.0.2.2 192.0.2.1 1700000000 256:c0000201 1:c0000202 sites",
		"192.0.2.2 192.0.2.1 1700000000 1c0000201 1:c0000202 sites",
		"192.0.2.2 192.0.2.1 1700000000 1:c000020 1:c0000202 sites",
		"192.0.2.2  192.0.2.1 1700000000 1:c0000201 1:c0000202 sites",
		"",
	};
	const struct peer_record peer = record("192.0.2.2", NULL, "sites");
	struct text body = { 0 };
	struct peer_record *read;
	size_t count;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		text_add(&body, "%s\n", lines[i]);
	assert_true(peerfile_add(&body, &peer));
	peerfile_parse(view(&body), &read, &count);
	assert_int_equal(count, 1);
	assert_string_equal(read[0].conn, "sites");
	free(read);
	text_free(&body);
}

static void a_full_file_takes_no_more(void **state)
{
	const struct peer_record peer = record("192.0.2.2", NULL, "sites");
	struct text body = { 0 }, slot = { 0 };
	size_t added = 0, count;
	struct peer_record *read;

	while (peerfile_add(&body, &peer))
		added++;
	assert_true(added > PEER_RECORDS_MAX);
	assert_true(slot_write(PEERFILE_WHAT, view(&body), 1, &slot));
	peerfile_parse(view(&body), &read, &count);
	assert_int_equal(count, PEER_RECORDS_MAX);
	free(read);
	text_free(&body);
	text_free(&slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(lines_that_cannot_be_read_are_left_out),
		cmocka_unit_test(a_full_file_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
