#include "util/test.h"

#include "engine/userspace/replay.h"
#include "util/vectors.h"

/* What the window says to one packet, in the words of the vectors. */
static const char *receive(struct replay *rp, uint32_t on_wire, bool icv_valid)
{
	uint64_t sequence;

	if (!replay_infer(rp, on_wire, &sequence))
		return "reject-old";
	switch (replay_check(rp, sequence)) {
	case REPLAY_ZERO:
		return "reject-zero";
	case REPLAY_OLD:
		return "reject-old";
	case REPLAY_SEEN:
		return "reject-replay";
	case REPLAY_NEW:
		break;
	}
	if (!icv_valid)
		return "reject-icv";
	replay_accept(rp, sequence);
	return "accept";
}

static void play_event(struct replay *rp, const json_t *event, const char *id)
{
	bool icv_valid = json_is_true(vector_member(event, "icv_valid"));
	const char *wire = rp->is_esn ? "on_wire" : "sequence";
	uint32_t low = (uint32_t)vector_number(event, wire);
	const char *said;
	uint64_t inferred;

	if (rp->is_esn && json_is_integer(json_object_get(event, "inferred"))) {
		assert_true(replay_infer(rp, low, &inferred));
		assert_int_equal(inferred, vector_number(event, "inferred"));
	}
	said = receive(rp, low, icv_valid);
	if (strcmp(said, vector_string(event, "expect")) != 0)
		fail_msg("%s: %u: %s, not %s", id, low, said, vector_string(event, "expect"));
}

/* RPL-1, RPL-3, RPL-5, IN-5 */
static void answers_the_published_sequences(void **state)
{
	json_t *root = vectors_load("replay");
	const json_t *vector, *event;
	size_t i, j, played = 0;

	json_array_foreach(vector_member(root, "cases"), i, vector)
	{
		struct replay rp;

		replay_init(&rp, (uint32_t)vector_number(vector, "window"),
		            json_is_true(vector_member(vector, "esn")));
		json_array_foreach(vector_member(vector, "events"), j, event)
		{
			play_event(&rp, event, vector_string(vector, "id"));
			played++;
		}
		replay_wipe(&rp);
	}
	assert_true(played > 50);
	json_decref(root);
}

/* The plain twin: every number ever accepted. */
struct dumb {
	uint64_t seen[4096];
	size_t count;
	uint64_t highest;
};

static bool dumb_would_accept(const struct dumb *d, uint64_t sequence, uint32_t window)
{
	if (sequence == 0 || (sequence <= d->highest && d->highest - sequence >= window))
		return false;
	for (size_t i = 0; i < d->count; i++) {
		if (d->seen[i] == sequence)
			return false;
	}
	return true;
}

static void dumb_accept(struct dumb *d, uint64_t sequence)
{
	d->seen[d->count++] = sequence;
	if (sequence > d->highest)
		d->highest = sequence;
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* Mostly near the upper edge, sometimes far ahead or behind. */
static uint64_t some_sequence(uint64_t highest, uint32_t window, uint64_t *seed)
{
	uint64_t kind = next_random(seed) % 16;
	uint64_t step = next_random(seed) % (kind == 0 ? 4 * window : kind < 8 ? window : 8);
	bool is_back = next_random(seed) % 2 == 0;

	return is_back ? (step > highest ? 0 : highest - step) : highest + step;
}

static void compare_with_dumb(uint32_t window, bool is_esn, uint64_t start, uint64_t seed)
{
	struct dumb *dumb = new_zeroed(sizeof(*dumb));
	struct replay rp;

	replay_init(&rp, window, is_esn);
	replay_accept(&rp, start);
	dumb_accept(dumb, start);
	for (int i = 0; i < 4000; i++) {
		uint64_t sequence = some_sequence(dumb->highest, window, &seed);
		bool expected = dumb_would_accept(dumb, sequence, window);
		uint64_t inferred;
		bool got;

		if (!is_esn && sequence > UINT32_MAX)
			continue;
		got = replay_infer(&rp, (uint32_t)sequence, &inferred) && inferred == sequence &&
		      replay_check(&rp, sequence) == REPLAY_NEW;
		if (got != expected)
			fail_msg("window %u start %llu step %d: %llu", window,
			         (unsigned long long)start, i, (unsigned long long)sequence);
		if (got) {
			replay_accept(&rp, sequence);
			dumb_accept(dumb, sequence);
		}
	}
	replay_wipe(&rp);
	free(dumb);
}

/* RPL-1, RPL-2 */
static void agrees_with_a_set_of_all_numbers_seen(void **state)
{
	static const uint32_t windows[] = { 32, 64, 96, 1024, 4096 };
	static const uint64_t starts[] = { 1, 500, UINT32_MAX - 2000, UINT64_C(0x1ffffff00),
		                           UINT64_C(0x500000010) };

	for (size_t w = 0; w < ARRAY_LEN(windows); w++) {
		for (size_t s = 0; s < ARRAY_LEN(starts); s++) {
			compare_with_dumb(windows[w], true, starts[s], 17 * w + s + 1);
			if (starts[s] <= UINT32_MAX)
				compare_with_dumb(windows[w], false, starts[s], 31 * w + s + 1);
		}
	}
}

/* RPL-3 */
static void takes_a_low_half_of_zero_only_with_extended_numbers(void **state)
{
	struct replay rp;
	uint64_t sequence;

	replay_init(&rp, 64, false);
	replay_accept(&rp, UINT32_MAX);
	assert_true(replay_infer(&rp, 0, &sequence));
	assert_int_equal(replay_check(&rp, sequence), REPLAY_ZERO);
	replay_wipe(&rp);
	replay_init(&rp, 64, true);
	replay_accept(&rp, UINT32_MAX);
	assert_true(replay_infer(&rp, 0, &sequence));
	assert_int_equal(sequence, UINT64_C(1) << 32);
	assert_int_equal(replay_check(&rp, sequence), REPLAY_NEW);
	replay_wipe(&rp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_the_published_sequences),
		cmocka_unit_test(agrees_with_a_set_of_all_numbers_seen),
		cmocka_unit_test(takes_a_low_half_of_zero_only_with_extended_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
