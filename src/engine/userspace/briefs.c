#include "engine/userspace/briefs.h"

#include <stdlib.h>

#define BRIEF_TIME SECONDS(1) /* well above SETTLING_TIME */

void brief_add(struct briefs *briefs, const struct ip_pair *pair, struct instant now)
{
	briefs->pairs = grow_array(briefs->pairs, briefs->count + 1, sizeof(*briefs->pairs));
	briefs->pairs[briefs->count++] = *pair;
	briefs->since = now;
}

void brief_forget(struct briefs *briefs, const struct ip_pair *pair)
{
	for (size_t i = 0; i < briefs->count; i++) {
		if (pair_equal(&briefs->pairs[i], pair)) {
			briefs->pairs[i] = briefs->pairs[--briefs->count];
			return;
		}
	}
}

void briefs_end(struct briefs *briefs, struct tables *tables)
{
	for (size_t i = 0; i < briefs->count; i++)
		tables_remove_eroute(tables, &briefs->pairs[i]);
	briefs_wipe(briefs);
}

void briefs_settle(struct briefs *briefs, struct tables *tables, struct instant now)
{
	if (briefs->count > 0 && instant_reached(instant_after(briefs->since, BRIEF_TIME), now))
		briefs_end(briefs, tables);
}

void briefs_wipe(struct briefs *briefs)
{
	free(briefs->pairs);
	*briefs = (struct briefs){ 0 };
}
