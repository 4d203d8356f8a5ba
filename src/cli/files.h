#pragma once
/*
 * The gateway's files, read as whoever calls `ipsec`: recorded, so that the daemon can be given
 * exactly what was checked.
 */
#include "cli/cli.h"
#include "control/start.h"

struct files {
	struct conf conf;
	struct secrets secrets;
	struct bundle *conf_bundle;
	unsigned warning_count;
};

/*
 * Reads ipsec.conf and all it names, and ipsec.secrets likewise (which may be missing: there are
 * conns that need none). Every error and warning is told. False: there was an error; nothing is to
 * be freed. With `is_start` the configuration may come out makeshift instead (config/groups.h).
 */
MUST_USE bool files_read(const struct cli *cli, bool is_start, struct files *out);
MUST_USE bool files_read_conf(const struct cli *cli, bool is_start, struct files *out);
/* With `needs_file` a missing ipsec.secrets is an error, else the same as an empty one. */
MUST_USE bool files_read_secrets(const struct cli *cli, bool needs_file, struct files *out);
void files_wipe(struct files *files);
/* Those of ipsec.conf, without the groups that are always there. */
size_t files_written_conns(const struct conf *conf);
/* The directory of the files, locked until the descriptor is closed; -1: errno says why not. */
int files_lock(const struct cli *cli);
/* All of it, and on disk. */
MUST_USE bool files_write_all(int fd, struct bytes b);
/* Each of `lines` (may be NULL) on stderr, as "ipsec: KIND" and the line. */
void files_print_lines(const struct cli *cli, const char *kind, const char *lines);
/* {"conf": BUNDLE, "secrets": what handover_describe() makes} */
json_t *files_to_json(const struct files *files);
/* The secrets for the signer, unreadable on the way (control/handover.h). -1: `error` says why. */
int files_secrets_token(const struct files *files, char *error, size_t size);
