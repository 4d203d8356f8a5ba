#pragma once
/*
 * The control socket as its callers see it: one request, one reply, each one line of JSON.
 *
 * A connection carries one request. The caller reads until the daemon closes it, which for `stop`
 * is the end of the process. doc/json.md lists requests and replies.
 */
#include <jansson.h>
#include <stddef.h>

#define CONTROL_SOCKET "control.sock"

/* What a caller waits at most, and the longest lines; beyond them a connection is closed. */
enum { CONTROL_WAIT_S = 30, CONTROL_REQUEST_MAX = 16 << 20, CONTROL_REPLY_MAX = 256 << 20 };

/*
 * Sends `request` (borrowed) to the daemon of this run directory and waits for its reply, an object
 * with "ok". NULL: `error` is one line that says what to do, and errno is ESRCH when no daemon
 * listens there, anything else when one does but could not be talked to.
 */
json_t *control_request(const char *rundir, json_t *request, char *error, size_t size);
/* Sends a descriptor along; -1 sends none. It stays the caller's. */
json_t *control_request_with(const char *rundir, json_t *request, int passed, char *error,
                             size_t size);

/* `json` as one line, wiped when freed; NULL if it is no text. The caller frees with this twin:
 * what jansson allocates need not be free()'s. */
char *control_dump(const json_t *json);
void control_dump_free(char *line);
