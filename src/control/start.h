#pragma once
/*
 * How `ipsec start` hands over to wildswand.
 *
 *      ipsec start                              wildswand
 *      reads and checks the files
 *      loads the steering (nft -f)
 *      fork, exec          -- argv, fd 3, 4 -->  makes RUNDIR, opens everything as root,
 *                                                starts keeper and signer, drops privileges
 *      start_wait()         <--- fd 5 ---------  "ready\n", or "error: ...\n", or end of file
 *
 *      wildswand --rundir DIR --bundle 3 --secrets 4 [--ready 5]
 *
 * fd 3 is a sealed memfd with {"conf": BUNDLE, "secrets": what handover_describe() makes}, fd 4 the
 * token of one with the secrets themselves (control/handover.h). Under systemd `ipsec start
 * --foreground` executes wildswand in its own place, without --ready; NOTIFY_SOCKET tells instead.
 * All other descriptors but 0, 1 and 2 are closed. The environment goes along as it is; wildswand
 * itself reads IPSEC_RUNDIR (then its state is kept there too, else in /var/lib/wildswan),
 * IPSEC_CONFS (for the keeper), NOTIFY_SOCKET and JOURNAL_STREAM of it. wildswand goes to a session
 * of its own when it has
 * --ready; stdin is /dev/null, stderr stays as it is (the log, unless log= names a file).
 *
 * RUNDIR is made by wildswand (0755) if it is missing; its parent must exist.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/secrets.h"
#include "control/bundle.h"

enum { START_BUNDLE_FD = 3, START_SECRETS_FD = 4, START_READY_FD = 5, START_WAIT_S = 10 };

#define START_RUNDIR "/run/wildswan"
#define START_CONFS  "/etc"

/* The directory a variable names, or this one. */
const char *start_directory(const char *variable, const char *fallback);

/*
 * The user of the daemon and that of the signer: `wildswan` and `wildswan-signer` where these
 * accounts exist, else fixed numbers. False: a fixed number belongs to another account.
 */
struct start_users {
	uid_t daemon;
	gid_t daemon_group;
	uid_t signer;
	gid_t signer_group;
};
MUST_USE bool start_users(struct start_users *out, char *error, size_t size);

/*
 * Reads CONFS/ipsec.conf and what it includes, the trust anchor it names and, unless dns= is set,
 * /etc/resolv.conf. False: `messages` says why; `conf` is empty then. A missing trust anchor is no
 * error here. `conf` and `messages` are wiped by the caller. With `is_start` mistakes in files of
 * policies make a makeshift configuration (config/groups.h) instead of none.
 */
MUST_USE bool start_read_conf(struct bundle *bundle, const char *confs, bool is_start,
                              struct conf *conf, struct conf_messages *messages);
/*
 * Reads CONFS/ipsec.secrets and what it names; a missing file is the same as an empty one. False:
 * `messages` says why; `secrets` is empty then. Both are wiped by the caller.
 */
MUST_USE bool start_read_secrets(const char *confs, struct secrets *secrets,
                                 struct conf_messages *messages);
/* The same parse from a recorded bundle. */
MUST_USE bool start_replay_conf(const struct bundle *bundle, bool is_start, struct conf *conf,
                                struct conf_messages *messages);
/* dns= or the name servers of resolv.conf. At most CONF_DNS_MAX. */
size_t start_name_servers(const struct bundle *bundle, const struct conf *conf,
                          struct ip out[CONF_DNS_MAX]);
/* The text of the trust anchor file; empty if it was not there. */
struct bytes start_trust_anchor(const struct bundle *bundle, const struct conf *conf);

/* Full path of one of our programs: beside this one, in ../libexec/wildswan, or in the build tree.
 */
MUST_USE bool start_program(const char *name, char *out, size_t size);

/* A sealed memfd with the text of `json` at offset 0, or -1. Close-on-exec is not set. */
int start_pack(const json_t *json);
/* The object in such a descriptor, or NULL. */
json_t *start_unpack(int fd);

/* Waits for readiness at most START_WAIT_S. False: `error` is one line. */
MUST_USE bool start_wait(int ready_fd, char *error, size_t size);
