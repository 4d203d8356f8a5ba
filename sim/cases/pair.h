#pragma once
/*
 * West and east, and a host behind each: what most stories begin with.
 */
#include "sim/sim.h"

struct pair {
	struct sim *sim;
	struct gateway *west, *east;
};

/* An ipsec.conf for west: from behind it to anyone, with these words more. */
#define CLIENT(words)                   \
	"conn client-to-anyone\n"       \
	"\tleft=%defaultroute\n"        \
	"\tleftsubnet=203.0.113.0/24\n" \
	"\tright=%opportunistic\n"      \
	"\tauto=route\n" words

/* Hosts behind west and east. */
extern const char *const source, *const destination;

/* Each by its words: failureshunt= of the HowTo's conns, or NULL; or, if it has lines, an
 * ipsec.conf. Nothing is published. */
struct pair pair_in(struct sim *sim, const char *west, const char *east);
/* The same, and each knows the other: configured tunnels come up without the DNS. */
struct pair pair_configured(const char *west, const char *east);
/* Nothing arrives any more, either way. */
void pair_cut(const struct pair *p);
/* One of them alone. West by its words, as above, with its key and delegation published; east by
 * the HowTo's conns, with nothing. */
struct gateway *make_west(struct sim *sim, const char *words);
struct gateway *make_east(struct sim *sim);
/* The gateway's key, and the delegation of the host behind it. */
void pair_publish_west(const struct pair *p);
void pair_publish_east(const struct pair *p);
/* The conns say who speaks for whom. */
void pair_arrange(const struct pair *p);
/* The hosts reach each other through one tunnel, and nothing was lost. */
#define pair_meet(p) pair_meet_at(p, __FILE__, __LINE__)
void pair_meet_at(const struct pair *p, const char *file, int line);
