#include "ike/profile.h"

#include <assert.h>
#include <stdlib.h>

#include "ike/own_proposals.h"

const struct ike_profile ike_profile_default = {
	.pfs = true,
	.life = {
		.ike_s = 8 * 3600,
		.child_s = 3600,
		.margin_s = 9 * 60,
		.fuzz_percent = 100,
		.child_packets = ((uint64_t)1 << 32) - ((uint64_t)1 << 28),
		.child_octets = (uint64_t)100 * 1000 * 1000 * 1000,
		.rekey = true,
	},
	.unique = true,
};

static bool transforms_equal(const struct proposal *a, const struct proposal *b)
{
	if (a->transform_count != b->transform_count)
		return false;
	for (size_t i = 0; i < a->transform_count; i++) {
		const struct transform *t = &a->transforms[i], *u = &b->transforms[i];

		if (t->type != u->type || t->id != u->id || t->key_bits != u->key_bits ||
		    t->has_unknown != u->has_unknown)
			return false;
	}
	return true;
}

static bool lists_equal(const struct proposal_list *a, const struct proposal_list *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!transforms_equal(&a->proposals[i], &b->proposals[i]))
			return false;
	}
	return true;
}

static bool lifetimes_equal(const struct ike_lifetimes *a, const struct ike_lifetimes *b)
{
	return a->ike_s == b->ike_s && a->child_s == b->child_s && a->margin_s == b->margin_s &&
	       a->fuzz_percent == b->fuzz_percent && a->child_packets == b->child_packets &&
	       a->child_octets == b->child_octets && a->rekey == b->rekey;
}

bool ike_profile_equal(const struct ike_profile *a, const struct ike_profile *b)
{
	return a->pfs == b->pfs && lifetimes_equal(&a->life, &b->life) &&
	       a->dpd_delay_s == b->dpd_delay_s && a->dpd_timeout_s == b->dpd_timeout_s &&
	       a->encapsulation == b->encapsulation && a->transport == b->transport &&
	       a->copies_dscp == b->copies_dscp &&
	       a->unique == b->unique && a->ppk == b->ppk && lists_equal(&a->ike, &b->ike) &&
	       lists_equal(&a->esp, &b->esp);
}

/*
 * What is offered
 */

/* The transforms of `from` under a header of ours. */
static void copy_proposals(const struct proposal_list *from, uint8_t protocol, uint64_t spi,
                           uint8_t spi_len, bool with_kex, struct proposal_list *out)
{
	out->count = from->count;
	for (size_t i = 0; i < from->count; i++) {
		const struct proposal *p = &from->proposals[i];
		struct proposal *q = &out->proposals[i];

		q->number = (uint8_t)(i + 1);
		q->protocol = protocol;
		q->spi = spi;
		q->spi_len = spi_len;
		q->transform_count = 0;
		for (size_t j = 0; j < p->transform_count; j++) {
			if (with_kex || p->transforms[j].type != TRANSFORM_KE)
				q->transforms[q->transform_count++] = p->transforms[j];
		}
	}
}

void profile_offer_ike(const struct ike_profile *profile, uint64_t spi, struct proposal_list *out)
{
	if (profile->ike.count == 0)
		proposals_for_ike(out, spi);
	else
		copy_proposals(&profile->ike, PROTOCOL_IKE, spi, spi == 0 ? 0 : 8, true, out);
}

void profile_offer_esp(const struct ike_profile *profile, uint32_t spi, bool with_kex,
                       struct proposal_list *out)
{
	if (profile->esp.count == 0)
		proposals_for_esp(out, spi, with_kex);
	else
		copy_proposals(&profile->esp, PROTOCOL_ESP, spi, 4, with_kex, out);
}

void profile_allow_ike(const struct ike_profile *profile, bool with_spi, struct proposal_list *out)
{
	/* Only the length of an SPI in our list counts. */
	if (profile->ike.count == 0)
		proposals_taken_for_ike(out, with_spi);
	else
		profile_offer_ike(profile, with_spi, out);
}

void profile_allow_esp(const struct ike_profile *profile, bool with_kex, struct proposal_list *out)
{
	if (profile->esp.count == 0)
		proposals_taken_for_esp(out, with_kex);
	else
		profile_offer_esp(profile, 0, with_kex, out);
}

void profile_reoffer_ike(const struct ike_profile *profile, uint64_t spi, struct proposal_list *out)
{
	profile_allow_ike(profile, true, out);
	for (size_t i = 0; i < out->count; i++)
		out->proposals[i].spi = spi;
}

void profile_reoffer_esp(const struct ike_profile *profile, uint32_t spi, bool with_kex,
                         struct proposal_list *out)
{
	profile_allow_esp(profile, with_kex, out);
	for (size_t i = 0; i < out->count; i++)
		out->proposals[i].spi = spi;
}

enum kex_id profile_first_kex(const struct proposal_list *offer)
{
	for (size_t i = 0; i < offer->count; i++) {
		const struct proposal *p = &offer->proposals[i];

		for (size_t j = 0; j < p->transform_count; j++) {
			if (p->transforms[j].type == TRANSFORM_KE)
				return (enum kex_id)p->transforms[j].id;
		}
	}
	return KEX_NONE;
}

enum kex_id profile_later_kex(const struct proposal_list *offer, enum kex_id taken)
{
	return proposals_offer_kex(offer, taken) ? taken : profile_first_kex(offer);
}

/*
 * The copies
 */

struct shared_profile {
	struct shared_profile *next;
	size_t holders;
	struct ike_profile profile;
};

const struct ike_profile *profiles_hold(struct profiles *profiles,
                                        const struct ike_profile *profile)
{
	struct shared_profile *shared;

	if (profile == NULL || ike_profile_equal(profile, &ike_profile_default))
		return &ike_profile_default;
	for (shared = profiles->first; shared != NULL; shared = shared->next) {
		if (ike_profile_equal(&shared->profile, profile))
			break;
	}
	if (shared == NULL) {
		shared = new_zeroed(sizeof(*shared));
		shared->profile = *profile;
		shared->next = profiles->first;
		profiles->first = shared;
	}
	shared->holders++;
	return &shared->profile;
}

void profiles_release(struct profiles *profiles, const struct ike_profile *held)
{
	struct shared_profile **at = &profiles->first;
	struct shared_profile *shared;

	if (held == NULL || held == &ike_profile_default)
		return;
	while (*at != NULL && &(*at)->profile != held)
		at = &(*at)->next;
	assert(*at != NULL);
	shared = *at;
	if (--shared->holders > 0)
		return;
	*at = shared->next;
	free(shared);
}
