#pragma once
/* The commands of the control socket. */
#include "daemon/daemon.h"

/* For control_server_new(); their context is the daemon. */
extern const struct control_command daemon_commands[];
