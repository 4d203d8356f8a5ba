#include "ike/join.h"

#include <assert.h>
#include <stdlib.h>

#include "ike/pieces.h"

struct join {
	struct join *older;
	struct join *newer;
	struct join **place; /* of the receiver */
	uint32_t message_id;
	uint16_t total;
	uint16_t count;
	uint8_t first;
	size_t octets;       /* of the pieces */
	size_t cost;         /* with what it takes to keep them */
	struct buf pieces[]; /* `total` of them; those missing have no data */
};

static void join_link(struct joins *all, struct join *join)
{
	join->older = all->newest;
	if (all->newest != NULL)
		all->newest->newer = join;
	else
		all->oldest = join;
	all->newest = join;
}

static void join_unlink(struct joins *all, struct join *join)
{
	if (join->older != NULL)
		join->older->newer = join->newer;
	else
		all->oldest = join->newer;
	if (join->newer != NULL)
		join->newer->older = join->older;
	else
		all->newest = join->older;
}

static void join_new(struct joins *all, struct join **place, uint32_t message_id, uint16_t total)
{
	size_t cost = sizeof(struct join) + total * sizeof(struct buf);
	struct join *join = new_zeroed(cost);

	join->place = place;
	join->cost = cost;
	all->octets += cost;
	join->message_id = message_id;
	join->total = total;
	join_link(all, join);
	*place = join;
}

void join_drop(struct joins *all, struct join **place)
{
	struct join *join = *place;

	if (join == NULL)
		return;
	join_unlink(all, join);
	for (uint16_t i = 0; i < join->total; i++)
		buf_free(&join->pieces[i]);
	assert(all->octets >= join->cost);
	all->octets -= join->cost;
	free(join);
	*place = NULL;
}

/* Room for one more piece of `join`, which stays. */
static void make_room(struct joins *all, const struct join *join, size_t len)
{
	while (all->octets + len > JOIN_OCTETS_MAX && all->oldest != join)
		join_drop(all, all->oldest->place);
}

static void keep(struct joins *all, struct join *join, struct piece piece, uint8_t first,
                 struct bytes text)
{
	make_room(all, join, text.len);
	join->pieces[piece.number - 1] = buf_copy(text);
	join->octets += text.len;
	join->cost += text.len;
	all->octets += text.len;
	join->count++;
	if (piece.number == 1)
		join->first = first;
}

static struct bytes put_together(const struct join *join, uint8_t *out)
{
	struct writer w = writer_on(out, IKE_MESSAGE_MAX);

	for (uint16_t i = 0; i < join->total; i++)
		write_bytes(&w, buf_view(&join->pieces[i]));
	assert(!w.failed);
	return writer_view(&w);
}

/* A cut into more pieces is newer: what there is of the old one is worth nothing (FRG-5). */
static void begin(struct joins *all, struct join **place, uint32_t message_id, uint16_t total)
{
	if (*place != NULL && ((*place)->message_id != message_id || total > (*place)->total))
		join_drop(all, place);
	if (*place == NULL)
		join_new(all, place, message_id, total);
}

enum join_verdict join_add(struct joins *all, struct join **place, uint32_t message_id,
                           struct piece piece, uint8_t first, struct bytes text, uint8_t *out,
                           uint8_t *joined_first, struct bytes *joined)
{
	struct join *join;

	assert(piece.number > 0 && piece.number <= piece.total);
	if (piece.total > PIECES_MAX || text.len == 0)
		return JOIN_REFUSED;
	begin(all, place, message_id, piece.total);
	join = *place;
	if (piece.total < join->total)
		return JOIN_REFUSED;
	if (join->pieces[piece.number - 1].data != NULL)
		return JOIN_WAITS;
	if (join->octets + text.len > IKE_MESSAGE_MAX) {
		join_drop(all, place);
		return JOIN_REFUSED;
	}
	keep(all, join, piece, first, text);
	if (join->count < join->total)
		return JOIN_WAITS;
	*joined = put_together(join, out);
	*joined_first = join->first;
	join_drop(all, place);
	return JOIN_DONE;
}
