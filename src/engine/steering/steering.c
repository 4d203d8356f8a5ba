/* Life of a running steering: taken over from `nft -f`, made anew when lost, taken out. */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

static bool take_over(struct steering *s, char *error, size_t size)
{
	int failure;

	if (!nft_open(&s->nft, error, size))
		return false;
	failure = baseline_capture(&s->baseline, &s->nft);
	if (failure == ENOENT)
		snprintf(error, size,
		         "table inet " STEERING_TABLE " is not there; "
		         "`ipsec start` loads it before the daemon");
	else if (failure != 0)
		snprintf(error, size, "cannot read table inet " STEERING_TABLE ": %s",
		         strerror(failure));
	else if (check_has_flowtable(&s->nft))
		snprintf(error, size,
		         "an nftables flowtable would forward packets past the "
		         "policy; remove it (nft list flowtables)");
	else
		return true;
	return false;
}

struct steering *steering_open(const struct steering_settings *settings, const struct log *log,
                               char *error, size_t size)
{
	struct steering *s = new_zeroed(sizeof(*s));
	uint64_t seed[2] = { 0 };

	(void)!getrandom(seed, sizeof(seed), 0);
	hash_init(&s->pairs, seed);
	hash_init(&s->ported, seed);
	labels_init(&s->labels, seed);
	s->settings = *settings;
	snprintf(s->device, sizeof(s->device), "%s", settings->device);
	s->settings.device = s->device;
	s->settings.dns_uids = NULL;
	s->settings.dns_uid_count = 0;
	s->inside = new_array(settings->inside_count + 1, sizeof(*s->inside));
	if (settings->inside_count > 0)
		memcpy(s->inside, settings->inside, settings->inside_count * sizeof(*s->inside));
	s->settings.inside = s->inside;
	s->known = ranges_copy(settings->known, settings->known_count);
	s->settings.known = s->known;
	s->bypass = ranges_copy(settings->bypass, settings->bypass_count);
	s->settings.bypass = s->bypass;
	if (log != NULL)
		s->log = *log;
	if (!take_over(s, error, size)) {
		steering_free(s);
		return NULL;
	}
	check_filters(&s->nft, &s->settings, &s->log);
	return s;
}

void steering_free(struct steering *s)
{
	if (s == NULL)
		return;
	watch_free(s->watch);
	putback_stop(s);
	pairs_wipe(s);
	ported_wipe(s);
	policy_forget(s);
	labels_wipe(&s->labels);
	free(s->inside);
	free(s->known);
	free(s->bypass);
	free(s->routed);
	free(s->changes);
	batch_wipe(&s->batch);
	baseline_wipe(&s->baseline);
	nft_close(&s->nft);
	free(s);
}

void steering_note(struct steering *s, const char *what, int error)
{
	if (error == ENOENT)
		s->is_lost = true;
	else
		log_line(&s->log, LOG_ERROR, "steering: %s: nf_tables refused: %s", what,
		         strerror(error));
	if (s->is_lost && !s->is_down)
		(void)steering_rebuild(s);
}

void steering_commit(struct steering *s, struct batch *b, const char *what)
{
	int error = nft_commit(&s->nft, b, NULL);

	if (error != 0)
		steering_note(s, what, error);
	batch_wipe(b);
}

static const char *const range_sets[] = { "local", "inside", "known", "guarded", "bypass" };
static const char *const pair_sets[] = {
	"pass",        "drop",     "reject",          "tunnel",     "used",
	"suspect",     "alive",    "grace",           "pair_ports", "tunnel_ports",
	"used_ports",  "through",  "whole_strengths", "changing",   "replacing",
	"from_null",   "from_dns", "from_dnssec",     "from_psk",   "from_cert",
	"from_rawkey",
};

static bool is_named(const char *set, const char *const *stems, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len = strlen(stems[i]);

		if (strncmp(set, stems[i], len) == 0 && strlen(set + len) <= 1)
			return true;
	}
	return false;
}

static const struct layout_kind *layout_kind_named(const char *set)
{
	for (size_t i = 0; i < LAYOUT_SETS; i++)
		if (is_named(set, &layout_kinds[i].stem, 1))
			return &layout_kinds[i];
	return NULL;
}

static bool keeps_fixed(const char *set)
{
	return !is_named(set, range_sets, ARRAY_LEN(range_sets)) &&
	       !is_named(set, pair_sets, ARRAY_LEN(pair_sets)) && layout_kind_named(set) == NULL;
}

static bool keeps_text(const char *set)
{
	return !is_named(set, pair_sets, ARRAY_LEN(pair_sets));
}

bool steering_rebuild(struct steering *s)
{
	const struct baseline_part part = { .keeps_elements =
		                                s->has_policy ? keeps_fixed : keeps_text };
	bool guards = !s->has_policy || steering_has_closed(&s->policy) || pairs_have_tunnels(s);
	struct batch b = { 0 };
	int error;

	s->is_lost = false;
	baseline_replay(&s->baseline, &b, &part);
	if (s->has_policy) {
		policy_put(s, &b);
		inside_put(s, &b);
		known_put(s, &b);
		bypass_put(s, &b);
	}
	alive_put(s, &b);
	protocols_put(&b, "replacing", guards);
	error = nft_commit(&s->nft, &b, NULL);
	batch_wipe(&b);
	if (error != 0) {
		log_line(&s->log, LOG_ERROR,
		         "steering: table inet " STEERING_TABLE " cannot be put back: %s",
		         strerror(error));
		return false;
	}
	if (guards)
		protocols_clear(s, "replacing");
	s->baseline.fingerprint = baseline_fingerprint(&s->nft);
	s->change_count = 0;                               /* they are among the pairs */
	s->labels.is_whole = s->labels.is_refused = false; /* the new table's is empty */
	putback_start(s, s->base);
	labels_put_anew(s);
	labels_told(s);
	return true;
}

static bool is_kept_chain(const char *chain)
{
	static const char *const kept[] = { "keep_private", "keep_all",     "keep_ports",
		                            "keep_answers", "keep_columns", "own_sockets",
		                            "name_users",   "exempt",       "exempt_connection" };

	for (size_t i = 0; i < ARRAY_LEN(kept); i++)
		if (strcmp(chain, kept[i]) == 0)
			return true;
	return false;
}

static bool is_kept_set(const char *set)
{
	const struct layout_kind *kind = layout_kind_named(set);

	return keeps_fixed(set) || (kind != NULL && kind->is_kept) ||
	       strcmp(set, "replacing") == 0 || strncmp(set, "inside", 6) == 0 ||
	       strncmp(set, "bypass", 6) == 0 || strncmp(set, "through", 7) == 0;
}

static bool is_kept_counter(const char *counter)
{
	return strcmp(counter, "leak") == 0;
}

static bool keeps_all(const char *set)
{
	return true;
}

static size_t describe_private(const struct policy_table *policy, struct text *kept)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->flat_count; i++) {
		const struct policy_row *row = &policy->flat[i];

		if (!row->is_private)
			continue;
		count++;
		if (kept != NULL)
			text_add(kept, "conn %s: %s -> %s stays blocked\n", row->name,
			         range_text(&row->local).s, range_text(&row->remote).s);
	}
	return count;
}

/* What steering_leftover() writes, made of the table's own rules. */
static void put_leftover(struct steering *s, struct batch *b)
{
	const struct baseline_part part = {
		.keeps_elements = s->has_policy ? keeps_fixed : keeps_all,
		.has_chain = is_kept_chain,
		.has_set = is_kept_set,
		.has_counter = is_kept_counter,
	};

	baseline_replay(&s->baseline, b, &part);
	if (s->has_policy) {
		kept_put(s, b);
		inside_put(s, b);
		bypass_put(s, b);
	}
	protocols_put(b, "replacing", true);
}

void steering_down(struct steering *s, bool keep_private, struct text *kept)
{
	struct batch b = { 0 };
	bool keeps = keep_private && describe_private(&s->policy, kept) > 0;
	int error;

	s->is_down = true;
	watch_free(s->watch);
	s->watch = NULL;
	putback_stop(s);
	if (keeps)
		put_leftover(s, &b);
	else
		baseline_put_removal(&b);
	error = nft_commit(&s->nft, &b, NULL);
	if (error != 0)
		log_line(&s->log, LOG_ERROR,
		         "steering: cannot take out table inet " STEERING_TABLE ": %s",
		         strerror(error));
	else if (keeps)
		protocols_clear(s, "replacing");
	batch_wipe(&b);
}
