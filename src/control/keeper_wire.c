#include "control/keeper_wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Room for descriptors, aligned as the kernel wants it. */
union passed {
	struct cmsghdr head;
	char space[CMSG_SPACE(KEEPER_FDS_MAX * sizeof(int))];
};

static void pass(struct msghdr *to, union passed *passed, const int fds[KEEPER_FDS_MAX])
{
	size_t count = 0;

	while (count < KEEPER_FDS_MAX && fds[count] >= 0)
		count++;
	if (count == 0)
		return;
	passed->head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)),
		                         .cmsg_level = SOL_SOCKET,
		                         .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&passed->head), fds, count * sizeof(int));
	to->msg_control = passed;
	to->msg_controllen = CMSG_SPACE(count * sizeof(int));
}

bool keeper_send(int fd, const struct keeper_message *message)
{
	uint8_t kind = (uint8_t)message->kind;
	uint32_t set = message->set;
	struct iovec data[] = { { &kind, 1 },
		                { &set, sizeof(set) },
		                { (char *)message->text,
		                  strnlen(message->text, KEEPER_TEXT_MAX - 1) } };
	struct msghdr header = { .msg_iov = data, .msg_iovlen = ARRAY_LEN(data) };
	union passed passed = { 0 };
	ssize_t n;

	pass(&header, &passed, message->fds);
	do
		n = sendmsg(fd, &header, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

void keeper_hint(int fd)
{
	uint8_t kind = KEEPER_HANGUP;
	struct iovec data = { &kind, 1 };
	const struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };

	(void)!sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void take(struct msghdr *from, int fds[KEEPER_FDS_MAX])
{
	struct cmsghdr *head = CMSG_FIRSTHDR(from);

	if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
		memcpy(fds, CMSG_DATA(head), head->cmsg_len - CMSG_LEN(0));
}

static bool is_kind(uint8_t kind)
{
	return kind == KEEPER_READ || kind == KEEPER_FILES || kind == KEEPER_TROUBLE ||
	       kind == KEEPER_LOAD || kind == KEEPER_HANGUP;
}

enum keeper_step keeper_receive(int fd, struct keeper_message *out)
{
	uint8_t kind = 0;
	struct iovec data[] = { { &kind, 1 },
		                { &out->set, sizeof(out->set) },
		                { out->text, KEEPER_TEXT_MAX - 1 } };
	union passed passed = { 0 };
	struct msghdr header = { .msg_iov = data,
		                 .msg_iovlen = ARRAY_LEN(data),
		                 .msg_control = &passed,
		                 .msg_controllen = sizeof(passed) };
	ssize_t n;

	*out = (struct keeper_message){ .fds = { -1, -1 } };
	n = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? KEEPER_NOTHING : KEEPER_GONE;
	if (n == 0)
		return KEEPER_GONE;
	take(&header, out->fds);
	if (!is_kind(kind)) {
		keeper_message_close(out);
		return KEEPER_NOTHING;
	}
	out->kind = (enum keeper_message_kind)kind;
	return KEEPER_MESSAGE;
}

void keeper_message_close(struct keeper_message *message)
{
	for (size_t i = 0; i < ARRAY_LEN(message->fds); i++) {
		if (message->fds[i] >= 0)
			close(message->fds[i]);
		message->fds[i] = -1;
	}
}
