#include "engine/userspace/mailbox.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool mailbox_init(struct mailbox *m)
{
	*m = (struct mailbox){ .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	pthread_mutex_init(&m->lock, NULL);
	m->letters = new_array(MAILBOX_SIZE, sizeof(*m->letters));
	return m->wake >= 0;
}

void mailbox_wipe(struct mailbox *m)
{
	struct letter letter;

	if (m->letters == NULL)
		return;
	while (mailbox_take(m, &letter))
		buf_free(&letter.datagram);
	free(m->letters);
	if (m->wake >= 0)
		close(m->wake);
	pthread_mutex_destroy(&m->lock);
	*m = (struct mailbox){ .wake = -1 };
}

void mailbox_wake(struct mailbox *m)
{
	uint64_t one = 1;

	/* It can only fail by being at its maximum, and then it is readable already. */
	if (write(m->wake, &one, sizeof(one)) < 0)
		return;
}

void mailbox_woken(struct mailbox *m)
{
	uint64_t count;

	if (read(m->wake, &count, sizeof(count)) < 0)
		return;
}

bool mailbox_put(struct mailbox *m, const struct letter *letter, struct bytes datagram)
{
	bool is_poor = letter->is_bare || letter->kind == LETTER_UNKNOWN_SPI;
	bool is_full;

	pthread_mutex_lock(&m->lock);
	is_full = m->count >= (is_poor ? MAILBOX_SIZE / 2 : MAILBOX_SIZE) ||
	          m->octets + datagram.len > MAILBOX_OCTETS_MAX;
	if (is_full) {
		m->dropped++;
	} else {
		struct letter *place = &m->letters[(m->first + m->count++) % MAILBOX_SIZE];

		*place = *letter;
		m->octets += datagram.len;
		place->datagram = buf_copy(datagram);
	}
	pthread_mutex_unlock(&m->lock);
	if (!is_full)
		mailbox_wake(m);
	return !is_full;
}

bool mailbox_take(struct mailbox *m, struct letter *letter)
{
	bool is_there;

	pthread_mutex_lock(&m->lock);
	is_there = m->count > 0;
	if (is_there) {
		*letter = m->letters[m->first];
		m->first = (m->first + 1) % MAILBOX_SIZE;
		m->count--;
		m->octets -= letter->datagram.len;
	}
	pthread_mutex_unlock(&m->lock);
	return is_there;
}
