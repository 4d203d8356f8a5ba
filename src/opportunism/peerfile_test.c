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

static struct text slot_of(const struct peer_record *peers, size_t count, uint64_t sequence)
{
	struct text body = { 0 }, out = { 0 };

	for (size_t i = 0; i < count; i++)
		assert_true(peerfile_add(&body, &peers[i]));
	assert_true(peerfile_write(&body, sequence, &out));
	text_free(&body);
	return out;
}

/* RST-2 */
static void what_is_written_is_read(void **state)
{
	const struct peer_record peers[] = { record("192.0.2.2", NULL, "private-or-clear"),
		                             record("2001:db8::2", "east.example.net", "sites") };
	struct text slot = slot_of(peers, 2, 7);
	struct peer_record *read;
	uint64_t sequence;
	size_t count;

	text_add_bytes(&slot, BYTES_STR("what an earlier text left behind\n"));
	assert_true(peerfile_parse(BYTES((uint8_t *)slot.s, slot.len), &sequence, &read, &count));
	assert_int_equal(sequence, 7);
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
	text_free(&slot);
}

/* A crash may leave any part of it, and a disk any octet. */
static void what_is_broken_counts_for_nothing(void **state)
{
	const struct peer_record peer = record("192.0.2.2", NULL, "sites");
	struct text slot = slot_of(&peer, 1, 7);
	struct peer_record *read;
	uint64_t sequence;
	size_t count;

	for (size_t len = 0; len < slot.len; len++)
		assert_false(
		    peerfile_parse(BYTES((uint8_t *)slot.s, len), &sequence, &read, &count));
	for (size_t i = strchr(slot.s, '\n') - slot.s; i < slot.len; i++) {
		slot.s[i] ^= 1;
		assert_false(
		    peerfile_parse(BYTES((uint8_t *)slot.s, slot.len), &sequence, &read, &count));
		slot.s[i] ^= 1;
	}
	text_free(&slot);
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
	struct text body = { 0 }, slot = { 0 };
	struct peer_record *read;
	uint64_t sequence;
	size_t count;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		text_add(&body, "%s\n", lines[i]);
	assert_true(peerfile_add(&body, &peer));
	assert_true(peerfile_write(&body, 1, &slot));
	assert_true(peerfile_parse(BYTES((uint8_t *)slot.s, slot.len), &sequence, &read, &count));
	assert_int_equal(count, 1);
	assert_string_equal(read[0].conn, "sites");
	free(read);
	text_free(&body);
	text_free(&slot);
}

static void a_full_file_takes_no_more(void **state)
{
	const struct peer_record peer = record("192.0.2.2", NULL, "sites");
	struct text body = { 0 }, slot = { 0 };
	size_t added = 0, count;
	struct peer_record *read;
	uint64_t sequence;

	while (peerfile_add(&body, &peer))
		added++;
	assert_true(added > PEER_RECORDS_MAX);
	assert_true(peerfile_write(&body, 1, &slot));
	assert_true(slot.len <= PEERFILE_SLOT);
	assert_true(peerfile_parse(BYTES((uint8_t *)slot.s, slot.len), &sequence, &read, &count));
	assert_int_equal(count, PEER_RECORDS_MAX);
	free(read);
	text_free(&body);
	text_free(&slot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_is_broken_counts_for_nothing),
		cmocka_unit_test(lines_that_cannot_be_read_are_left_out),
		cmocka_unit_test(a_full_file_takes_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
