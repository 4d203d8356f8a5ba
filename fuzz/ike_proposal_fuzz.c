/*
 * Any octets as the body of an SA payload. What parses, written and parsed again, is the same list;
 * whatever is chosen from it is an answer its sender would take.
 */
#include <assert.h>
#include <stdlib.h>

#include "ike/choice.h"
#include "ike/own_proposals.h"

static void expect_same(const struct proposal_list *a, const struct proposal_list *b)
{
	assert(a->count == b->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct proposal *p = &a->proposals[i], *q = &b->proposals[i];

		assert(p->number == q->number && p->protocol == q->protocol);
		assert(p->spi_len == q->spi_len && p->spi == q->spi);
		assert(p->transform_count == q->transform_count);
		for (size_t j = 0; j < p->transform_count; j++) {
			const struct transform *t = &p->transforms[j], *u = &q->transforms[j];

			assert(t->type == u->type && t->id == u->id);
			assert(t->key_bits == u->key_bits && t->has_unknown == u->has_unknown);
		}
	}
}

static bool is_offered(const struct proposal_list *offered, unsigned number,
                       const struct transform *t)
{
	for (size_t i = 0; i < offered->count; i++) {
		const struct proposal *p = &offered->proposals[i];

		for (size_t j = 0; p->number == number && j < p->transform_count; j++) {
			const struct transform *u = &p->transforms[j];

			if (u->type == t->type && u->id == t->id && u->key_bits == t->key_bits &&
			    !u->has_unknown)
				return true;
		}
	}
	return false;
}

/* The Initiator that sent `offered` accepts our answer, and reads the same suite from it. */
static void choose(const struct proposal_list *offered, const struct proposal_list *allowed)
{
	static struct proposal_list answer;
	struct proposal_choice choice;
	const struct transform *t;
	uint8_t octets[256];
	struct writer w = writer_on(octets, sizeof(octets));

	if (!proposals_choose(offered, allowed, KEX_P256, &choice))
		return;
	proposals_write_choice(&w, &choice, 0x1000, choice.protocol == PROTOCOL_ESP ? 4 : 0);
	assert(proposals_parse(writer_view(&w), &answer) && answer.count == 1);
	t = answer.proposals[0].transforms;
	for (size_t i = 0; i < answer.proposals[0].transform_count; i++)
		assert(is_offered(offered, choice.number, &t[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct proposal_list first, second, ike, esp, pfs;
	static uint8_t again[1 << 16];
	struct writer w = writer_on(again, sizeof(again));

	if (!proposals_parse(BYTES(data, size), &first))
		return 0;
	proposals_write(&w, &first);
	assert(!w.failed && proposals_parse(writer_view(&w), &second));
	expect_same(&first, &second);
	proposals_for_ike(&ike, 0);
	proposals_for_esp(&esp, 0x1000, false);
	proposals_for_esp(&pfs, 0x1000, true);
	choose(&first, &ike);
	choose(&first, &esp);
	choose(&first, &pfs);
	proposals_taken_for_ike(&ike, 0);
	proposals_taken_for_esp(&pfs, true);
	choose(&first, &ike);
	choose(&first, &pfs);
	return 0;
}
