#pragma once
/* The parts of the ruleset's text. */
#include "engine/steering/layout.h"
#include "engine/steering/steering.h"

/* What differs between the two families, in nft's words. */
struct family {
	enum ip_family family;
	char digit;
	const char *proto;   /* of a match: ip saddr */
	const char *type;    /* of an address in a set */
	const char *nfproto; /* of the packet */
};

extern const struct family ruleset_families[2]; /* IPv4, IPv6 */

/* ruleset_sets.c: what the rules compare with, sets and maps with their elements. */
void ruleset_fixed_sets(struct text *out, const struct steering_settings *s);
/* Of pairs, first in the table: the kernel finds a set by its name from the beginning on. */
void ruleset_kept_pair_set(struct text *out, const struct family *f);
void ruleset_pair_sets(struct text *out, const struct family *f);
void ruleset_policy_sets(struct text *out, const struct family *f,
                         const struct steering_settings *s, const struct policy_table *policy,
                         const struct layout *layout);
/* Those that outlive the daemon: what is private, and where the inside is. */
void ruleset_kept_sets(struct text *out, const struct family *f, const struct steering_settings *s,
                       const struct layout *layout);

/*
 * Rules are written with $names for what the settings say, one name a line below:
 *
 *   $dev                     the TUN device
 *   $clear                   takes our bits out of the mark
 *   $is_own, $is_pass ...    matches one value of our bits
 *   $set_trap ...            clears our bits and sets this value
 *
 * A line with an asterisk is written once for each column (layout.h), with its letter in that place.
 */
#define COLUMN_LETTER '*'

struct word {
	const char *name;
	char value[96];
};

enum { WORDS_MAX = 24 };

struct words {
	struct word word[WORDS_MAX];
	size_t count;
};

/* ruleset_words.c */
void word_add(struct words *w, const char *name, const char *format, ...) PRINTF_LIKE(3, 4);
void words_of_settings(struct words *w, const struct steering_settings *s);
/* The rules with the values in place of the names. */
void words_write(struct text *out, const struct words *w, const char *rules);

/*
 * ruleset_chains.c: the chains, as rules with such names and, where a family or a setting makes a
 * difference, written out.
 */
extern const char ruleset_knock_chains[];
extern const char ruleset_exempt_chains[];
extern const char ruleset_keep_chain[];
extern const char ruleset_keep_ports_chain[];
extern const char ruleset_class_chains[];
extern const char ruleset_port_chains[];
extern const char ruleset_shared_chains[];
extern const char ruleset_hook_chains[];
void ruleset_decide(struct text *out, const struct family *f);
void ruleset_related(struct text *out, const struct family *f);
void ruleset_cleartext(struct text *out, const struct family *f);
void ruleset_strengths(struct text *out, const struct steering_settings *s);
void ruleset_unknown(struct text *out, const struct policy_table *policy);
