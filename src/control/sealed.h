#pragma once
/*
 * Sealed memory files: how octets go from one process to another and nobody on the way can change
 * them, or, behind a token, read them.
 *
 *      sealed_new --> fd --sealed_token--> token ..., any process, ... --sealed_redeem--> fd
 *
 * A token is a descriptor of the file's place only (O_PATH): read() of it fails, and to open the
 * file anew by it one must be its owner, who is whoever called sealed_new().
 */
#include "util/bytes.h"

/* Mode 0600, at offset 0, close-on-exec not set. -1: no memory. */
int sealed_new(struct bytes octets);
/* Close-on-exec not set. -1: errno says why. */
int sealed_token(int fd);
/*
 * The file behind a token, to be read. -1: it is no sealed file that belongs to us alone; a token
 * may come from somebody who hopes that we open something else for him. Close-on-exec is set.
 */
int sealed_redeem(int token);
