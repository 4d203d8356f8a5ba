#include "engine/outbox.h"

#include <assert.h>
#include <errno.h>

void outbox_add(struct outbox *box, const struct path *path, struct bytes datagram)
{
	assert(box->count < OUTBOX_MAX);
	box->items[box->count++] = (struct outbox_item){ *path, buf_copy(datagram) };
}

size_t outbox_flush(struct outbox *box, const struct outer *outer)
{
	size_t refused = 0;

	for (size_t i = 0; i < box->count; i++) {
		struct outbox_item *item = &box->items[i];

		if (!outer_send_ike(outer, &item->path, buf_view(&item->datagram))) {
			box->refused_why = errno;
			box->refused_to = item->path.remote.address;
			refused++;
		}
		buf_free(&item->datagram);
	}
	box->count = 0;
	return refused;
}

void outbox_wipe(struct outbox *box)
{
	for (size_t i = 0; i < box->count; i++)
		buf_free(&box->items[i].datagram);
	box->count = 0;
}
