#pragma once
/*
 * The daemon's side of the control socket (doc/json.md): a table of commands, one request and one
 * reply a connection.
 *
 *      accept --> [reading] --line--> command --> [writing] --> closed
 *                                        \--CONTROL_LATER--> [waiting] --control_server_answer-->
 */
#include <event2/event.h>
#include <jansson.h>

#include "control/client.h"
#include "util/text.h"

/* The newest client is closed when there are more; whoever sends no line in time is closed, and who
 * takes nothing of its reply for so long. */
enum { CONTROL_CLIENTS_MAX = 32, CONTROL_LINE_WAIT_S = 10, CONTROL_STALL_S = 30 };

/* What a command function returns instead of a result when control_server_answer() will tell. */
#define CONTROL_LATER ((json_t *)1)

struct control_command {
	const char *name;
	bool changes; /* the caller must be root, or whoever opened the socket */
	/* The result, the server's from then on; NULL: `error` is one line for the caller. */
	json_t *(*run)(void *ctx, const json_t *request, struct text *error);
};

/*
 * The socket in `rundir`, mode 0600, replacing a stale one: the caller knows that no other daemon
 * serves it. -1: `error` says why.
 */
int control_listen(const char *rundir, char *error, size_t size);

struct control_server;
/* Takes over `fd`. `commands` ends with a NULL name and lives as long as the server. */
struct control_server *control_server_new(struct event_base *base, int fd,
                                          const struct control_command *commands, void *ctx);
/* The descriptor that came along with the request that runs now, once; -1: none. The caller's. */
int control_server_take_fd(struct control_server *server);
/* Answers all waiting clients with `result` (borrowed). */
void control_server_answer(struct control_server *server, json_t *result);
/* Replies that are not out yet get one more second, all together. The clients' connections stay open until the
 * process ends: that is how they know. */
void control_server_finish(struct control_server *server);
void control_server_free(struct control_server *server);
/* For tests, which have less time than CONTROL_STALL_S. */
void control_server_set_stall(struct control_server *server, unsigned ms);
