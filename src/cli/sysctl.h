#pragma once
/* Settings of the kernel's network that a gateway depends on. */
#include "control/plan.h"

/* The number in a file of /proc/sys/net, or -1. */
int sysctl_net(const char *name);
bool sysctl_has_inside(const struct plan *plan, enum ip_family family);
/* There are inside hosts of that family, and the kernel does not forward what they send. */
bool sysctl_keeps_inside(const struct plan *plan, enum ip_family family);
