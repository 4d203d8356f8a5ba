#include "signer/signer_bed.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "control/keeper_wire.h"
#include "control/sealed.h"

enum { ANSWER_MS = 20000 };

const char *crash_secret;

static void exec_signer(int fd, int keeper)
{
	char uid[16];
	char gid[16];

	snprintf(uid, sizeof(uid), "%u", geteuid() == 0 ? TEST_UID : geteuid());
	snprintf(gid, sizeof(gid), "%u", geteuid() == 0 ? TEST_GID : getegid());
	fd = fcntl(fd, F_DUPFD, 10);
	keeper = fcntl(keeper, F_DUPFD, 10);
	if (dup2(fd, 3) == 3 && dup2(keeper, 4) == 4)
		execl(SIGNER_PROGRAM, SIGNER_PROGRAM, uid, gid, crash_secret, (char *)NULL);
	_exit(127);
}

struct signer *signer_start(void)
{
	struct signer *s = new_zeroed(sizeof(*s));
	int ends[2];
	int keepers[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, keepers), 0);
	s->pid = fork();
	assert_true(s->pid >= 0);
	if (s->pid == 0)
		exec_signer(ends[1], keepers[1]);
	close(ends[1]);
	close(keepers[1]);
	s->fd = ends[0];
	s->keeper = keepers[0];
	return s;
}

int signer_end(struct signer *s)
{
	int status;

	close(s->fd);
	close(s->keeper);
	assert_int_equal(waitpid(s->pid, &status, 0), s->pid);
	free(s);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void send_octets(struct signer *s, struct bytes octets)
{
	while (octets.len > 0) {
		ssize_t n = send(s->fd, octets.data, octets.len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* it has gone; the test asks for its end */
		octets = BYTES(octets.data + n, octets.len - (size_t)n);
	}
}

void say(struct signer *s, const struct signer_message *message)
{
	static uint8_t out[SIGNER_FRAME_MAX];
	struct writer w = writer_on(out, sizeof(out));

	assert_true(signer_message_write(&w, message));
	send_octets(s, writer_view(&w));
}

void put(struct signer *s, const struct signer_message *message)
{
	struct writer w = writer_on(s->set + s->set_len, sizeof(s->set) - s->set_len);

	assert_true(signer_message_write(&w, message));
	s->set_len += w.len;
}

void load(struct signer *s)
{
	struct keeper_message message = { .kind = KEEPER_LOAD,
		                          .set = ++s->loaded,
		                          .fds = { -1, -1 } };

	message.fds[0] = sealed_new(BYTES(s->set, s->set_len));
	s->set_len = 0;
	assert_true(keeper_send(s->keeper, &message));
	keeper_message_close(&message);
}

bool hear(struct signer *s, struct signer_message *out)
{
	static uint8_t frame[SIGNER_FRAME_MAX];
	size_t used = 0;

	while (signer_message_parse(BYTES(s->in, s->in_len), out, &used) != SIGNER_MESSAGE) {
		struct pollfd p = { .fd = s->fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, ANSWER_MS), 1);
		n = read(s->fd, s->in + s->in_len, sizeof(s->in) - s->in_len);
		if (n <= 0)
			return false;
		s->in_len += (size_t)n;
	}
	memcpy(frame, s->in, used);
	memmove(s->in, s->in + used, s->in_len - used);
	s->in_len -= used;
	assert_int_equal(signer_message_parse(BYTES(frame, used), out, &used), SIGNER_MESSAGE);
	return true;
}

void add(struct signer *s, enum signer_secret_kind kind, struct bytes secret)
{
	const struct signer_message m = { .kind = SIGNER_ADD,
		                          .algorithm = kind,
		                          .parts = { secret } };

	put(s, &m);
}

uint32_t commit(struct signer *s, uint32_t count, struct pubkey *keys)
{
	const struct signer_message m = { .kind = SIGNER_COMMIT, .index = count };
	struct signer_message answer;

	put(s, &m);
	load(s);
	for (uint32_t i = 0; hear(s, &answer) && answer.kind == SIGNER_KEY; i++) {
		assert_int_equal(answer.index, i);
		assert_in_range(i, 0, count - 1);
		if (keys == NULL)
			continue;
		keys[i].type = (enum pubkey_type)answer.algorithm;
		keys[i].len = (uint16_t)answer.data.len;
		memcpy(keys[i].octets, answer.data.data, answer.data.len);
	}
	assert_int_equal(answer.kind, SIGNER_LOADED);
	assert_int_equal(answer.set, s->loaded);
	if (answer.bad == SIGNER_BAD_NONE)
		s->in_use = s->loaded;
	return answer.bad;
}

struct buf ask_of(struct signer *s, uint32_t set, enum signer_message_kind kind, uint32_t index,
                  unsigned algorithm, struct bytes data)
{
	static uint64_t job_id = 0x1122334455667700;
	const struct signer_message m = { .kind = kind,
		                          .job_id = ++job_id,
		                          .set = set,
		                          .index = index,
		                          .algorithm = (uint8_t)algorithm,
		                          .data = data };
	struct signer_message answer;

	say(s, &m);
	assert_true(hear(s, &answer));
	assert_int_equal(answer.kind, SIGNER_RESULT);
	assert_int_equal(answer.job_id, job_id);
	return buf_copy(answer.data);
}

struct buf ask(struct signer *s, enum signer_message_kind kind, uint32_t index, unsigned algorithm,
               struct bytes data)
{
	return ask_of(s, s->in_use, kind, index, algorithm, data);
}
