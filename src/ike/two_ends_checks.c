/*
 * What two endpoints have come to: news, tunnels that fit, nothing left.
 */
#include "ike/two_ends_parts.h"

size_t count_news(const struct end *end, enum news_kind kind)
{
	size_t count = 0;

	for (size_t i = 0; i < end->news_count; i++)
		count += end->news[i].kind == kind;
	return count;
}

const struct news *last_news(const struct end *end, enum news_kind kind)
{
	for (size_t i = end->news_count; i > 0; i--) {
		if (end->news[i - 1].kind == kind)
			return &end->news[i - 1];
	}
	fail_msg("no news of kind %d", (int)kind);
	return NULL;
}

static bool is_gone(const struct end *end, uint32_t spi_in)
{
	for (size_t i = 0; i < end->news_count; i++) {
		if (end->news[i].kind == NEWS_CHILD_GONE && end->news[i].child.spi_in == spi_in)
			return true;
	}
	return false;
}

static const struct child_sa *find_twin(const struct end *end, const struct child_sa *child)
{
	for (size_t i = 0; i < end->news_count; i++) {
		const struct child_sa *twin = &end->news[i].child;

		if (end->news[i].kind == NEWS_CHILD_UP && twin->spi_in == child->spi_out &&
		    twin->spi_out == child->spi_in && !is_gone(end, twin->spi_in))
			return twin;
	}
	return NULL;
}

static bool ts_same(const struct traffic_selector *a, const struct traffic_selector *b)
{
	return range_equal(&a->range, &b->range) && a->protocol == b->protocol &&
	       a->port_first == b->port_first && a->port_last == b->port_last;
}

static bool fits(const struct child_sa *a, const struct child_sa *b)
{
	return a->cipher == b->cipher && a->is_esn == b->is_esn && a->key_in.len > 0 &&
	       secret_equal(secret_view(&a->key_in), secret_view(&b->key_out)) &&
	       secret_equal(secret_view(&a->key_out), secret_view(&b->key_in)) &&
	       !secret_equal(secret_view(&a->key_in), secret_view(&a->key_out)) &&
	       ts_same(&a->local, &b->remote) && ts_same(&a->remote, &b->local) &&
	       endpoint_equal(&a->path.local, &b->path.remote) &&
	       endpoint_equal(&a->path.remote, &b->path.local);
}

static size_t count_tunnels(const struct end *end, const struct end *peer, const char *file,
                            int line)
{
	size_t count = 0;

	for (size_t i = 0; i < end->news_count; i++) {
		const struct child_sa *child = &end->news[i].child;
		const struct child_sa *twin;

		if (end->news[i].kind != NEWS_CHILD_UP || is_gone(end, child->spi_in))
			continue;
		twin = find_twin(peer, child);
		if (twin == NULL || !fits(child, twin)) {
			print_error("%s:%d: child 0x%x has no twin\n", file, line,
			            (unsigned)child->spi_in);
			_fail(file, line);
		}
		count++;
	}
	return count;
}

void expect_tunnels_at(struct two_ends *t, size_t count, const char *file, int line)
{
	size_t west = count_tunnels(&t->end[WEST], &t->end[EAST], file, line);
	size_t east = count_tunnels(&t->end[EAST], &t->end[WEST], file, line);

	if (west != count || east != count) {
		print_error("%s:%d: %zu and %zu tunnels\n", file, line, west, east);
		_fail(file, line);
	}
}

void expect_nothing_left_at(struct two_ends *t, const char *file, int line)
{
	live_ms(t, 400000);
	for (int side = WEST; side <= EAST; side++) {
		if (ike_count(t->end[side].ike) != 0 || !ike_is_quiet(t->end[side].ike) ||
		    ike_deadline(t->end[side].ike).ns != INSTANT_NEVER.ns) {
			print_error("%s:%d: something is left at end %d\n", file, line, side);
			_fail(file, line);
		}
	}
}
