#include "util/test.h"

#include <sys/stat.h>
#include <unistd.h>

#include "control/bundle.h"

static char dir[64];

static void put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static int make_dir(void **state)
{
	strcpy(dir, "/tmp/wildswan-test-XXXXXX");
	return mkdtemp(dir) == NULL;
}

static int remove_dir(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -r %s", dir);
	return system(command);
}

static void add(void *ctx, const char *name, struct bytes text)
{
	struct text *seen = ctx;

	text_add(seen, "%s=", strrchr(name, '/') + 1);
	text_add_bytes(seen, text);
	text_add(seen, ";");
}

static void ask(const struct conf_reader *reader, const char *pattern, bool ok,
                const char *expected)
{
	struct text seen = { 0 };

	assert_int_equal(reader->read(reader->ctx, dir, pattern, add, &seen), ok);
	assert_string_equal(seen.s != NULL ? seen.s : "", expected);
	text_free(&seen);
}

static void the_player_answers_what_was_recorded_and_nothing_else(void **state)
{
	struct bundle *recorded = bundle_new();
	struct conf_reader reader = bundle_recorder(recorded, false);
	struct bundle *replayed;
	json_t *json;

	put("b.conf", "two\n", 0644);
	put("a.conf", "one \xff", 0644);
	ask(&reader, "*.conf", true, "a.conf=one \xff;b.conf=two\n;");
	ask(&reader, "*.none", true, "");
	ask(&reader, "missing", false, "");
	assert_non_null(strstr(bundle_complaints(recorded), "missing: No such file"));

	json = bundle_to_json(recorded);
	bundle_free(recorded);
	replayed = bundle_from_json(json);
	json_decref(json);
	assert_non_null(replayed);
	put("a.conf", "changed", 0644);
	reader = bundle_player(replayed);
	ask(&reader, "*.conf", true, "a.conf=one \xff;b.conf=two\n;");
	ask(&reader, "*.none", true, "");
	ask(&reader, "missing", false, "");
	ask(&reader, "b.conf", false, "");
	bundle_free(replayed);
}

static void a_question_asked_twice_has_one_answer(void **state)
{
	struct bundle *b = bundle_new();
	struct conf_reader reader = bundle_recorder(b, false);

	put("c", "before", 0644);
	ask(&reader, "c", true, "c=before;");
	put("c", "after", 0644);
	ask(&reader, "c", true, "c=before;");
	bundle_free(b);
}

static void secrets_that_others_can_read_are_refused(void **state)
{
	struct bundle *b = bundle_new();
	struct conf_reader reader = bundle_recorder(b, true);

	put("open", "key", 0640);
	put("closed", "key", 0600);
	ask(&reader, "open", false, "");
	assert_non_null(strstr(bundle_complaints(b), "open: holds secrets and others can read it"));
	ask(&reader, "closed", true, "closed=key;");
	bundle_free(b);
}

/* Its name would not survive JSON, and what it says would be missing where it is played. */
static void a_file_whose_name_is_no_text_is_refused(void **state)
{
	struct bundle *b = bundle_new();
	struct conf_reader reader = bundle_recorder(b, false);

	put("b\xfcro.conf", "conn private\n", 0644);
	put("a.conf", "one\n", 0644);
	ask(&reader, "*.conf", false, "");
	assert_non_null(strstr(bundle_complaints(b), "its name is no UTF-8"));
	bundle_free(b);
}

/* What cannot be looked into is not empty: private hosts may stand there. */
static void a_directory_that_cannot_be_read_is_no_empty_one(void **state)
{
	struct bundle *b = bundle_new();
	struct conf_reader reader = bundle_recorder(b, false);
	char path[128];

	snprintf(path, sizeof(path), "%s/loop", dir);
	assert_int_equal(symlink("loop", path), 0);
	ask(&reader, "loop/[p]rivate", false, "");
	assert_non_null(
	    strstr(bundle_complaints(b), "loop/[p]rivate: Too many levels of symbolic links"));
	ask(&reader, "nowhere/[p]rivate", true, "");
	bundle_free(b);
}

/* Here its length is not what fstat() says, as it is while somebody writes it. */
static void a_file_that_is_not_as_long_as_it_says_is_refused(void **state)
{
	struct bundle *b = bundle_new();
	struct conf_reader reader = bundle_recorder(b, false);

	ask(&reader, "/proc/version", false, "");
	assert_non_null(strstr(bundle_complaints(b), "/proc/version: changes while it is read"));
	bundle_free(b);
}

static void what_is_no_bundle_is_refused(void **state)
{
	static const char *const cases[] = {
		"{}",
		"[1]",
		"[{\"base\":\"\",\"pattern\":\"a\",\"answered\":true,\"files\":{}}]",
		"[{\"base\":\"\",\"pattern\":\"a\",\"answered\":true,\"files\":[{\"name\":\"a\"}]}"
		"]",
		"[{\"base\":\"\",\"pattern\":\"a\",\"answered\":true,"
		"\"files\":[{\"name\":\"a\",\"base64\":\"!\"}]}]",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *json = json_loads(cases[i], 0, NULL);

		assert_non_null(json);
		assert_null(bundle_from_json(json));
		json_decref(json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    the_player_answers_what_was_recorded_and_nothing_else, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_question_asked_twice_has_one_answer, make_dir,
		                                remove_dir),
		cmocka_unit_test_setup_teardown(secrets_that_others_can_read_are_refused, make_dir,
		                                remove_dir),
		cmocka_unit_test_setup_teardown(a_file_whose_name_is_no_text_is_refused, make_dir,
		                                remove_dir),
		cmocka_unit_test_setup_teardown(a_file_that_is_not_as_long_as_it_says_is_refused,
		                                make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(a_directory_that_cannot_be_read_is_no_empty_one,
		                                make_dir, remove_dir),
		cmocka_unit_test(what_is_no_bundle_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
