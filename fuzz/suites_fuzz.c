/*
 * ike= and esp=: the first octet says which, the rest is the value. What is taken is a list of
 * proposals of which every one could be agreed on by two who have it; what is refused is refused
 * with a word why.
 */
#include "config/suites.h"

#include <assert.h>
#include <stdlib.h>

#include "ike/choice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct suite_words *words, bool is_ike)
{
	struct proposal_list list = { 0 };
	struct proposal *p = proposals_add(&list, is_ike ? PROTOCOL_IKE : PROTOCOL_ESP,
	                                   is_ike ? 0 : 0x1000, is_ike ? 0 : 4);
	struct proposal_choice choice;

	for (size_t i = 0; i < words->count; i++)
		proposal_add_transform(p, words->transforms[i].type, words->transforms[i].id,
		                       words->transforms[i].key_bits);
	if (!proposals_choose(&list, &list, KEX_NONE, &choice))
		abort();
	assert(choice.suite.cipher != AEAD_NONE);
	assert((choice.suite.prf != PRF_NONE) == is_ike);
	assert(!is_ike || kex_public_len(choice.suite.kex) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(text_free) struct text why = { 0 };
	struct suites suites;
	bool is_ike;
	char *value;

	if (size == 0)
		return 0;
	is_ike = data[0] == 'i';
	value = new_zeroed(size);
	memcpy(value, data + 1, size - 1);
	if (suites_parse(value, is_ike ? SUITES_IKE : SUITES_ESP, &suites, &why)) {
		assert(why.len == 0 && suites.count > 0 && suites.count <= SUITES_MAX);
		for (size_t i = 0; i < suites.count; i++)
			check(&suites.list[i], is_ike);
	} else {
		assert(why.len > 0);
	}
	free(value);
	return 0;
}
