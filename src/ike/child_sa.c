#include "ike/child.h"

#include <stdlib.h>
#include <string.h>

void child_sa_wipe(struct child_sa *child)
{
	secret_free(&child->key_in);
	secret_free(&child->key_out);
}

struct selectors selectors_copy(struct selectors from)
{
	struct traffic_selector *list;

	if (from.count == 0)
		return (struct selectors){ 0 };
	list = new_array(from.count, sizeof(*list));
	memcpy(list, from.list, from.count * sizeof(*list));
	return (struct selectors){ list, from.count };
}

void selectors_free(struct selectors *copy)
{
	free((void *)(uintptr_t)copy->list);
	*copy = (struct selectors){ 0 };
}
