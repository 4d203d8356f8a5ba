#include "util/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "daemon/slots.h"
#include "opportunism/slot.h"

static char path[64];
static int fd;

/* A disk that keeps back what it was given, until it is told to write. */
static bool is_unsynced[2];
static bool refuses_to_sync;

ssize_t pwrite(int to, const void *octets, size_t len, off_t at)
{
	is_unsynced[at / SLOT_SIZE] = true;
	return lseek(to, at, SEEK_SET) == at ? write(to, octets, len) : -1;
}

int fdatasync(int of)
{
	if (refuses_to_sync)
		return -1;
	is_unsynced[0] = is_unsynced[1] = false;
	return 0;
}

static int make_file(void **state)
{
	is_unsynced[0] = is_unsynced[1] = refuses_to_sync = false;
	strcpy(path, "/tmp/wildswan-test-XXXXXX");
	fd = mkstemp(path);
	return fd >= 0 ? 0 : 1;
}

static int remove_file(void **state)
{
	return close(fd) | unlink(path);
}

static void expect_read(const char *text)
{
	struct slots slots = { fd, "things", 0 };
	struct text body = { 0 };

	slots_read(&slots, &body);
	assert_string_equal(body.s == NULL ? "" : body.s, text);
	text_free(&body);
}

static void spoil(unsigned slot, off_t from)
{
	assert_int_equal(pwrite(fd, "#", 1, (off_t)slot * SLOT_SIZE + from), 1);
}

/* TRU-9, RST-2 */
static void the_newest_text_is_read(void **state)
{
	struct slots slots = { fd, "things", 0 };

	expect_read("");
	slots_write(&slots, BYTES_STR("a longer line\nand another\n"));
	expect_read("a longer line\nand another\n");
	slots_write(&slots, BYTES_STR("a line\n"));
	slots_write(&slots, BYTES_STR("one\n"));
	expect_read("one\n");
	slots_write(&slots, BYTES_STR(""));
	expect_read("");
}

/* What was being written when the machine stopped; and what comes after that. */
static void a_spoilt_text_counts_for_nothing(void **state)
{
	struct slots slots = { fd, "things", 0 };
	struct text body = { 0 };

	slots_write(&slots, BYTES_STR("first\n"));  /* to slot 1 */
	slots_write(&slots, BYTES_STR("second\n")); /* to slot 0 */
	spoil(0, 100);
	expect_read("second\n");
	spoil(0, 80);
	expect_read("first\n");
	slots = (struct slots){ fd, "things", 0 };
	slots_read(&slots, &body);
	slots_write(&slots, BYTES_STR("third\n"));
	expect_read("third\n");
	spoil(1, 0);
	expect_read("third\n");
	text_free(&body);
}

/* Of what the disk had not been told to write, anything may be there. */
static void fail_power(void)
{
	for (unsigned slot = 0; slot < 2; slot++)
		if (is_unsynced[slot])
			spoil(slot, 2);
}

/* TRU-9, RST-2: at any moment the text before is whole. */
static void a_power_failure_spoils_one_text_at_most(void **state)
{
	static const char *const texts[] = { "", "first\n", "second\n", "third\n", "fourth\n" };

	for (size_t count = 1; count < ARRAY_LEN(texts); count++) {
		struct slots slots = { fd, "things", 0 };

		assert_int_equal(ftruncate(fd, 0), 0);
		for (size_t i = 1; i <= count; i++)
			slots_write(&slots, BYTES_STR(texts[i]));
		expect_read(texts[count]);
		fail_power();
		expect_read(texts[count - 1]);
	}
}

static void a_disk_that_refuses_loses_what_is_new(void **state)
{
	struct slots slots = { fd, "things", 0 };

	slots_write(&slots, BYTES_STR("first\n"));
	refuses_to_sync = true;
	slots_write(&slots, BYTES_STR("second\n"));
	expect_read("first\n");
	refuses_to_sync = false;
	slots_write(&slots, BYTES_STR("third\n"));
	expect_read("third\n");
}

static void without_a_file_nothing_is_kept(void **state)
{
	struct slots slots = { -1, "things", 0 };
	struct text body = { 0 };

	slots_write(&slots, BYTES_STR("first\n"));
	slots_read(&slots, &body);
	assert_int_equal(body.len, 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_newest_text_is_read),
		CASE(a_spoilt_text_counts_for_nothing),
		CASE(a_power_failure_spoils_one_text_at_most),
		CASE(a_disk_that_refuses_loses_what_is_new),
		CASE(without_a_file_nothing_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
