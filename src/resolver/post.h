#pragma once
/*
 * What goes from one thread to the other: letters in a box.
 *
 * Whoever puts a letter gives it away, and whoever takes it frees it. A box has a descriptor that
 * is readable while it is not empty; only the first letter in it wakes the reader, who takes all.
 */
#include <pthread.h>

#include "opportunism/ports.h"
#include "util/time.h"

enum post_kind { POST_QUESTION, POST_ANSWER, POST_PRIMED, POST_NOT_PRIMED };

struct post {
	struct post *next;
	enum post_kind kind;
	uint64_t query;
};

struct post_question {
	struct post post;
	struct instant put;
	enum dns_type type;
	enum lookup_how how;
	char name[];
};

struct post_answer {
	struct post post;
	struct dns_answer answer; /* `rdata` and its octets follow */
	struct bytes rdata[];
};

struct post_box {
	pthread_mutex_t lock;
	struct post *first;
	struct post **end;
	int fd;
};

MUST_USE bool post_box_init(struct post_box *box);
void post_box_wipe(struct post_box *box);
void post_put(struct post_box *box, struct post *post);
/* A chain of them, whose last one's `next` is at `end`. */
void post_put_all(struct post_box *box, struct post *first, struct post **end);
/* All there are, in order; NULL: none. */
struct post *post_take_all(struct post_box *box);
void post_wake(struct post_box *box);

struct post *post_note(enum post_kind kind);
struct post *post_question(uint64_t query, const char *name, enum dns_type type, enum lookup_how how,
                           struct instant now);
/* Copies what `answer` points at. */
struct post *post_answer(uint64_t query, const struct dns_answer *answer);
