#include "resolver/post.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

bool post_box_init(struct post_box *box)
{
	pthread_mutex_init(&box->lock, NULL);
	box->end = &box->first;
	box->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return box->fd >= 0;
}

void post_wake(struct post_box *box)
{
	uint64_t one = 1;
	ssize_t n = write(box->fd, &one, sizeof(one));

	(void)n; /* full means that it is readable already */
}

void post_put_all(struct post_box *box, struct post *first, struct post **end)
{
	bool was_empty;

	pthread_mutex_lock(&box->lock);
	was_empty = box->first == NULL;
	*box->end = first;
	box->end = end;
	pthread_mutex_unlock(&box->lock);
	if (was_empty)
		post_wake(box);
}

void post_put(struct post_box *box, struct post *post)
{
	post->next = NULL;
	post_put_all(box, post, &post->next);
}

struct post *post_take_all(struct post_box *box)
{
	struct post *first;
	uint64_t count;
	ssize_t n = read(box->fd, &count, sizeof(count));

	(void)n;
	pthread_mutex_lock(&box->lock);
	first = box->first;
	box->first = NULL;
	box->end = &box->first;
	pthread_mutex_unlock(&box->lock);
	return first;
}

void post_box_wipe(struct post_box *box)
{
	struct post *next;

	for (struct post *post = post_take_all(box); post != NULL; post = next) {
		next = post->next;
		free(post);
	}
	close(box->fd);
	pthread_mutex_destroy(&box->lock);
}

struct post *post_note(enum post_kind kind)
{
	struct post *post = new_zeroed(sizeof(*post));

	post->kind = kind;
	return post;
}

struct post *post_question(uint64_t query, const char *name, enum dns_type type, enum lookup_how how,
                           struct instant now)
{
	size_t size = strlen(name) + 1;
	struct post_question *question = new_zeroed(sizeof(*question) + size);

	question->post.kind = POST_QUESTION;
	question->post.query = query;
	question->put = now;
	question->type = type;
	question->how = how;
	memcpy(question->name, name, size);
	return &question->post;
}

struct post *post_answer(uint64_t query, const struct dns_answer *answer)
{
	struct post_answer *letter;
	size_t len = 0;
	uint8_t *at;

	for (size_t i = 0; i < answer->count; i++)
		len += answer->rdata[i].len;
	letter = new_zeroed(sizeof(*letter) + answer->count * sizeof(letter->rdata[0]) + len);
	letter->post.kind = POST_ANSWER;
	letter->post.query = query;
	letter->answer = *answer;
	letter->answer.rdata = letter->rdata;
	at = (uint8_t *)&letter->rdata[answer->count];
	for (size_t i = 0; i < answer->count; i++) {
		memcpy(at, answer->rdata[i].data, answer->rdata[i].len);
		letter->rdata[i] = BYTES(at, answer->rdata[i].len);
		at += answer->rdata[i].len;
	}
	return &letter->post;
}
