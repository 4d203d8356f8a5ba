#include "control/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/secret.h"

struct bundle_file {
	char *name;
	struct secret text;
};

struct bundle_question {
	char *base;
	char *pattern;
	bool is_answered;
	size_t first; /* of `files` */
	size_t count;
};

struct bundle {
	struct bundle_question *questions;
	size_t question_count;
	struct bundle_file *files;
	size_t file_count;
	size_t octets;
	bool is_secret;
	struct text complaints;
};

typedef void add_fn(void *add_ctx, const char *name, struct bytes text);

struct bundle *bundle_new(void)
{
	return new_zeroed(sizeof(struct bundle));
}

void bundle_free(struct bundle *bundle)
{
	if (bundle == NULL)
		return;
	for (size_t i = 0; i < bundle->question_count; i++) {
		free(bundle->questions[i].base);
		free(bundle->questions[i].pattern);
	}
	for (size_t i = 0; i < bundle->file_count; i++) {
		free(bundle->files[i].name);
		secret_free(&bundle->files[i].text);
	}
	free(bundle->questions);
	free(bundle->files);
	text_free(&bundle->complaints);
	free(bundle);
}

const char *bundle_complaints(const struct bundle *bundle)
{
	return bundle->complaints.s != NULL ? bundle->complaints.s : "";
}

const char *bundle_main(const struct bundle *bundle)
{
	if (bundle->question_count == 0 || bundle->questions[0].base[0] != '\0')
		return NULL;
	return bundle->questions[0].pattern;
}

static struct bundle_question *question_add(struct bundle *b, const char *base, const char *pattern)
{
	struct bundle_question *q;

	b->questions = grow_array(b->questions, b->question_count + 1, sizeof(*b->questions));
	q = &b->questions[b->question_count++];
	*q = (struct bundle_question){ .base = new_string(base),
		                       .pattern = new_string(pattern),
		                       .first = b->file_count };
	return q;
}

static const struct bundle_question *question_find(const struct bundle *b, const char *base,
                                                   const char *pattern)
{
	for (size_t i = 0; i < b->question_count; i++) {
		const struct bundle_question *q = &b->questions[i];

		if (strcmp(q->base, base) == 0 && strcmp(q->pattern, pattern) == 0)
			return q;
	}
	return NULL;
}

static bool answer(const struct bundle *b, const struct bundle_question *q, add_fn *add,
                   void *add_ctx)
{
	for (size_t i = q->first; q->is_answered && i < q->first + q->count; i++)
		add(add_ctx, b->files[i].name, secret_view(&b->files[i].text));
	return q->is_answered;
}

/* Takes over `text`. */
static bool file_add(struct bundle *b, const char *name, struct secret *text)
{
	if (b->file_count == BUNDLE_FILES_MAX || text->len > BUNDLE_OCTETS_MAX - b->octets)
		return false;
	b->files = grow_array(b->files, b->file_count + 1, sizeof(*b->files));
	b->octets += text->len;
	b->files[b->file_count++] =
	    (struct bundle_file){ .name = new_string(name), .text = secret_move(text) };
	return true;
}

/* False: it cannot be read, or has another length by now: half of it would be another policy. */
static bool read_whole(int fd, size_t size, struct secret *out)
{
	CLEANUP(secret_free) struct secret text = secret_new(size + 1);
	size_t len = 0;

	while (len <= size) {
		ssize_t n = read(fd, text.data + len, size + 1 - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len != size)
		return false;
	text.len = len;
	*out = secret_move(&text);
	return true;
}

/* In JSON any other would be missing, and with it all that the file says. */
static bool is_utf8(const char *name)
{
	json_t *json = json_string(name);

	json_decref(json);
	return json != NULL;
}

/* Why this file may not be used, or NULL. */
static const char *file_refusal(const struct stat *st, bool is_secret)
{
	if (!S_ISREG(st->st_mode))
		return "is no plain file";
	if (st->st_size > BUNDLE_OCTETS_MAX)
		return "is too long";
	if (is_secret && (st->st_mode & (S_IRWXG | S_IRWXO)) != 0)
		return "holds secrets and others can read it; chmod 600 it";
	return NULL;
}

static bool file_read(struct bundle *b, const char *path)
{
	CLEANUP(secret_free) struct secret text = { 0 };
	const char *refusal = NULL;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0) {
		text_add(&b->complaints, "%s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	refusal = file_refusal(&st, b->is_secret);
	if (refusal == NULL && !b->is_secret && !is_utf8(path)) /* secrets go another way */
		refusal = "its name is no UTF-8";
	if (refusal == NULL && !read_whole(fd, (size_t)st.st_size, &text))
		refusal = "changes while it is read, or cannot be read; try again";
	close(fd);
	if (refusal == NULL && !file_add(b, path, &text))
		refusal = "is too much: too many files, or too long ones";
	if (refusal != NULL)
		text_add(&b->complaints, "%s: %s\n", path, refusal);
	return refusal == NULL;
}

static bool is_glob(const char *pattern)
{
	return strpbrk(pattern, "*?[") != NULL;
}

/* A directory that is not there has no files; in one that cannot be read there may be some. */
static int on_glob_error(const char *path, int reason)
{
	return reason != ENOENT;
}

static bool record_glob(struct bundle *b, const char *path)
{
	glob_t found = { 0 };
	int result = glob(path, 0, on_glob_error, &found);
	int reason = errno;
	bool ok = result == 0 || result == GLOB_NOMATCH;

	if (!ok)
		text_add(&b->complaints, "%s: %s\n", path, strerror(reason));
	for (size_t i = 0; ok && i < found.gl_pathc; i++)
		ok = file_read(b, found.gl_pathv[i]);
	globfree(&found);
	return ok;
}

static bool record(void *ctx, const char *base, const char *pattern, add_fn *add, void *add_ctx)
{
	struct bundle *b = ctx;
	const struct bundle_question *known;
	char *path = NULL;
	size_t first = b->file_count;
	bool ok;

	base = base != NULL ? base : "";
	known = question_find(b, base, pattern);
	if (known != NULL)
		return answer(b, known, add, add_ctx);
	if (pattern[0] == '/' || base[0] == '\0')
		path = new_string(pattern);
	else if (asprintf(&path, "%s/%s", base, pattern) < 0)
		abort();
	ok = is_glob(pattern) ? record_glob(b, path) : file_read(b, path);
	free(path);

	struct bundle_question *q = question_add(b, base, pattern);
	q->is_answered = ok;
	q->first = first;
	q->count = b->file_count - first;
	return answer(b, q, add, add_ctx);
}

struct conf_reader bundle_recorder(struct bundle *bundle, bool is_secret)
{
	bundle->is_secret = is_secret;
	return (struct conf_reader){ .ctx = bundle, .read = record };
}

static bool play(void *ctx, const char *base, const char *pattern, add_fn *add, void *add_ctx)
{
	const struct bundle *b = ctx;
	const struct bundle_question *q = question_find(b, base != NULL ? base : "", pattern);

	return q != NULL && answer(b, q, add, add_ctx);
}

struct conf_reader bundle_player(const struct bundle *bundle)
{
	return (struct conf_reader){ .ctx = (void *)bundle, .read = play };
}

static void take_text(void *ctx, const char *name, struct bytes text)
{
	*(struct bytes *)ctx = text;
}

bool bundle_read(const struct conf_reader *reader, const char *path, struct bytes *text)
{
	struct bytes found = { 0 };

	if (!reader->read(reader->ctx, "", path, take_text, &found))
		return false;
	*text = found;
	return true;
}

/* Texts are octets, not always UTF-8: base64 keeps them. */
static json_t *file_to_json(const struct bundle_file *file)
{
	char *text = base64_write(secret_view(&file->text));
	json_t *json = json_pack("{s:s, s:s}", "name", file->name, "base64", text);

	secret_wipe(text, strlen(text));
	free(text);
	return json;
}

json_t *bundle_to_json(const struct bundle *bundle)
{
	json_t *json = json_array();

	for (size_t i = 0; i < bundle->question_count; i++) {
		const struct bundle_question *q = &bundle->questions[i];
		json_t *files = json_array();

		for (size_t k = q->first; k < q->first + q->count; k++)
			json_array_append_new(files, file_to_json(&bundle->files[k]));
		json_array_append_new(json, json_pack("{s:s, s:s, s:b, s:o}", "base", q->base,
		                                      "pattern", q->pattern, "answered",
		                                      (int)q->is_answered, "files", files));
	}
	return json;
}

static bool file_from_json(struct bundle *b, json_t *json)
{
	CLEANUP(secret_free) struct secret text = { 0 };
	const char *name;
	const char *base64;
	size_t len;
	ssize_t n;

	if (json_unpack(json, "{s:s, s:s%}", "name", &name, "base64", &base64, &len) != 0)
		return false;
	text = secret_new(len + 1);
	n = base64_read(BYTES(base64, len), text.data, text.len);
	if (n < 0)
		return false;
	text.len = (size_t)n;
	return file_add(b, name, &text);
}

static bool question_from_json(struct bundle *b, json_t *json)
{
	const char *base;
	const char *pattern;
	struct bundle_question *q;
	json_t *files;
	json_t *file;
	size_t i;
	int answered;

	if (json_unpack(json, "{s:s, s:s, s:b, s:o}", "base", &base, "pattern", &pattern,
	                "answered", &answered, "files", &files) != 0)
		return false;
	if (!json_is_array(files) || question_find(b, base, pattern) != NULL)
		return false;
	q = question_add(b, base, pattern);
	q->is_answered = answered != 0;
	json_array_foreach(files, i, file)
	{
		if (!file_from_json(b, file))
			return false;
	}
	q->count = b->file_count - q->first;
	return true;
}

struct bundle *bundle_from_json(const json_t *json)
{
	struct bundle *b;
	json_t *question;
	size_t i;

	if (!json_is_array(json) || json_array_size(json) > BUNDLE_FILES_MAX)
		return NULL;
	b = bundle_new();
	json_array_foreach(json, i, question)
	{
		if (!question_from_json(b, question)) {
			bundle_free(b);
			return NULL;
		}
	}
	return b;
}
