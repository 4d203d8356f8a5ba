#pragma once
/*
 * Policy groups: conns whose remote addresses come from ipsec.d/policies/NAME.
 *
 *      private            hold, negotiate; drop what cannot be protected
 *      private-or-clear   hold, negotiate; pass what cannot be protected
 *      clear-or-private   pass, and answer whoever wants to negotiate
 *      clear              pass
 *      block              drop
 *
 * These five are there without a section; one of that name in ipsec.conf changes what it says and
 * leaves the rest. Any conn with right=%group or right=%opportunisticgroup is one more.
 *
 * Makeshift: where a file cannot be used and there is no earlier configuration to stay with, groups
 * that let nothing out in the clear keep what is readable, `clear` keeps it where every file could
 * at least be read to its end, and all else is held for a moment and dropped.
 */
#include "config/conf.h"

/* Names in all files together; more are an error. */
enum { GROUP_NAMES_MAX = 4096 };

/* The names of the five, from 0; NULL behind the last. */
const char *group_known(size_t i);
/* What a conn of that name is before its own words count; false: no group has this name. */
bool group_defaults(struct conn *conn, const char *name);
/* One of its ends says so. */
bool conn_is_group(const struct conn *conn);

/*
 * Reads the files of all groups in `conf` and makes those of the five that have something to say.
 * `has_sections`: conns were written; if none was and no private-or-clear file is there, that group
 * is for everything. With `is_start` mistakes make the configuration makeshift.
 */
void groups_read(struct conf *conf, const char *file, bool has_sections, bool is_start,
                 const struct conf_reader *reader, struct conf_messages *messages);

/* Name servers are in group clear, unless what is written says more about them (POL-4). */
void groups_add_name_servers(struct conf *conf, const struct ip *servers, size_t count);
