#include "opportunism/policy_index.h"

#include <stdlib.h>

static void *copy_array(const void *from, size_t count, size_t size)
{
	void *copy = new_array(count, size);

	if (count > 0)
		memcpy(copy, from, count * size);
	return copy;
}

void policy_index_copy(struct policy_index *out, const struct policy_index *index)
{
	*out = *index;
	out->columns = copy_array(index->columns, index->column_count, sizeof(*index->columns));
	out->cells = copy_array(index->cells, index->cell_count, sizeof(*index->cells));
}

void policy_index_wipe(struct policy_index *index)
{
	free(index->columns);
	free(index->cells);
	*index = (struct policy_index){ 0 };
}

static const struct policy_column *find_column(const struct policy_index *index,
                                               const struct ip *source)
{
	size_t low = 0, high = index->column_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ip_compare(&index->columns[middle].local.last, source) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == index->column_count || !range_contains(&index->columns[low].local, source))
		return NULL;
	return &index->columns[low];
}

const struct policy_cell *policy_index_cells(const struct policy_index *index,
                                             const struct ip *source, const struct ip *destination,
                                             size_t *count)
{
	const struct policy_column *column = find_column(index, source);
	const struct policy_cell *cells = column == NULL ? NULL : index->cells + column->first;
	size_t low = 0, high = column == NULL ? 0 : column->count, end = high;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ip_compare(&cells[middle].remote.last, destination) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == end || !range_contains(&cells[low].remote, destination))
		return NULL;
	*count = 1;
	while (low + *count < end && range_contains(&cells[low + *count].remote, destination))
		++*count;
	return cells + low;
}

const struct policy_cell *policy_index_find(const struct policy_index *index,
                                            const struct ip *source, const struct ip *destination,
                                            uint8_t protocol, int32_t remote_port)
{
	size_t count = 0;
	const struct policy_cell *cells = policy_index_cells(index, source, destination, &count);

	for (size_t i = 0; i < count; i++)
		if (traffic_contains(&cells[i].traffic, protocol, remote_port))
			return &cells[i];
	return NULL;
}
