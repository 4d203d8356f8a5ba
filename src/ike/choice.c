#include "ike/choice.h"

#include <assert.h>
#include <stdio.h>

#include "crypto/kem.h"

enum { SPI_ESP_MIN = 256 };

/* The transforms that make a cipher of aead.h. */
static const struct cipher_row {
	enum aead_id cipher;
	uint16_t encr;
	uint16_t key_bits;
	uint16_t integ;
} cipher_rows[] = {
	{ AEAD_AES_GCM_16_128, ENCR_AES_GCM_16, 128, INTEG_NONE },
	{ AEAD_AES_GCM_16_256, ENCR_AES_GCM_16, 256, INTEG_NONE },
	{ AEAD_CHACHA20_POLY1305, ENCR_CHACHA20_POLY1305, 0, INTEG_NONE },
	{ AEAD_AES_CBC_128_SHA2_256, ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_256_128 },
	{ AEAD_AES_CBC_128_SHA2_384, ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_384_192 },
	{ AEAD_AES_CBC_128_SHA2_512, ENCR_AES_CBC, 128, INTEG_HMAC_SHA2_512_256 },
	{ AEAD_AES_CBC_256_SHA2_256, ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_256_128 },
	{ AEAD_AES_CBC_256_SHA2_384, ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_384_192 },
	{ AEAD_AES_CBC_256_SHA2_512, ENCR_AES_CBC, 256, INTEG_HMAC_SHA2_512_256 },
};

enum aead_id proposal_cipher(uint16_t encr, uint16_t key_bits, uint16_t integ)
{
	for (size_t i = 0; i < ARRAY_LEN(cipher_rows); i++) {
		const struct cipher_row *row = &cipher_rows[i];

		if (row->encr == encr && row->key_bits == key_bits && row->integ == integ)
			return row->cipher;
	}
	return AEAD_NONE;
}

static const struct cipher_row *cipher_row(enum aead_id cipher)
{
	const struct cipher_row *row = cipher_rows;

	while (row->cipher != cipher) {
		row++;
		assert(row < cipher_rows + ARRAY_LEN(cipher_rows));
	}
	return row;
}

static size_t count_type(const struct proposal *p, uint8_t type)
{
	size_t count = 0;

	for (size_t i = 0; i < p->transform_count; i++)
		count += p->transforms[i].type == type;
	return count;
}

static bool transform_equal(const struct transform *a, const struct transform *b)
{
	return a->type == b->type && a->id == b->id && a->key_bits == b->key_bits &&
	       !a->has_unknown && !b->has_unknown;
}

static const struct transform *find_equal(const struct proposal *p, const struct transform *wanted)
{
	for (size_t i = 0; i < p->transform_count; i++)
		if (transform_equal(&p->transforms[i], wanted))
			return &p->transforms[i];
	return NULL;
}

/* The first transform of that type in `ours` that `theirs` has too; `favourite` before all. */
static const struct transform *common(const struct proposal *ours, const struct proposal *theirs,
                                      uint8_t type, uint16_t favourite)
{
	const struct transform *first = NULL;

	for (size_t i = 0; i < ours->transform_count; i++) {
		const struct transform *t = &ours->transforms[i];

		if (t->type != type || find_equal(theirs, t) == NULL)
			continue;
		if (t->id == favourite)
			return t;
		if (first == NULL)
			first = t;
	}
	return first;
}

/* `t`: the transform of each type, NULL where there is none. */
static struct suite suite_of(const struct transform *const t[TRANSFORM_ADDKE1 + 1])
{
	const struct transform *encr = t[TRANSFORM_ENCR], *integ = t[TRANSFORM_INTEG];
	struct suite suite = { 0 };

	if (encr != NULL)
		suite.cipher = proposal_cipher(encr->id, encr->key_bits,
		                               integ == NULL ? INTEG_NONE : integ->id);
	if (t[TRANSFORM_PRF] != NULL)
		suite.prf = (enum prf_id)t[TRANSFORM_PRF]->id;
	if (t[TRANSFORM_KE] != NULL)
		suite.kex = (enum kex_id)t[TRANSFORM_KE]->id;
	if (t[TRANSFORM_SN] != NULL)
		suite.is_esn = t[TRANSFORM_SN]->id == SN_64;
	if (t[TRANSFORM_ADDKE1] != NULL)
		suite.addke = t[TRANSFORM_ADDKE1]->id;
	return suite;
}

/* A type that `ours` does not have may only be there as NONE: integrity beside an AEAD (SA-6), a
 * key exchange where the secrets come from the IKE SA (SA-12), or one more (RFC 9370). */
static bool is_none_option(uint8_t type)
{
	return type == TRANSFORM_INTEG || type == TRANSFORM_KE ||
	       (type >= TRANSFORM_ADDKE1 && type <= TRANSFORM_ADDKE7);
}

/* Every type offered is one of ours, or could be NONE (SA-4). */
static bool types_fit(const struct proposal *theirs, const struct proposal *ours)
{
	for (size_t i = 0; i < theirs->transform_count; i++) {
		uint8_t type = theirs->transforms[i].type;
		struct transform none = { .type = type };

		if (count_type(ours, type) > 0)
			continue;
		if (!is_none_option(type) || find_equal(theirs, &none) == NULL)
			return false;
	}
	return true;
}

static bool spi_fits(const struct proposal *theirs, const struct proposal *ours)
{
	if (theirs->protocol != ours->protocol || theirs->spi_len != ours->spi_len)
		return false;
	/* RFC 4303 section 2.1: values below 256 are reserved. */
	return theirs->protocol != PROTOCOL_ESP || theirs->spi >= SPI_ESP_MIN;
}

static void start_choice(struct proposal_choice *choice, const struct proposal *theirs,
                         const struct proposal *ours)
{
	*choice = (struct proposal_choice){
		.number = theirs->number,
		.protocol = theirs->protocol,
		.spi = theirs->spi,
		.has_integ_none = count_type(theirs, TRANSFORM_INTEG) > 0 &&
		                  count_type(ours, TRANSFORM_INTEG) == 0,
		.has_kex_none =
		    count_type(theirs, TRANSFORM_KE) > 0 && count_type(ours, TRANSFORM_KE) == 0,
	};
	for (uint8_t type = TRANSFORM_ADDKE1; type <= TRANSFORM_ADDKE7; type++) {
		if (count_type(theirs, type) > 0 && count_type(ours, type) == 0)
			choice->addke_nones |= (uint8_t)(1 << (type - TRANSFORM_ADDKE1));
	}
}

static bool choose_from(const struct proposal *theirs, const struct proposal *ours,
                        uint16_t kex_sent, struct proposal_choice *out)
{
	const struct transform *chosen[TRANSFORM_ADDKE1 + 1] = { 0 };
	struct proposal_choice choice;

	if (!spi_fits(theirs, ours) || !types_fit(theirs, ours))
		return false;
	start_choice(&choice, theirs, ours);
	for (uint8_t type = TRANSFORM_ENCR; type <= TRANSFORM_ADDKE1; type++) {
		uint16_t favourite = type == TRANSFORM_KE && kex_sent != 0 ? kex_sent : UINT16_MAX;

		chosen[type] = common(ours, theirs, type, favourite);
		if (chosen[type] == NULL && count_type(ours, type) > 0)
			return false;
	}
	choice.suite = suite_of(chosen);
	if (choice.suite.cipher == AEAD_NONE)
		return false;
	*out = choice;
	return true;
}

bool proposals_choose(const struct proposal_list *offered, const struct proposal_list *allowed,
                      uint16_t kex_sent, struct proposal_choice *out)
{
	for (size_t i = 0; i < offered->count; i++)
		for (size_t j = 0; j < allowed->count; j++)
			if (choose_from(&offered->proposals[i], &allowed->proposals[j], kex_sent,
			                out))
				return true;
	return false;
}

/* Exactly one of each type; NONE where we offered no such type is the other way to say nothing. */
static bool is_one_of_each(const struct proposal *answer)
{
	for (size_t i = 0; i < answer->transform_count; i++)
		if (count_type(answer, answer->transforms[i].type) != 1)
			return false;
	return true;
}

bool proposals_check_answer(const struct proposal_list *answer, const struct proposal_list *offered,
                            struct proposal_choice *out)
{
	const struct proposal *a = &answer->proposals[0];

	if (answer->count != 1 || !is_one_of_each(a))
		return false;
	for (size_t i = 0; i < offered->count; i++)
		if (offered->proposals[i].number == a->number)
			return choose_from(a, &offered->proposals[i], 0, out);
	return false;
}

static void suite_transforms(struct proposal *p, const struct proposal_choice *choice)
{
	const struct suite *suite = &choice->suite;
	const struct cipher_row *row = cipher_row(suite->cipher);

	proposal_add_transform(p, TRANSFORM_ENCR, row->encr, row->key_bits);
	if (suite->prf != PRF_NONE)
		proposal_add_transform(p, TRANSFORM_PRF, suite->prf, 0);
	if (choice->has_integ_none || row->integ != INTEG_NONE)
		proposal_add_transform(p, TRANSFORM_INTEG, row->integ, 0);
	if (suite->kex != KEX_NONE || choice->has_kex_none)
		proposal_add_transform(p, TRANSFORM_KE, suite->kex, 0);
	if (choice->protocol == PROTOCOL_ESP)
		proposal_add_transform(p, TRANSFORM_SN, suite->is_esn ? SN_64 : SN_32, 0);
	if (suite->addke != 0)
		proposal_add_transform(p, TRANSFORM_ADDKE1, suite->addke, 0);
	for (uint8_t type = TRANSFORM_ADDKE1; type <= TRANSFORM_ADDKE7; type++) {
		if (choice->addke_nones >> (type - TRANSFORM_ADDKE1) & 1)
			proposal_add_transform(p, type, 0, 0);
	}
}

void proposals_write_choice(struct writer *w, const struct proposal_choice *choice, uint64_t spi,
                            uint8_t spi_len)
{
	struct proposal p = {
		.number = choice->number,
		.protocol = choice->protocol,
		.spi = spi,
		.spi_len = spi_len,
	};

	suite_transforms(&p, choice);
	proposal_write(w, &p, true);
}

bool proposals_allow(const struct proposal_list *allowed, const struct suite *suite)
{
	const struct proposal_choice choice = { .protocol = PROTOCOL_IKE, .suite = *suite };
	struct proposal_list one = { .count = 1 };
	struct proposal_choice same;

	one.proposals[0].protocol = PROTOCOL_IKE;
	suite_transforms(&one.proposals[0], &choice);
	return proposals_choose(&one, allowed, (uint16_t)suite->kex, &same);
}

static const char *prf_word(enum prf_id id)
{
	switch (id) {
	case PRF_NONE:
		return "";
	case PRF_HMAC_SHA2_256:
		return ", HMAC_SHA2_256";
	case PRF_HMAC_SHA2_384:
		return ", HMAC_SHA2_384";
	case PRF_HMAC_SHA2_512:
		return ", HMAC_SHA2_512";
	}
	return "";
}

struct suite_text suite_text(const struct suite *suite)
{
	struct suite_text text;

	snprintf(
	    text.s, sizeof(text.s), "%s%s%s%s%s%s", aead_name(suite->cipher), prf_word(suite->prf),
	    suite->kex != KEX_NONE ? ", " : "", suite->kex != KEX_NONE ? kex_name(suite->kex) : "",
	    suite->addke == KEX_ML_KEM_768 ? ", ML-KEM-768" : "", suite->is_esn ? ", ESN" : "");
	return text;
}
