#include "ike/auth_exchange.h"

#include <stdlib.h>

#include "ike/auth_contact.h"
#include "ike/auth_proof.h"
#include "ike/cert.h"
#include "ike/children.h"
#include "ike/crash.h"
#include "ike/followup.h"
#include "ike/ppk.h"
#include "ike/request.h"
#include "util/text.h"

void auth_refuse(struct ike_sa *sa, uint16_t notify, struct bytes data, enum ike_reason reason,
                 struct instant now)
{
	struct ike_id peer_id = id_kept(&sa->peer_id);

	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: IKE_AUTH of %s refused: %s",
	         ip_text(&sa->path.remote.address).s, id_text(&peer_id).s, ike_reason_text(reason));
	response_send_notify(sa, notify, data);
	ike_sa_report_end(sa, reason, false);
	ike_sa_linger(sa, now);
}

static void refuse_syntax(struct ike_sa *sa, struct instant now)
{
	auth_refuse(sa, NOTIFY_INVALID_SYNTAX, (struct bytes){ 0 }, IKE_REASON_PROTOCOL, now);
}

/* One answer for all that can be wrong with a proof: no oracle (AUT-6). The log says which. */
static void refuse_proof(struct ike_sa *sa, enum ike_reason reason, struct instant now)
{
	auth_refuse(sa, NOTIFY_AUTHENTICATION_FAILED, (struct bytes){ 0 }, reason, now);
}

/* We said in IKE_SA_INIT that we take that (CHL-1). */
static bool is_childless(const struct payloads *p)
{
	return p->sa.data == NULL && p->ts_i.data == NULL && p->ts_r.data == NULL;
}

/* The CHILD SA half of the request. False: INVALID_SYNTAX. */
static bool keep_child_request(struct ike_sa *sa, const struct payloads *p)
{
	struct handshake *hs = sa->hs;
	struct proposal_list offered;

	if (is_childless(p))
		return true;
	if (p->sa.data == NULL || p->ts_i.data == NULL || p->ts_r.data == NULL)
		return false;
	hs->child = new_zeroed(sizeof(*hs->child));
	hs->child->has_transport = children_has_transport(p);
	if (!proposals_parse(p->sa, &offered) || !ts_parse(p->ts_i, &hs->child->ts_i) ||
	    !ts_parse(p->ts_r, &hs->child->ts_r))
		return false;
	/* What is chosen from it depends on who the peer is. */
	buf_free(&hs->child_offer);
	hs->child_offer = buf_copy(p->sa);
	return true;
}

static void ask_owner(struct ike_sa *sa, const struct ike_id *wanted_id, struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;
	const struct handshake *hs = sa->hs;
	struct ike_claim claim = {
		.path = ike_sa_proven_path(sa),
		.peer_id = id_kept(&sa->peer_id),
		.wanted_id = *wanted_id,
		.auth = sa->peer_auth,
		.peer_is_wildswan = sa->peer_is_wildswan,
		.peer_behind_nat = sa->nat.peer_behind_nat,
		.initial_contact = hs->initial_contact,
	};

	string_copy(claim.ppk_id, sizeof(claim.ppk_id), hs->ppk_id);
	children_claim(&claim, hs->child);
	half_open_shield(&sa->ike->half_opens, sa->half_open);
	sa->state = IKE_SA_AUTH_WANTED;
	sa->expires = instant_after(now, AUTH_WAIT_MAX);
	sa->is_known_to_owner = true;
	owner->auth_wanted(owner->ctx, sa->handle, &claim);
}

/* NAT-9: between the ports it came by, but to another address only where a NAT may have several. */
static void follow(struct ike_sa *sa)
{
	sa->path = sa->answering_path;
	if (!sa->nat.peer_behind_nat)
		sa->path.remote.address = sa->home;
}

/* <-- HDR, SK { IDi, [N(INITIAL_CONTACT)], [IDr], AUTH, [SAi2, TSi, TSr] } */
void auth_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct ike_id wanted_id = { 0 };
	struct auth_payload auth;
	struct bytes ca_hashes;
	struct notify n;

	follow(sa);
	/* Without AUTH: EAP, which is not supported (AUT-13). */
	if (p->auth.data == NULL)
		return refuse_proof(sa, IKE_REASON_BAD_SIGNATURE, now);
	if (p->id_i.data == NULL || !auth_parse(p->auth, &auth) ||
	    !proof_keep_peers(sa, p->id_i, &auth) || !keep_child_request(sa, p))
		return refuse_syntax(sa, now);
	if (p->id_r.data != NULL && !id_parse(p->id_r, &wanted_id))
		return refuse_syntax(sa, now);
	if (!proof_is_of_known_method(&auth))
		return refuse_proof(sa, IKE_REASON_BAD_SIGNATURE, now);
	crash_keep_token(sa, p);
	cert_keep_request(sa->hs, p);
	ppk_keep_request(sa, p);
	if (cert_is_wanted(sa, &ca_hashes))
		cert_keep_chain(sa->hs, p);
	sa->hs->initial_contact = payloads_find_notify(p, NOTIFY_INITIAL_CONTACT, &n);
	ask_owner(sa, &wanted_id, now);
}

static void choose_child(struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	struct proposal_list offered;
	struct proposal_list allowed;

	if (hs->child == NULL)
		return;
	profile_allow_esp(sa->profile, false, &allowed);
	if (!proposals_parse(buf_view(&hs->child_offer), &offered) ||
	    !proposals_choose(&offered, &allowed, KEX_NONE, &hs->child->choice) ||
	    !child_spi_is_valid(hs->child->choice.spi))
		hs->child_error = NOTIFY_NO_PROPOSAL_CHOSEN;
	if (hs->child_error != 0)
		log_line(&sa->ike->settings.log, LOG_INFO,
		         "ike %s: no child for it: no common algorithms, see esp=",
		         ip_text(&sa->path.remote.address).s);
}

/* False: IKE_SA_INIT agreed on what this peer may not use (SA-14). */
static bool take_profile(struct ike_sa *sa, const struct ike_profile *profile)
{
	struct proposal_list allowed;

	if (profile == NULL)
		return true;
	ike_sa_set_profile(sa, profile);
	profile_allow_ike(sa->profile, false, &allowed);
	followup_add_kem_for_ike(sa, &allowed);
	return proposals_allow(&allowed, &sa->suite);
}

void auth_on_permission(struct ike_sa *sa, const struct ike_permission *permission,
                        struct instant now)
{
	struct handshake *hs = sa->hs;

	if (permission->verdict == IKE_VERDICT_UNAUTHENTICATED)
		return refuse_proof(sa, IKE_REASON_NO_KEYS, now);
	hs->permission = *permission;
	hs->permission.keys = NULL;
	cert_keep_ours(hs, &hs->permission.self, &permission->certs);
	hs->permission.profile = NULL;
	hs->permission.more_peer = selectors_copy(permission->more_peer);
	hs->permission.more_ours = selectors_copy(permission->more_ours);
	if (!take_profile(sa, permission->profile))
		return auth_refuse(sa, NOTIFY_NO_PROPOSAL_CHOSEN, (struct bytes){ 0 },
		                   IKE_REASON_NO_PROPOSAL, now);
	choose_child(sa);
	if (permission->verdict == IKE_VERDICT_NO_CHILD && hs->child_error == 0)
		hs->child_error = NOTIFY_TS_UNACCEPTABLE;
	proof_keep_keys(hs, permission->keys, permission->key_count);
	sa->state = IKE_SA_REQUEST_CHECKING;
	sa->expires = instant_after(now, AUTH_WAIT_MAX);
	if (!ppk_choose(sa))
		return refuse_proof(sa, IKE_REASON_NO_KEYS, now);
	if (hs->ppk_step == PPK_KEYS)
		return ppk_start_job(sa, permission->ppk.key);
	if (!proof_start_checking(sa, permission->peer_psk, now))
		refuse_proof(sa, IKE_REASON_NO_KEYS, now);
}

void auth_on_request_checked(struct ike_sa *sa, struct bytes result, struct instant now)
{
	if (sa->hs->ppk_step == PPK_KEYS) {
		if (!ppk_take_keys(sa, result) ||
		    !proof_start_checking(sa, sa->hs->permission.peer_psk, now))
			refuse_proof(sa, IKE_REASON_NO_KEYS, now);
		return;
	}
	if (!proof_is_good(sa, result))
		return refuse_proof(sa, proof_failure(sa), now);
	sa->state = IKE_SA_RESPONSE_MAKING;
	crash_start_token(sa);
	if (!proof_start_making(sa, &sa->hs->permission.self, now))
		refuse_proof(sa, IKE_REASON_NO_PROPOSAL, now);
}

/* The CHILD SA as granted; 0, or the error that stands in its place. */
static uint16_t grant_child(struct ike_sa *sa, struct instant now)
{
	struct handshake *hs = sa->hs;
	const struct ike_permission *permission = &hs->permission;
	const struct child_recipe recipe = {
		.spi_in = hs->spi_in,
		.choice = &hs->child->choice,
		.nonce_i = nonce_view(&hs->nonce_i),
		.nonce_r = nonce_view(&hs->nonce_r),
		.local = &permission->ours,
		.remote = &permission->peer,
		.more_local = permission->more_ours,
		.more_remote = permission->more_peer,
		.has_transport = hs->child->has_transport,
		.tag = permission->tag,
	};

	if (hs->child_error != 0)
		return hs->child_error;
	if (!children_may_grant(hs->child, permission))
		return NOTIFY_TS_UNACCEPTABLE;
	if (!children_add(sa, &recipe, now))
		return NOTIFY_NO_ADDITIONAL_SAS;
	return 0;
}

static void add_child_answer(struct message_writer *m, const struct ike_sa *sa)
{
	const struct handshake *hs = sa->hs;

	proposals_write_choice(payload_start(m, PAYLOAD_SA), &hs->child->choice, hs->spi_in, 4);
	payload_end(m);
	children_add_granted(m, sa, hs->child, &hs->permission);
}

static void answer_child(struct message_writer *m, struct ike_sa *sa, struct instant now)
{
	uint16_t error;

	sa->hs->spi_in = sa->ike->ports.new_spi(sa->ike->ports.ctx);
	error = grant_child(sa, now);
	if (error != 0)
		message_add_notify(m, error, (struct bytes){ 0 });
	else
		add_child_answer(m, sa);
}

/* --> HDR, SK { IDr, AUTH, [SAr2, TSi, TSr] }; the CHILD SA is installed before (TS-13) */
void auth_on_response_made(struct ike_sa *sa, struct bytes proof, struct instant now)
{
	struct handshake *hs = sa->hs;
	uint8_t inner[AUTH_INNER_MAX];
	struct message_writer m;

	if (proof.len == 0)
		return refuse_proof(sa, IKE_REASON_LOCAL, now);
	message_start_inner(&m, inner, sizeof(inner));
	message_add(&m, PAYLOAD_ID_R, buf_view(&hs->id_body));
	cert_add(&m, hs, &hs->permission.self);
	ppk_add_identity(&m, sa);
	crash_add_token(sa, &m);
	if (contact_is_first(sa))
		message_add_notify(&m, NOTIFY_INITIAL_CONTACT, (struct bytes){ 0 });
	proof_add(&m, sa, hs->permission.self.auth, proof);
	ike_sa_up(sa, now);
	if (hs->initial_contact)
		contact_drop_others(sa);
	if (hs->child != NULL)
		answer_child(&m, sa, now);
	response_send(sa, &m);
	ike_sa_drop_handshake(sa);
}
