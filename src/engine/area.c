#include "engine/area.h"

#include <stdlib.h>

struct box box_of_traffic(const struct traffic *t)
{
	struct box box = { 0, UINT8_MAX, 0, UINT16_MAX };

	if (t->protocol != 0)
		box.first_protocol = box.last_protocol = t->protocol;
	if (t->has_ports) {
		box.first_port = t->first_port;
		box.last_port = t->last_port;
	}
	return box;
}

static uint64_t box_key(const struct box *b)
{
	return (uint64_t)b->first_protocol << 40 | (uint64_t)b->last_protocol << 32 |
	       (uint64_t)b->first_port << 16 | b->last_port;
}

int box_compare(const struct box *a, const struct box *b)
{
	uint64_t x = box_key(a), y = box_key(b);

	return (x > y) - (x < y);
}

size_t area_len(const struct policy_row *flat, size_t count)
{
	size_t len = 1;

	while (len < count && range_equal(&flat[len].local, &flat->local) &&
	       range_equal(&flat[len].remote, &flat->remote))
		len++;
	return len;
}

bool area_has_ports(const struct policy_row *area, size_t count)
{
	return count > 1 || (count == 1 && !traffic_is_any(&area->traffic));
}

struct boxes {
	struct box *list;
	size_t count;
};

static void boxes_add(struct boxes *b, struct box box)
{
	b->list = grow_array(b->list, b->count + 1, sizeof(*b->list));
	b->list[b->count++] = box;
}

static bool overlap(const struct box *a, const struct box *b)
{
	return a->first_protocol <= b->last_protocol && b->first_protocol <= a->last_protocol &&
	       a->first_port <= b->last_port && b->first_port <= a->last_port;
}

/* What of `box` is outside of `hole` goes to `left`; what is inside, returned. They do overlap. */
static struct box cut(struct box box, const struct box *hole, struct boxes *left)
{
	struct box part = box;

	if (box.first_protocol < hole->first_protocol) {
		part.last_protocol = (uint8_t)(hole->first_protocol - 1);
		boxes_add(left, part);
		box.first_protocol = hole->first_protocol;
	}
	part = box;
	if (box.last_protocol > hole->last_protocol) {
		part.first_protocol = (uint8_t)(hole->last_protocol + 1);
		boxes_add(left, part);
		box.last_protocol = hole->last_protocol;
	}
	part = box;
	if (box.first_port < hole->first_port) {
		part.last_port = (uint16_t)(hole->first_port - 1);
		boxes_add(left, part);
		box.first_port = hole->first_port;
	}
	part = box;
	if (box.last_port > hole->last_port) {
		part.first_port = (uint16_t)(hole->last_port + 1);
		boxes_add(left, part);
		box.last_port = hole->last_port;
	}
	return box;
}

void area_divide(const struct policy_row *area, size_t count,
                 void (*each)(void *ctx, size_t row, const struct box *box), void *ctx)
{
	static const struct traffic any;
	struct boxes left = { 0 };

	boxes_add(&left, box_of_traffic(&any));
	for (size_t i = 0; i < count && left.count > 0; i++) {
		struct box rule = box_of_traffic(&area[i].traffic);
		struct boxes next = { 0 };

		for (size_t j = 0; j < left.count; j++) {
			struct box inside;

			if (!overlap(&left.list[j], &rule)) {
				boxes_add(&next, left.list[j]);
				continue;
			}
			inside = cut(left.list[j], &rule, &next);
			each(ctx, i, &inside);
		}
		free(left.list);
		left = next;
	}
	for (size_t j = 0; j < left.count; j++)
		each(ctx, count, &left.list[j]);
	free(left.list);
}

bool area_is_carried(enum policy_action action, const struct traffic *traffic,
                     const struct traffic *made)
{
	if (action == POLICY_TRAP || traffic_equal(traffic, made))
		return true;
	return action == POLICY_PASS && traffic_compare(traffic, made) > 0;
}
