#include "cli/strays.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "config/groups.h"
#include "util/text.h"

struct nearest {
	const char *wanted;
	const char *name;
};

static void look_at(struct nearest *nearest, const char *name)
{
	if (nearest->name == NULL ||
	    text_distance(nearest->wanted, name) < text_distance(nearest->wanted, nearest->name))
		nearest->name = name;
}

/* Of the five groups and those of ipsec.conf. */
static const char *nearest_group(const struct conf *conf, const char *wanted)
{
	struct nearest nearest = { .wanted = wanted };

	for (size_t i = 0; group_known(i) != NULL; i++)
		look_at(&nearest, group_known(i));
	for (size_t i = 0; i < conf->conn_count; i++) {
		if (conn_is_group(&conf->conns[i]))
			look_at(&nearest, conf->conns[i].name);
	}
	return nearest.name;
}

void strays_warn(const struct cli *cli, const struct conf *conf)
{
	char path[4096];
	const struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/ipsec.d/policies", cli->confs);
	dir = opendir(path);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		const char *near;

		if (strpbrk(entry->d_name, ".~") != NULL || entry->d_type == DT_DIR)
			continue;
		near = nearest_group(conf, entry->d_name);
		if (strcmp(near, entry->d_name) != 0)
			cli_fail("warning: ipsec.d/policies/%s: no group has this name, so nobody "
			         "reads this file; the nearest is %s",
			         entry->d_name, near);
	}
	if (dir != NULL)
		closedir(dir);
}
