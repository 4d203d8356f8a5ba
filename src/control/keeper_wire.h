#pragma once
/*
 * What daemon, keeper and signer say to each other beside the signer's stream: messages of one
 * octet, a number, perhaps some text, perhaps descriptors, over sockets of kind SEQPACKET.
 *
 *      daemon                          keeper                        signer
 *        READ ------------------------->  reads the files
 *        <---- FILES, bundle and token    (what `ipsec start` hands over, control/start.h)
 *        <------ TROUBLE, lines of text   (or why it could not)
 *
 *        <------ HANGUP                   somebody wants READ; it was told by SIGHUP
 *
 *        LOAD, token ------------------>  redeems it
 *                                         LOAD, secrets ------------>  takes them, and tells the
 *        <------------------------------------ KEY, ..., LOADED over   daemon in its own stream
 *
 * A token that cannot be redeemed goes on as LOAD without secrets, which the signer answers with
 * SIGNER_BAD_SET: the daemon waits for one answer only.
 */
#include "util/bytes.h"

enum keeper_message_kind {
	KEEPER_READ = 'r',
	KEEPER_FILES = 'f',
	KEEPER_TROUBLE = 't',
	KEEPER_LOAD = 'l',
	KEEPER_HANGUP = 'h',
};

enum { KEEPER_FDS_MAX = 2, KEEPER_TEXT_MAX = 4096 };

struct keeper_message {
	enum keeper_message_kind kind;
	uint32_t set;               /* LOAD: what the daemon calls these secrets */
	char text[KEEPER_TEXT_MAX]; /* of TROUBLE */
	int fds[KEEPER_FDS_MAX];    /* FILES: bundle, token. LOAD: token or secrets. Else -1 */
};

/* The descriptors stay the caller's. False: the other end is gone. */
MUST_USE bool keeper_send(int fd, const struct keeper_message *message);
/* HANGUP, without waiting: where there is no room for it, others like it are on their way. */
void keeper_hint(int fd);

enum keeper_step { KEEPER_MESSAGE, KEEPER_NOTHING, KEEPER_GONE };

/*
 * Blocks, or not, as `fd` does. The descriptors are the caller's from then on. NOTHING: it was
 * interrupted, none is there, or what came is no message.
 */
MUST_USE enum keeper_step keeper_receive(int fd, struct keeper_message *out);
void keeper_message_close(struct keeper_message *message);
