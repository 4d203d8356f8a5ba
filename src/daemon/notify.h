#pragma once
/* A word to systemd (sd_notify(3)) over NOTIFY_SOCKET; nothing where that is not set. */
void notify_systemd(const char *state);
