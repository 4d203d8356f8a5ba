#include "opportunism/dealing.h"

#include "config/suites.h"

static unsigned tenth_at_most(unsigned margin_s, unsigned lifetime_s)
{
	return margin_s < lifetime_s / 10 ? margin_s : lifetime_s / 10;
}

static void fill_lifetimes(struct ike_lifetimes *life, const struct conn_dealings *d)
{
	if (d->ikelifetime_s != 0)
		life->ike_s = d->ikelifetime_s;
	if (d->keylife_s != 0)
		life->child_s = d->keylife_s;
	if (d->life_octets != 0)
		life->child_octets = d->life_octets;
	if (d->life_packets != 0)
		life->child_packets = d->life_packets;
	if (d->has_rekeyfuzz)
		life->fuzz_percent = d->rekeyfuzz_percent;
	if (d->rekeymargin_s != 0) {
		life->margin_s = d->rekeymargin_s;
	} else if (d->ikelifetime_s != 0 || d->keylife_s != 0) {
		/* RKY-5 */
		life->margin_s = tenth_at_most(life->margin_s, life->child_s);
		life->margin_s = tenth_at_most(life->margin_s, life->ike_s);
	}
	life->rekey = !d->has_no_rekey;
}

/* Of esp= the key exchanges may be missing; PFS wants some. */
static void fill_proposal(struct proposal *p, const struct suite_words *words, bool wants_kex)
{
	static const enum kex_id kexes[] = { KEX_X25519,    KEX_P256,      KEX_P384,
		                             KEX_MODP_3072, KEX_MODP_4096, KEX_MODP_2048 };
	bool has_kex = false;

	for (size_t i = 0; i < words->count; i++) {
		const struct suite_transform *t = &words->transforms[i];

		proposal_add_transform(p, t->type, t->id, t->key_bits);
		has_kex = has_kex || t->type == TRANSFORM_KE;
	}
	for (size_t i = 0; wants_kex && !has_kex && i < ARRAY_LEN(kexes); i++)
		proposal_add_transform(p, TRANSFORM_KE, (uint16_t)kexes[i], 0);
}

/* Nothing is said, or it was read before without a fault: the list stays empty or is filled. */
static void fill_proposals(struct proposal_list *out, const char *value, enum suites_use use)
{
	CLEANUP(text_free) struct text why = { 0 };
	struct suites suites;

	out->count = 0;
	if (value[0] == '\0' || !suites_parse(value, use, &suites, &why))
		return;
	for (size_t i = 0; i < suites.count; i++) {
		struct proposal *p =
		    proposals_add(out, use == SUITES_IKE ? PROTOCOL_IKE : PROTOCOL_ESP, 0,
		                  use == SUITES_IKE ? 0 : 4);

		fill_proposal(p, &suites.list[i], use == SUITES_ESP);
	}
}

/* PPK-3: strangers share no secret. */
static enum ike_ppk_use ppk_use(const struct conn *conn)
{
	if (conn->left.kind == END_OPPORTUNISTIC || conn->right.kind == END_OPPORTUNISTIC)
		return IKE_PPK_NO;
	switch (conn->dealings.ppk) {
	case PPK_USE_NO:
		break;
	case PPK_USE_PROPOSE:
		return IKE_PPK_PROPOSE;
	case PPK_USE_INSIST:
		return IKE_PPK_INSIST;
	}
	return IKE_PPK_NO;
}

void profile_of_conn(struct ike_profile *out, const struct conn *conn,
                     const struct conf_setup *setup)
{
	const struct conn_dealings *d = &conn->dealings;

	*out = ike_profile_default;
	fill_lifetimes(&out->life, d);
	fill_proposals(&out->ike, d->ike, SUITES_IKE);
	fill_proposals(&out->esp, d->esp, SUITES_ESP);
	out->pfs = !d->has_no_pfs;
	out->dpd_delay_s = d->dpddelay_s;
	out->dpd_timeout_s = d->dpdtimeout_s;
	out->encapsulation = d->encapsulation;
	out->copies_dscp = d->copies_dscp;
	out->transport = d->transport;
	out->ppk = ppk_use(conn);
	out->unique = !setup->has_shared_ids;
}
