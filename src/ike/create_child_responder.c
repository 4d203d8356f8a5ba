#include "ike/create_child.h"

#include <stdlib.h>

#include "ike/children.h"
#include "ike/followup.h"
#include "ike/rekey_child.h"
#include "ike/rekey_ike.h"
#include "ike/successor.h"

static void refuse(struct ike_sa *sa, uint16_t notify)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: CREATE_CHILD_SA refused: %s",
	         ip_text(&sa->path.remote.address).s, notify_name(notify));
	child_terms_free(sa->asked);
	sa->asked = NULL;
	response_send_notify(sa, notify, (struct bytes){ 0 });
}

static void refuse_method(struct ike_sa *sa, enum kex_id wanted)
{
	const uint8_t data[2] = { (uint8_t)(wanted >> 8), (uint8_t)wanted };

	child_terms_free(sa->asked);
	sa->asked = NULL;
	response_send_notify(sa, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(data));
}

/* COL-3 */
static void refuse_unknown(struct ike_sa *sa, const struct notify *rekey)
{
	uint8_t inner[32];
	struct message_writer m;

	message_start_inner(&m, inner, sizeof(inner));
	message_add_notify_spi(&m, NOTIFY_CHILD_SA_NOT_FOUND, rekey->spi, (struct bytes){ 0 });
	response_send(sa, &m);
}

static void ask_owner(struct ike_sa *sa)
{
	const struct ike_owner *owner = &sa->ike->owner;
	struct ike_claim claim = {
		.path = ike_sa_proven_path(sa),
		.peer_id = id_kept(&sa->peer_id),
		.peer_behind_nat = sa->nat.peer_behind_nat,
	};

	children_claim(&claim, sa->asked);
	owner->child_wanted(owner->ctx, sa->handle, &claim);
}

/* Reads the request into sa->asked. False: INVALID_SYNTAX. */
static bool keep_request(struct ike_sa *sa, const struct payloads *p, const struct ke *ke)
{
	struct child_terms *terms = new_zeroed(sizeof(*terms));

	child_terms_free(sa->asked);
	sa->asked = terms;
	terms->peer_nonce = nonce_of(p->nonce);
	terms->peer_public = buf_copy(ke->value);
	terms->has_transport = children_has_transport(p);
	return ts_parse(p->ts_i, &terms->ts_i) && ts_parse(p->ts_r, &terms->ts_r);
}

static bool is_ike_rekey(const struct proposal_list *offered)
{
	return offered->count > 0 && offered->proposals[0].protocol == PROTOCOL_IKE;
}

/* With a key exchange if the peer sent one or PFS is policy, else only if it insists (TS-15). */
static bool choose(const struct ike_sa *sa, const struct proposal_list *offered, uint16_t kex_sent,
                   struct proposal_choice *out)
{
	bool kex_first = sa->profile->pfs || kex_sent != KEX_NONE;
	struct proposal_list allowed;

	profile_allow_esp(sa->profile, kex_first, &allowed);
	if (kex_first)
		followup_add_kem_for_esp(sa, &allowed);
	if (proposals_choose(offered, &allowed, kex_sent, out))
		return true;
	if (sa->profile->pfs)
		return false;
	profile_allow_esp(sa->profile, !kex_first, &allowed);
	if (!kex_first)
		followup_add_kem_for_esp(sa, &allowed);
	return proposals_choose(offered, &allowed, kex_sent, out);
}

struct grant {
	uint32_t spi_in;
	struct own_kex kex;
	struct nonce nonce;
	struct secret shared;
};

static void grant_wipe(struct grant *grant)
{
	own_kex_wipe(&grant->kex);
	secret_free(&grant->shared);
}

/* `additional`: of the second part, or NULL. */
static bool install(struct ike_sa *sa, const struct child_terms *terms,
                    const struct ike_permission *permission, const struct grant *grant,
                    const struct secret *additional, struct instant now)
{
	const struct child_recipe recipe = {
		.spi_in = grant->spi_in,
		.choice = &terms->choice,
		.nonce_i = nonce_view(&terms->peer_nonce),
		.nonce_r = nonce_view(&grant->nonce),
		.shared = &grant->shared,
		.additional = additional,
		.local = &permission->ours,
		.remote = &permission->peer,
		.more_local = permission->more_ours,
		.more_remote = permission->more_peer,
		.has_transport = terms->has_transport,
		.tag = permission->tag,
		.replaces = terms->replaces,
		.start = terms->replaces == 0 ? CHILD_SENDS_NOW : CHILD_SENDS_LATER,
	};

	if (recipe.replaces == 0)
		return children_have_room(sa) && children_add(sa, &recipe, now);
	if (!children_have_room_to_rekey(sa) || !children_add(sa, &recipe, now))
		return false;
	rekey_child_inherit(sa, &recipe);
	return true;
}

/* --> HDR, SK { SA, Nr, [KEr], TSi, TSr }; the CHILD SA is installed before (TS-13), or when the
 * second part comes */
static void send_grant(struct ike_sa *sa, const struct ike_permission *permission,
                       const struct grant *grant)
{
	uint8_t inner[INNER_MAX];
	struct message_writer m;

	message_start_inner(&m, inner, sizeof(inner));
	proposals_write_choice(payload_start(&m, PAYLOAD_SA), &sa->asked->choice, grant->spi_in, 4);
	payload_end(&m);
	message_add(&m, PAYLOAD_NONCE, nonce_view(&grant->nonce));
	if (grant->kex.method != KEX_NONE)
		own_kex_write(&grant->kex, &m);
	children_add_granted(&m, sa, sa->asked, permission);
	if (sa->asked->choice.suite.addke != 0)
		followup_add_link(&m, sa);
	response_send(sa, &m);
}

static void await_followup(struct ike_sa *sa, const struct ike_permission *permission,
                           struct grant *grant, struct instant now)
{
	struct followup *f = followup_new(sa, &grant->shared, sa->asked);

	f->nonce_i = sa->asked->peer_nonce;
	f->nonce_r = grant->nonce;
	f->spi_in = grant->spi_in;
	f->permission = (struct ike_permission){
		.verdict = permission->verdict,
		.peer = permission->peer,
		.ours = permission->ours,
		.more_peer = selectors_copy(permission->more_peer),
		.more_ours = selectors_copy(permission->more_ours),
		.tag = permission->tag,
	};
	followup_wait(sa, f, now);
	send_grant(sa, permission, grant);
	sa->asked = NULL;
}

void create_child_on_followup(struct ike_sa *sa, const struct followup *f, struct instant now)
{
	const struct child *old = NULL;
	/* Lent by `f`. */
	const struct grant grant = {
		.spi_in = f->spi_in,
		.nonce = f->nonce_r,
		.shared = f->shared,
	};

	if (f->terms->replaces != 0)
		old = children_find_in(sa, f->terms->replaces);
	/* What it was to take over from may be gone, or be going. */
	if (sa->ike->is_shutting_down ||
	    (f->terms->replaces != 0 && (old == NULL || rekey_child_objection(sa, old) != 0)))
		return followup_refuse(sa);
	if (!install(sa, f->terms, &f->permission, &grant, &f->additional, now))
		return response_send_notify(sa, NOTIFY_NO_ADDITIONAL_SAS, (struct bytes){ 0 });
	followup_send_answer(sa, f);
}

void create_child_on_permission(struct ike_sa *sa, const struct ike_permission *permission,
                                struct instant now)
{
	struct ike *ike = sa->ike;
	CLEANUP(grant_wipe) struct grant grant = { 0 };
	enum kex_id method;

	if (permission->verdict != IKE_VERDICT_ACCEPT || !children_may_grant(sa->asked, permission))
		return refuse(sa, NOTIFY_TS_UNACCEPTABLE);
	nonce_draw(&grant.nonce, 32, ike);
	method = sa->asked->choice.suite.kex;
	if (method != KEX_NONE && !own_kex_start(&grant.kex, method, ike))
		return refuse(sa, NOTIFY_NO_ADDITIONAL_SAS);
	/* KDF-9: a peer that sends bad points loses the IKE SA too. */
	if (method != KEX_NONE &&
	    !own_kex_share(&grant.kex, buf_view(&sa->asked->peer_public), &grant.shared))
		return response_refuse_broken(sa, now);
	grant.spi_in = children_new_spi(sa);
	if (sa->asked->choice.suite.addke != 0)
		return await_followup(sa, permission, &grant, now);
	if (!install(sa, sa->asked, permission, &grant, NULL, now))
		return refuse(sa, NOTIFY_NO_ADDITIONAL_SAS);
	send_grant(sa, permission, &grant);
	child_terms_free(sa->asked);
	sa->asked = NULL;
}

/* TS-8: what is in use, neither less nor, without the owner's leave, more. */
static void grant_rekey(struct ike_sa *sa, const struct child *old, struct instant now)
{
	const struct ike_permission permission = {
		.verdict = IKE_VERDICT_ACCEPT,
		.peer = old->remote,
		.ours = old->local,
		.more_peer = old->more_remote,
		.more_ours = old->more_local,
	};

	sa->asked->replaces = old->spi_in;
	create_child_on_permission(sa, &permission, now);
}

/* False: refused already. `old`: the one to be rekeyed, or NULL. */
static bool may_have_one(struct ike_sa *sa, const struct payloads *p, struct child **old)
{
	bool has_room = children_have_room(sa);
	uint16_t objection = 0;
	struct notify rekey;

	*old = NULL;
	if (payloads_find_notify(p, NOTIFY_REKEY_SA, &rekey)) {
		*old = children_find_out(sa, rekey.spi);
		if (*old == NULL) {
			refuse_unknown(sa, &rekey);
			return false;
		}
		objection = rekey_child_objection(sa, *old);
		has_room = children_have_room_to_rekey(sa);
	}
	if (!has_room || sa->ike->is_shutting_down)
		objection = NOTIFY_NO_ADDITIONAL_SAS;
	if (objection != 0)
		refuse(sa, objection);
	return objection == 0;
}

/* <-- HDR, SK { [N(REKEY_SA)], SA, Ni, [KEi], TSi, TSr } */
void create_child_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct proposal_list offered;
	struct child *old;
	struct ke ke = { 0 };

	if (p->sa.data == NULL || !proposals_parse(p->sa, &offered) || !nonce_is_valid(p->nonce) ||
	    (p->ke.data != NULL && !ke_parse(p->ke, &ke)))
		return response_refuse_broken(sa, now);
	if (sa->rival_of != NULL)
		successor_settle(sa, now);
	if (is_ike_rekey(&offered))
		return rekey_ike_on_request(sa, p, &offered, now);
	if (rekey_ike_is_under_way(sa)) /* COL-12 */
		return refuse(sa, NOTIFY_TEMPORARY_FAILURE);
	if (!may_have_one(sa, p, &old))
		return;
	if (p->ts_i.data == NULL || p->ts_r.data == NULL || !keep_request(sa, p, &ke))
		return response_refuse_broken(sa, now);
	if (!choose(sa, &offered, ke.method, &sa->asked->choice) ||
	    !child_spi_is_valid(sa->asked->choice.spi))
		return refuse(sa, NOTIFY_NO_PROPOSAL_CHOSEN);
	/* KEi beside a choice without one is ignored (TS-14). */
	if (sa->asked->choice.suite.kex != KEX_NONE && sa->asked->choice.suite.kex != ke.method)
		return refuse_method(sa, sa->asked->choice.suite.kex);
	if (old != NULL)
		return grant_rekey(sa, old, now);
	ask_owner(sa);
}
