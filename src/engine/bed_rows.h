#pragma once
/*
 * For the beds of the end-to-end tests: a policy as words.
 *
 *      LOCAL REMOTE ACTION[:PROTOCOL[:PORT[-PORT]]] ... -- INSIDE...
 *
 * ACTION is trap, private, nat=ADDRESS, pass, drop, reject or tunnel.
 */
#include "opportunism/policy.h"

enum { BED_ROWS_MAX = 2048 };

struct bed_rows {
	struct policy_row rows[BED_ROWS_MAX]; /* as given */
	struct policy_table policy;
	struct ip_range inside[BED_ROWS_MAX];
	size_t inside_count;
};

/* Ends the program if a word is wrong. */
void bed_rows_parse(struct bed_rows *out, char **words);
/* Makes the policy of the first `count` rows. */
void bed_rows_use(struct bed_rows *rows, size_t count);
/* The index into policy.rows of the row that was given as number `n`. */
size_t bed_row(const struct bed_rows *rows, unsigned n);
/* "PROTOCOL[:PORT[-PORT]]"; NULL: everything. */
struct traffic bed_traffic(const char *word);
