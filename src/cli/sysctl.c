#include "cli/sysctl.h"

#include <stdio.h>

int sysctl_net(const char *name)
{
	char path[128];
	int value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/sys/net/%s", name);
	f = fopen(path, "re");
	if (f == NULL)
		return -1;
	if (fscanf(f, "%d", &value) != 1)
		value = -1;
	fclose(f);
	return value;
}

bool sysctl_has_inside(const struct plan *plan, enum ip_family family)
{
	for (size_t i = 0; i < plan->inside_count; i++) {
		if (plan->inside[i].first.family == family)
			return true;
	}
	return false;
}

bool sysctl_keeps_inside(const struct plan *plan, enum ip_family family)
{
	return sysctl_has_inside(plan, family) &&
	       sysctl_net(family == IP_V4 ? "ipv4/ip_forward" : "ipv6/conf/all/forwarding") != 1;
}
