#include "ike/own_proposals.h"

#include "crypto/kex.h"
#include "crypto/prf.h"

enum { SPI_LEN_IKE = 8, SPI_LEN_ESP = 4 };

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
