#include "engine/bed_rows.h"

#include <stdio.h>
#include <stdlib.h>

struct traffic bed_traffic(const char *word)
{
	struct traffic t = { 0 };
	unsigned protocol = 0, first = 0, last = 0;
	int count = word == NULL ? 0 : sscanf(word, "%u:%u-%u", &protocol, &first, &last);

	t.protocol = (uint8_t)protocol;
	t.has_ports = count > 1;
	t.first_port = (uint16_t)first;
	t.last_port = (uint16_t)(count > 2 ? last : first);
	return t;
}

static enum policy_action action_of(const char *word)
{
	return strcmp(word, "pass") == 0     ? POLICY_PASS
	       : strcmp(word, "drop") == 0   ? POLICY_DROP
	       : strcmp(word, "reject") == 0 ? POLICY_REJECT
	       : strcmp(word, "tunnel") == 0 ? POLICY_TUNNEL
	                                     : POLICY_TRAP;
}

static struct policy_row row_of(char **words, size_t n)
{
	struct policy_row row = { 0 };
	char action[64];
	char *traffic;

	snprintf(action, sizeof(action), "%s", words[2]);
	snprintf(row.name, sizeof(row.name), "row%zu", n);
	if (!range_parse(words[0], &row.local) || !range_parse(words[1], &row.remote))
		exit(2);
	if (strncmp(action, "nat=", 4) == 0) {
		if (!ip_parse(action + 4, &row.nat))
			exit(2);
		return row;
	}
	traffic = strchr(action, ':');
	if (traffic != NULL)
		*traffic++ = '\0';
	row.traffic = bed_traffic(traffic);
	row.action = action_of(action);
	row.is_private = strcmp(action, "private") == 0;
	return row;
}

void bed_rows_use(struct bed_rows *rows, size_t count)
{
	policy_wipe(&rows->policy);
	if (!policy_build(&rows->policy, rows->rows, count, NULL))
		exit(2);
}

void bed_rows_parse(struct bed_rows *out, char **words)
{
	size_t n = 0;

	*out = (struct bed_rows){ 0 };
	for (; *words != NULL && strcmp(*words, "--") != 0 && n < BED_ROWS_MAX; words += 3, n++)
		out->rows[n] = row_of(words, n);
	for (words += *words != NULL; *words != NULL && out->inside_count < BED_ROWS_MAX; words++)
		if (!range_parse(*words, &out->inside[out->inside_count++]))
			exit(2);
	bed_rows_use(out, n);
}

size_t bed_row(const struct bed_rows *rows, unsigned n)
{
	char name[16];
	size_t i = 0;

	snprintf(name, sizeof(name), "row%u", n);
	while (i < rows->policy.row_count && strcmp(rows->policy.rows[i].name, name) != 0)
		i++;
	return i;
}
