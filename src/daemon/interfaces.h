#pragma once
/*
 * Addresses come and go, default routes move: the kernel says so, and what the configuration means
 * on this machine is worked out anew, without a command.
 */
struct daemon;
struct interfaces;

/* Listens from now on, and looks once, for what changed before. NULL: it cannot. */
struct interfaces *interfaces_open(struct daemon *d);
void interfaces_free(struct interfaces *i);
