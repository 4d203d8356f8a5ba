#pragma once
/*
 * The bed of tests of the signer: the built program at the other ends of two socket pairs. We are
 * its daemon and its keeper.
 *
 *      put, add --> set --load--> signer --hear--> what it says of it
 *      ask --> signer --> answer
 */
#include "util/test.h"

#include <sys/types.h>

#include "crypto/signer_wire.h"

/* Whom it becomes, where we are root. */
enum { TEST_UID = 64731, TEST_GID = 64732 };

struct signer {
	pid_t pid;
	int fd;
	int keeper;
	uint32_t loaded;      /* number of the last set it got */
	uint32_t in_use;      /* of the last one it took */
	uint8_t set[1 << 17]; /* frames for the next load() */
	size_t set_len;
	uint8_t in[SIGNER_FRAME_MAX];
	size_t in_len;
};

/* The file of it that the next one is started with; NULL: none. */
extern const char *crash_secret;

struct signer *signer_start(void);
/* The exit status, or -1 for a signal. */
int signer_end(struct signer *s);

/* To its daemon's socket. */
void send_octets(struct signer *s, struct bytes octets);
void say(struct signer *s, const struct signer_message *message);
/* The next message; its views live until the call after. False: the socket closed. */
bool hear(struct signer *s, struct signer_message *out);

/* Into the set that the next load() hands over. */
void put(struct signer *s, const struct signer_message *message);
void add(struct signer *s, enum signer_secret_kind kind, struct bytes secret);
void load(struct signer *s);
/* Commits; the answer's `bad`. Public keys go to `keys` where there is room for `count`. */
uint32_t commit(struct signer *s, uint32_t count, struct pubkey *keys);

/* A job, and its result. Of the set in use, or another. */
struct buf ask(struct signer *s, enum signer_message_kind kind, uint32_t index, unsigned algorithm,
               struct bytes data);
struct buf ask_of(struct signer *s, uint32_t set, enum signer_message_kind kind, uint32_t index,
                  unsigned algorithm, struct bytes data);
