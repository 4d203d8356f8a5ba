#include "engine/steering/ruleset_text.h"

void word_add(struct words *w, const char *name, const char *format, ...)
{
	struct word *word = &w->word[w->count++];
	va_list args;

	word->name = name;
	va_start(args, format);
	vsnprintf(word->value, sizeof(word->value), format, args);
	va_end(args);
}

static void word_mark(struct words *w, const char *is, const char *set, uint32_t mask,
                      uint32_t value)
{
	word_add(w, is, "meta mark & 0x%08x == 0x%08x", mask, value);
	word_add(w, set, "meta mark set meta mark & 0x%08x | 0x%08x", ~mask, value);
}

void words_of_settings(struct words *w, const struct steering_settings *s)
{
	const struct engine_marks *m = &s->marks;

	w->count = 0;
	word_add(w, "$dev", "\"%s\"", s->device);
	word_add(w, "$ike_port", "%u", s->port);
	word_add(w, "$nat_port", "%u", s->nat_port);
	word_add(w, "$clear", "meta mark set meta mark & 0x%08x", ~m->mask);
	/* No packet has this value as its mark, so that nobody who saves marks makes it. */
	word_add(w, "$ct_is_exempt", "ct mark & 0x%08x == 0x%08x", m->mask, m->ct_exempt);
	word_add(w, "$ct_set_exempt", "ct mark set ct mark & 0x%08x | 0x%08x", ~m->mask,
	         m->ct_exempt);
	word_add(w, "$ct_is_tunnelled", "ct mark & 0x%08x == 0x%08x", m->mask, m->ct_tunnelled);
	word_add(w, "$ct_not_ours", "ct mark & 0x%08x != 0x%08x ct mark & 0x%08x != 0x%08x",
	         m->mask, m->ct_exempt, m->mask, m->ct_tunnelled);
	word_add(w, "$ct_set_tunnelled", "ct mark set ct mark & 0x%08x | 0x%08x", ~m->mask,
	         m->ct_tunnelled);
	word_mark(w, "$is_trap", "$set_trap", m->mask, m->trap);
	word_mark(w, "$is_own", "$set_own", m->mask, m->own);
	word_mark(w, "$is_release_pass", "$set_release_pass", m->mask, m->release_pass);
	word_mark(w, "$is_release_tunnel", "$set_release_tunnel", m->mask, m->release_tunnel);
	word_mark(w, "$is_released", "$set_released", m->mask, m->released);
	/* Lives inside one chain only: nobody else ever sees this value. */
	word_mark(w, "$is_reject", "$set_reject", m->mask, m->mask);
}

/* The longest name that `rule` begins with, so that $is_release does not hide $is_released. */
static const struct word *word_at(const struct words *w, const char *rule)
{
	const struct word *best = NULL;

	for (size_t i = 0; i < w->count; i++) {
		size_t len = strlen(w->word[i].name);

		if (strncmp(rule, w->word[i].name, len) == 0 &&
		    (best == NULL || len > strlen(best->name)))
			best = &w->word[i];
	}
	return best;
}

static void write_words(struct text *out, const struct words *w, struct bytes rules)
{
	const char *at = (const char *)rules.data;
	const char *end = at + rules.len;

	while (at < end) {
		const struct word *word = *at == '$' ? word_at(w, at) : NULL;
		const char *next = memchr(at + 1, '$', (size_t)(end - at - 1));
		size_t plain = (size_t)((next == NULL ? end : next) - at);

		if (word != NULL) {
			text_add(out, "%s", word->value);
			at += strlen(word->name);
		} else {
			text_add_bytes(out, BYTES(at, plain));
			at += plain;
		}
	}
}

static void columns_write(struct text *out, const char *line)
{
	for (char letter = 'a'; letter < 'a' + LAYOUT_COLUMNS; letter++)
		for (const char *at = line; *at != '\0'; at++)
			text_add_bytes(out, BYTES(*at == COLUMN_LETTER ? &letter : at, 1));
}

void words_write(struct text *out, const struct words *w, const char *rules)
{
	while (*rules != '\0') {
		size_t len = strcspn(rules, "\n");
		struct bytes line = BYTES(rules, rules[len] == '\n' ? len + 1 : len);

		if (memchr(line.data, COLUMN_LETTER, line.len) != NULL) {
			struct text once = { 0 };

			write_words(&once, w, line);
			columns_write(out, once.s);
			text_free(&once);
		} else {
			write_words(out, w, line);
		}
		rules += line.len;
	}
}
