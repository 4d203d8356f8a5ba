#pragma once
/*
 * How we deal with one peer: what we offer and allow, how long SAs live, what is asked of them.
 *
 * A conn's words, or the defaults. The owner fills one in and lends it; the endpoint keeps one copy
 * of each distinct profile, which all IKE SAs of that profile share (profiles_hold() and
 * profiles_release()), so that an SA costs a pointer.
 */
#include "crypto/kex.h"
#include "ike/proposal.h"

/* Soft limits; each side keeps its own (TS-18). */
struct ike_lifetimes {
	unsigned ike_s;
	unsigned child_s;
	unsigned margin_s;     /* begin to rekey so long before the end */
	unsigned fuzz_percent; /* and up to this much of the margin earlier, at random */
	uint64_t child_packets;
	uint64_t child_octets;
	bool rekey; /* false: they end instead */
};

/* Post-quantum preshared keys (RFC 8784). */
enum ike_ppk_use { IKE_PPK_NO, IKE_PPK_PROPOSE, IKE_PPK_INSIST };

struct ike_profile {
	/* Numbers and SPIs are filled in when it is offered. Count 0: our defaults. Key exchange
	 * methods of `esp` are left out in IKE_AUTH (SA-12). */
	struct proposal_list ike;
	struct proposal_list esp;
	bool pfs; /* CREATE_CHILD_SA without a key exchange is refused, and never asked for */
	struct ike_lifetimes life;
	unsigned dpd_delay_s; /* 0: the defaults of opportunism */
	unsigned dpd_timeout_s;
	bool encapsulation; /* UDP around ESP even without a NAT (NAT-13) */
	bool copies_dscp;   /* outside stands the DSCP of what is inside (ECN-3) */
	bool transport;     /* transport mode is asked for and granted (TS-9) */
	enum ike_ppk_use ppk;
	bool unique; /* nobody else has our identity, nor the peer's: INITIAL_CONTACT (IC-3) */
};

/* What an opportunistic gateway does with strangers. */
extern const struct ike_profile ike_profile_default;

bool ike_profile_equal(const struct ike_profile *a, const struct ike_profile *b);

/* Our offer as Initiator. `spi` 0: IKE_SA_INIT; else that of a rekey. */
void profile_offer_ike(const struct ike_profile *profile, uint64_t spi, struct proposal_list *out);
/* `with_kex`: in CREATE_CHILD_SA. */
void profile_offer_esp(const struct ike_profile *profile, uint32_t spi, bool with_kex,
                       struct proposal_list *out);
/*
 * Our offer in CREATE_CHILD_SA: all that we take. The peer may have chosen it when it began, out of
 * what we had not offered; and this message is not the first one, which has to be short.
 */
void profile_reoffer_ike(const struct ike_profile *profile, uint64_t spi,
                         struct proposal_list *out);
void profile_reoffer_esp(const struct ike_profile *profile, uint32_t spi, bool with_kex,
                         struct proposal_list *out);
/*
 * The rule as Responder: what a conn says it says for both roles; without its words more is taken
 * than offered, so that two strangers always find a common suite (ALG-2). `with_spi`: in a rekey.
 */
void profile_allow_ike(const struct ike_profile *profile, bool with_spi, struct proposal_list *out);
void profile_allow_esp(const struct ike_profile *profile, bool with_kex, struct proposal_list *out);
/* The method our KE payload is made for before the peer has said anything: our first. */
enum kex_id profile_first_kex(const struct proposal_list *offer);
/* And later on: the one that it took in the IKE SA, where that is offered. Some peers do not ask
 * for another (INVALID_KE_PAYLOAD) in CREATE_CHILD_SA. */
enum kex_id profile_later_kex(const struct proposal_list *offer, enum kex_id taken);

/*
 * The copies an endpoint keeps: one for each distinct profile in use, so never more than IKE SAs.
 * Zeroed is empty.
 */
struct profiles {
	struct shared_profile *first;
};
/* The copy that equals `profile` (NULL: the defaults), made if need be. */
const struct ike_profile *profiles_hold(struct profiles *profiles,
                                        const struct ike_profile *profile);
/* Ends one hold; takes NULL. */
void profiles_release(struct profiles *profiles, const struct ike_profile *held);
