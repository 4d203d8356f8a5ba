#include "ike/proposal.h"

#include <assert.h>
#include <stdio.h>

#include "crypto/kem.h"

enum {
	LAST = 0,
	MORE_PROPOSALS = 2,
	MORE_TRANSFORMS = 3,
	PROPOSAL_HEADER_LEN = 8,
	TRANSFORM_HEADER_LEN = 8,
	ATTRIBUTE_SHORT = 0x8000, /* the value is the two octets that follow */
	ATTRIBUTE_KEY_LENGTH = 14,
	SPI_LEN_IKE = 8,
	SPI_LEN_ESP = 4,
	SPI_ESP_MIN = 256,
};

/* One attribute (RFC 7296 section 3.3.5); the key length is the only one in use. */
static void attribute_parse(struct reader *r, struct transform *t)
{
	uint16_t type = read_be16(r);
	uint16_t value = read_be16(r);

	if ((type & ATTRIBUTE_SHORT) == 0)
		read_skip(r, value); /* the long form: `value` was its length */
	if (type == (ATTRIBUTE_SHORT | ATTRIBUTE_KEY_LENGTH) && t->key_bits == 0 && value != 0)
		t->key_bits = value;
	else
		t->has_unknown = true;
}

/* One transform (RFC 7296 section 3.3.2); `more`: its first octet. */
static bool transform_parse(struct reader *r, uint8_t *more, struct transform *out)
{
	struct transform t = { 0 };
	struct reader body;
	uint16_t length;

	*more = read_u8(r);
	read_skip(r, 1);
	length = read_be16(r);
	if (r->failed || length < TRANSFORM_HEADER_LEN)
		return false;
	body = reader_of(read_bytes(r, length - 4u));
	t.type = read_u8(&body);
	read_skip(&body, 1);
	t.id = read_be16(&body);
	while (reader_left(&body) > 0)
		attribute_parse(&body, &t);
	*out = t;
	return !r->failed && !body.failed;
}

static uint64_t spi_parse(struct bytes octets)
{
	uint64_t spi = 0;

	for (size_t i = 0; i < octets.len; i++)
		spi = spi << 8 | octets.data[i];
	return spi;
}

/* One proposal (RFC 7296 section 3.3.1): its lengths and counts must agree (SA-2). */
static bool proposal_parse(struct reader *r, uint8_t *more, struct proposal *out)
{
	struct reader body;
	uint8_t count, more_transforms = MORE_TRANSFORMS;
	uint16_t length;

	*more = read_u8(r);
	read_skip(r, 1);
	length = read_be16(r);
	if (r->failed || length < PROPOSAL_HEADER_LEN)
		return false;
	body = reader_of(read_bytes(r, length - 4u));
	out->number = read_u8(&body);
	out->protocol = read_u8(&body);
	out->spi_len = read_u8(&body);
	count = read_u8(&body);
	if (body.failed || out->spi_len > PROPOSAL_SPI_MAX || count > TRANSFORMS_MAX)
		return false;
	out->spi = spi_parse(read_bytes(&body, out->spi_len));
	out->transform_count = count;
	for (size_t i = 0; i < count; i++) {
		if (!transform_parse(&body, &more_transforms, &out->transforms[i]) ||
		    more_transforms != (i + 1 == count ? LAST : MORE_TRANSFORMS))
			return false;
	}
	return !r->failed && !body.failed && reader_left(&body) == 0;
}

/* 1, 2, 3 ... (SA-1); an answer is a single proposal with the number of the chosen one. */
static bool number_is_next(const struct proposal_list *list, bool is_only)
{
	uint8_t number = list->proposals[list->count].number;

	return is_only ? number > 0 : number == list->count + 1;
}

bool proposals_parse(struct bytes body, struct proposal_list *out)
{
	struct reader r = reader_of(body);
	uint8_t more = MORE_PROPOSALS;

	out->count = 0;
	while (more == MORE_PROPOSALS) {
		if (out->count == PROPOSALS_MAX ||
		    !proposal_parse(&r, &more, &out->proposals[out->count]))
			return false;
		if (!number_is_next(out, out->count == 0 && more == LAST))
			return false;
		out->count++;
	}
	return more == LAST && reader_left(&r) == 0;
}

static void transform_write(struct writer *w, const struct transform *t, bool is_last)
{
	size_t start = w->len;

	write_u8(w, is_last ? LAST : MORE_TRANSFORMS);
	write_u8(w, 0);
	write_be16(w, 0);
	write_u8(w, t->type);
	write_u8(w, 0);
	write_be16(w, t->id);
	if (t->key_bits != 0) {
		write_be16(w, ATTRIBUTE_SHORT | ATTRIBUTE_KEY_LENGTH);
		write_be16(w, t->key_bits);
	}
	if (t->has_unknown) { /* never in ours; stands for whatever it was */
		write_be16(w, ATTRIBUTE_SHORT | 0x3fff);
		write_be16(w, 0);
	}
	write_patch_be16(w, start + 2, (uint16_t)(w->len - start));
}

static void proposal_write(struct writer *w, const struct proposal *p, bool is_last)
{
	size_t start = w->len;

	write_u8(w, is_last ? LAST : MORE_PROPOSALS);
	write_u8(w, 0);
	write_be16(w, 0);
	write_u8(w, p->number);
	write_u8(w, p->protocol);
	write_u8(w, p->spi_len);
	write_u8(w, (uint8_t)p->transform_count);
	for (unsigned left = p->spi_len; left > 0; left--)
		write_u8(w, (uint8_t)(p->spi >> 8 * (left - 1)));
	for (size_t i = 0; i < p->transform_count; i++)
		transform_write(w, &p->transforms[i], i + 1 == p->transform_count);
	write_patch_be16(w, start + 2, (uint16_t)(w->len - start));
}

void proposals_write(struct writer *w, const struct proposal_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		proposal_write(w, &list->proposals[i], i + 1 == list->count);
}

void proposal_add_transform(struct proposal *p, uint8_t type, uint16_t id, uint16_t key_bits)
{
	assert(p->transform_count < TRANSFORMS_MAX);
	p->transforms[p->transform_count++] =
	    (struct transform){ .type = type, .id = id, .key_bits = key_bits };
}

struct proposal *proposals_add(struct proposal_list *list, uint8_t protocol, uint64_t spi,
                               uint8_t spi_len)
{
	struct proposal *p = &list->proposals[list->count++];

	assert(list->count <= PROPOSALS_MAX);
	*p = (struct proposal){
		.number = (uint8_t)list->count,
		.protocol = protocol,
		.spi = spi,
		.spi_len = spi_len,
	};
	return p;
}

/*
 * Our profile
 */

/* A kind of cipher is a proposal: an AEAD has no integrity beside it (SA-6). */
enum cipher_kind { KIND_GCM, KIND_CHACHA20, KIND_CBC, KIND_COUNT };

/* `is_taken`: not what we offer but what we take. */
static void add_ciphers(struct proposal *p, enum cipher_kind kind, bool is_taken)
{
	switch (kind) {
	case KIND_GCM:
		proposal_add_transform(p, TRANSFORM_ENCR, ENCR_AES_GCM_16, 256);
		proposal_add_transform(p, TRANSFORM_ENCR, ENCR_AES_GCM_16, 128);
		return;
	case KIND_CHACHA20:
		proposal_add_transform(p, TRANSFORM_ENCR, ENCR_CHACHA20_POLY1305, 0);
		return;
	case KIND_CBC:
		proposal_add_transform(p, TRANSFORM_ENCR, ENCR_AES_CBC, 256);
		if (is_taken)
			proposal_add_transform(p, TRANSFORM_ENCR, ENCR_AES_CBC, 128);
		proposal_add_transform(p, TRANSFORM_INTEG, INTEG_HMAC_SHA2_256_128, 0);
		if (!is_taken)
			return;
		proposal_add_transform(p, TRANSFORM_INTEG, INTEG_HMAC_SHA2_512_256, 0);
		proposal_add_transform(p, TRANSFORM_INTEG, INTEG_HMAC_SHA2_384_192, 0);
		return;
	case KIND_COUNT:
		break;
	}
}

static void add_prfs(struct proposal *p, bool is_taken)
{
	proposal_add_transform(p, TRANSFORM_PRF, PRF_HMAC_SHA2_256, 0);
	proposal_add_transform(p, TRANSFORM_PRF, PRF_HMAC_SHA2_512, 0);
	if (is_taken)
		proposal_add_transform(p, TRANSFORM_PRF, PRF_HMAC_SHA2_384, 0);
}

static void add_methods(struct proposal *p, const enum kex_id *methods, size_t count)
{
	for (size_t i = 0; i < count; i++)
		proposal_add_transform(p, TRANSFORM_KE, (uint16_t)methods[i], 0);
}

/*
 * MODP 3072 and 4096 cost a Responder twenty times what X25519 does, for anybody who sends one
 * datagram: they are for conns that name them, and for CHILD SAs, whose peer is known.
 */
static void add_kexes(struct proposal *p, bool is_taken)
{
	static const enum kex_id offered[] = { KEX_X25519, KEX_P256 };
	static const enum kex_id offered_for_ike[] = { KEX_X25519, KEX_P256, KEX_MODP_2048 };
	static const enum kex_id taken[] = { KEX_X25519,    KEX_P256,      KEX_P384,
		                             KEX_MODP_3072, KEX_MODP_4096, KEX_MODP_2048 };
	static const enum kex_id taken_for_ike[] = { KEX_X25519, KEX_P256, KEX_P384,
		                                     KEX_MODP_2048 };

	if (is_taken && p->protocol == PROTOCOL_IKE)
		add_methods(p, taken_for_ike, ARRAY_LEN(taken_for_ike));
	else if (is_taken)
		add_methods(p, taken, ARRAY_LEN(taken));
	else if (p->protocol == PROTOCOL_IKE)
		add_methods(p, offered_for_ike, ARRAY_LEN(offered_for_ike));
	else
		add_methods(p, offered, ARRAY_LEN(offered));
}

static void for_ike(struct proposal_list *out, uint64_t spi, bool is_taken)
{
	out->count = 0;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct proposal *p =
		    proposals_add(out, PROTOCOL_IKE, spi, spi == 0 ? 0 : SPI_LEN_IKE);

		add_ciphers(p, (enum cipher_kind)kind, is_taken);
		add_prfs(p, is_taken);
		add_kexes(p, is_taken);
	}
}

static void for_esp(struct proposal_list *out, uint32_t spi, bool with_kex, bool is_taken)
{
	out->count = 0;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		struct proposal *p = proposals_add(out, PROTOCOL_ESP, spi, SPI_LEN_ESP);

		add_ciphers(p, (enum cipher_kind)kind, is_taken);
		if (with_kex)
			add_kexes(p, is_taken);
		proposal_add_transform(p, TRANSFORM_SN, SN_64, 0);
		proposal_add_transform(p, TRANSFORM_SN, SN_32, 0);
	}
}

void proposals_for_ike(struct proposal_list *out, uint64_t spi)
{
	for_ike(out, spi, false);
}

void proposals_for_esp(struct proposal_list *out, uint32_t spi, bool with_kex)
{
	for_esp(out, spi, with_kex, false);
}

void proposals_taken_for_ike(struct proposal_list *out, uint64_t spi)
{
	for_ike(out, spi, true);
}

void proposals_taken_for_esp(struct proposal_list *out, bool with_kex)
{
	for_esp(out, 0, with_kex, true);
}

void proposals_add_kem(struct proposal_list *list, uint16_t kem)
{
	const struct proposal *model = &list->proposals[0];
	struct proposal p = *model;

	if (list->count == 0 || list->count == PROPOSALS_MAX)
		return;
	p.transform_count = 0;
	for (size_t i = 0; i < model->transform_count; i++) {
		if (model->transforms[i].key_bits != 128)
			p.transforms[p.transform_count++] = model->transforms[i];
	}
	proposal_add_transform(&p, TRANSFORM_ADDKE1, kem, 0);
	memmove(&list->proposals[1], &list->proposals[0], list->count * sizeof(list->proposals[0]));
	list->proposals[0] = p;
	list->count++;
	for (size_t i = 0; i < list->count; i++)
		list->proposals[i].number = (uint8_t)(i + 1);
}

/*
 * The choice
 */

static const struct transform *find(const struct proposal *p, uint8_t type, uint16_t id)
{
	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type == type && p->transforms[i].id == id)
			return &p->transforms[i];
	return NULL;
}

static size_t count_type(const struct proposal *p, uint8_t type)
{
	size_t count = 0;

	for (size_t i = 0; i < p->transform_count; i++)
		count += p->transforms[i].type == type;
	return count;
}

bool proposals_offer_kex(const struct proposal_list *list, uint16_t method)
{
	for (size_t i = 0; i < list->count; i++)
		if (find(&list->proposals[i], TRANSFORM_KE, method) != NULL)
			return true;
	return false;
}

size_t proposals_nonce_len(const struct proposal_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (find(&list->proposals[i], TRANSFORM_PRF, PRF_HMAC_SHA2_512) != NULL)
			return 64;
	return 32;
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
