#pragma once
/*
 * The table as `nft -f` made it: the kernel's own messages, kept so that the daemon, which executes
 * nothing, can put the table back when somebody removed it.
 *
 * What the daemon fills itself (policy, pairs, heartbeat) is left to the caller: `is_ours` names
 * those sets.
 */
#include "engine/steering/nft.h"

struct baseline_message;

struct baseline {
	struct baseline_message *messages; /* in the order of their making */
	size_t count;
	size_t size;
	uint64_t fingerprint;
};

/* Reads the table from the kernel. 0, ENOENT if there is none, or another errno. */
int baseline_capture(struct baseline *b, struct nft *nft);
void baseline_wipe(struct baseline *b);
/* Sets, chains and rules of the kernel's table by their handles: differs after any change by
 * somebody else. 0 where there is no table. */
uint64_t baseline_fingerprint(struct nft *nft);

struct baseline_part {
	/* Which sets get the elements they had at capture. */
	bool (*keeps_elements)(const char *set);
	/* Which chains, with their rules, which sets, which counters; NULL: all. */
	bool (*has_chain)(const char *chain);
	bool (*has_set)(const char *set);
	bool (*has_counter)(const char *counter);
};
/* Adds to `batch` what deletes the table and makes it anew. */
void baseline_replay(const struct baseline *b, struct batch *batch,
                     const struct baseline_part *part);
/* Adds what deletes the table, whether it is there or not. */
void baseline_put_removal(struct batch *batch);
