#include "util/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/handover.h"
#include "control/keeper_wire.h"
#include "control/sealed.h"
#include "crypto/signer_wire.h"

static bool no_files(void *ctx, const char *base, const char *pattern,
                     void (*add)(void *add_ctx, const char *name, struct bytes text), void *add_ctx)
{
	static const char pem[] = "-----BEGIN PRIVATE KEY-----\nnot really\n";

	add(add_ctx, pattern, BYTES_STR(pem));
	return true;
}

static struct secrets two_secrets(void)
{
	struct conf_reader reader = { .read = no_files };
	struct conf_messages messages = { 0 };
	struct secrets secrets;

	assert_true(secrets_parse(&secrets, "ipsec.secrets",
	                          BYTES_STR("192.0.2.1 @east.example.net : PSK \"knock knock\"\n"
	                                    ": ED25519-NEXT west.pem\n"),
	                          &reader, &messages));
	return secrets;
}

static size_t contents(int fd, uint8_t *out, size_t size)
{
	ssize_t n = pread(fd, out, size, 0);

	assert_true(n >= 0);
	return (size_t)n;
}

static void the_file_holds_a_set_as_the_signer_wants_it(void **state)
{
	struct secrets secrets = two_secrets();
	char error[128];
	int fd = handover_secrets(&secrets, error, sizeof(error));
	uint8_t octets[4096];
	struct bytes frames = BYTES(octets, contents(fd, octets, sizeof(octets)));
	static const uint8_t kinds[] = { SIGNER_SECRET_PSK, SIGNER_SECRET_ED25519_PEM };
	struct signer_message m;
	size_t used;

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		assert_int_equal(signer_message_parse(frames, &m, &used), SIGNER_MESSAGE);
		assert_int_equal(m.kind, SIGNER_ADD);
		assert_int_equal(m.algorithm, kinds[i]);
		assert_true(bytes_equal(m.parts[0], i == 0 ? BYTES_STR("knock knock")
		                                           : secret_view(&secrets.entries[1].pem)));
		frames = BYTES(frames.data + used, frames.len - used);
	}
	assert_int_equal(signer_message_parse(frames, &m, &used), SIGNER_MESSAGE);
	assert_int_equal(m.kind, SIGNER_COMMIT);
	assert_int_equal(m.index, 2);
	assert_int_equal(used, frames.len);
	close(fd);
	secrets_wipe(&secrets);
}

static void the_description_names_everything_but_the_secrets(void **state)
{
	struct secrets secrets = two_secrets();
	struct secrets described = { 0 };
	json_t *json = handover_describe(&secrets);
	char *text = json_dumps(json, 0);
	struct conf_id east = { .kind = CONF_ID_FQDN, .fqdn = "east.example.net" };
	struct conf_id west = { .kind = CONF_ID_ADDRESS };

	assert_null(strstr(text, "knock"));
	assert_null(strstr(text, "not really"));
	assert_true(handover_described(json, &described));
	assert_int_equal(described.count, 2);
	assert_true(ip_parse("192.0.2.1", &west.address));
	assert_int_equal(secrets_find_psk(&described, &west, &east), 0);
	assert_int_equal(described.entries[1].kind, SECRET_ED25519_FILE);
	assert_true(described.entries[1].is_next);
	assert_int_equal(described.entries[1].line, 2);
	assert_string_equal(described.entries[1].file, "west.pem");
	assert_null(described.entries[0].psk.data);
	json_decref(json);
	free(text);
	secrets_wipe(&described);
	secrets_wipe(&secrets);
}

static void identities_of_every_kind_come_back(void **state)
{
	struct conf_reader reader = { .read = no_files };
	struct conf_messages messages = { 0 };
	struct secrets secrets;
	struct secrets described;
	json_t *json;

	assert_true(secrets_parse(
	    &secrets, "ipsec.secrets",
	    BYTES_STR("192.0.2.1 2001:db8::1 @east.example.net ann@example.net @#00ff "
	              "/C=CH/O=Example,Ltd/CN=west : PSK \"x\"\n"),
	    &reader, &messages));
	json = handover_describe(&secrets);
	assert_true(handover_described(json, &described));
	assert_int_equal(described.entries[0].id_count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_true(
		    conf_id_equal(&secrets.entries[0].ids[i], &described.entries[0].ids[i]));
	json_decref(json);
	secrets_wipe(&described);
	secrets_wipe(&secrets);
}

static void a_ppk_comes_with_its_name(void **state)
{
	static const char *const ids[] = { "192.0.2.1", "2001:db8::1", "@west.example.net",
		                           "ann@example.net", "@#00ff" };

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct conf_reader reader = { .read = no_files };
		struct conf_messages messages = { 0 };
		CLEANUP(text_free) struct text text = { 0 };
		struct secrets secrets;
		struct secrets described;
		json_t *json;

		text_add(&text, "%s : PPK \"its name\" \"knock\"\n", ids[i]);
		assert_true(secrets_parse(&secrets, "ipsec.secrets", BYTES(text.s, text.len),
		                          &reader, &messages));
		json = handover_describe(&secrets);
		assert_true(handover_described(json, &described));
		assert_int_equal(described.count, 1);
		assert_int_equal(described.entries[0].id_count, 1);
		assert_true(
		    conf_id_equal(&described.entries[0].ids[0], &secrets.entries[0].ids[0]));
		assert_string_equal(described.entries[0].ppk_id, "its name");
		assert_int_equal(secrets_find_ppk(&described, &secrets.entries[0].ids[0],
		                                  &secrets.entries[0].ids[0], "its name"),
		                 0);
		assert_int_equal(secrets_find_ppk(&described, &secrets.entries[0].ids[0],
		                                  &secrets.entries[0].ids[0], "another"),
		                 -1);
		json_decref(json);
		secrets_wipe(&described);
		secrets_wipe(&secrets);
	}
}

static void what_is_no_description_is_refused(void **state)
{
	static const char *const cases[] = {
		"{}",
		"[1]",
		"[{\"kind\": \"psk\"}]",
		"[{\"kind\": \"sausage\", \"next\": false, \"ids\": [], \"line\": 1}]",
		"[{\"kind\": \"psk\", \"next\": false, \"ids\": [\"@a..b\"], \"line\": 1}]",
		"[{\"kind\": \"psk\", \"next\": false, \"ids\": [1,2,3,4,5,6,7,8,9], \"line\": 1}]",
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		json_t *json = json_loads(cases[i], 0, NULL);
		struct secrets secrets = { 0 };

		assert_non_null(json);
		assert_false(handover_described(json, &secrets));
		assert_null(secrets.entries);
		json_decref(json);
	}
}

/* As the daemon, which is neither root nor the owner of the file. */
static int read_as_another(int token)
{
	char path[64];
	char octet;

	if (setresgid(64735, 64735, 64735) != 0 || setresuid(64735, 64735, 64735) != 0)
		return 1;
	if (read(token, &octet, 1) >= 0 || errno != EBADF || pread(token, &octet, 1, 0) >= 0)
		return 2;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", token);
	if (open(path, O_RDONLY) >= 0 || errno != EACCES)
		return 3;
	return sealed_redeem(token) >= 0 ? 4 : 0;
}

static void a_token_opens_the_file_for_its_owner_and_nobody_else(void **state)
{
	int fd = sealed_new(BYTES_STR("secret"));
	int token = sealed_token(fd);
	uint8_t octets[16];
	int status;
	int again;
	pid_t child;

	close(fd);
	assert_true(token >= 0);
	assert_int_equal(read(token, octets, 1), -1);
	again = sealed_redeem(token);
	assert_int_equal(contents(again, octets, sizeof(octets)), 6);
	assert_int_equal(write(again, "x", 1), -1);
	close(again);
	if (geteuid() == 0) {
		child = fork();
		if (child == 0)
			_exit(read_as_another(token));
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	close(token);
}

/* Somebody may hope that root opens something else for him. */
static void what_is_not_sealed_and_ours_is_not_opened(void **state)
{
	char name[] = "/tmp/wildswan-test-XXXXXX";
	int file = mkstemp(name);
	int open_to_all = sealed_new(BYTES_STR("x"));
	int tokens[3];

	unlink(name);
	assert_int_equal(fchmod(open_to_all, 0644), 0);
	tokens[0] = sealed_token(file);
	tokens[1] = open("/dev/null", O_PATH);
	tokens[2] = sealed_token(open_to_all);
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		assert_true(tokens[i] >= 0);
		assert_int_equal(sealed_redeem(tokens[i]), -1);
		close(tokens[i]);
	}
	close(file);
	close(open_to_all);
}

static void keeper_messages_arrive_whole_with_their_descriptors(void **state)
{
	struct keeper_message out = { .kind = KEEPER_FILES, .text = "why", .fds = { -1, -1 } };
	struct keeper_message in;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(keeper_receive(ends[1], &in), KEEPER_NOTHING);
	assert_true(keeper_send(ends[0], &out));
	out.fds[0] = STDIN_FILENO;
	out.fds[1] = STDERR_FILENO;
	out.kind = KEEPER_TROUBLE;
	out.set = 0x01020304;
	assert_true(keeper_send(ends[0], &out));
	assert_int_equal(keeper_receive(ends[1], &in), KEEPER_MESSAGE);
	assert_int_equal(in.kind, KEEPER_FILES);
	assert_string_equal(in.text, "why");
	assert_int_equal(in.fds[0], -1);
	assert_int_equal(keeper_receive(ends[1], &in), KEEPER_MESSAGE);
	assert_int_equal(in.set, 0x01020304);
	assert_true(in.fds[0] > STDERR_FILENO && in.fds[1] > STDERR_FILENO);
	keeper_message_close(&in);
	assert_int_equal(send(ends[0], "?", 1, 0), 1);
	assert_int_equal(keeper_receive(ends[1], &in), KEEPER_NOTHING);
	close(ends[0]);
	assert_int_equal(keeper_receive(ends[1], &in), KEEPER_GONE);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_file_holds_a_set_as_the_signer_wants_it),
		cmocka_unit_test(the_description_names_everything_but_the_secrets),
		cmocka_unit_test(identities_of_every_kind_come_back),
		cmocka_unit_test(a_ppk_comes_with_its_name),
		cmocka_unit_test(what_is_no_description_is_refused),
		cmocka_unit_test(a_token_opens_the_file_for_its_owner_and_nobody_else),
		cmocka_unit_test(what_is_not_sealed_and_ours_is_not_opened),
		cmocka_unit_test(keeper_messages_arrive_whole_with_their_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
