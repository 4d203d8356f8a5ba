#include "ike/create_child.h"

#include <stdlib.h>

#include "ike/children.h"
#include "ike/followup.h"
#include "ike/informational.h"
#include "ike/rekey_child.h"
#include "ike/rekey_ike.h"
#include "ike/successor.h"

static void add_kem(const struct ike_sa *sa, struct proposal_list *list)
{
	const struct kem *kem = followup_kem_for_esp(sa);

	if (kem != NULL)
		proposals_add_kem(list, kem->id);
}

/*
 * Initiator of the exchange
 */

static void make_offer(const struct ike_sa *sa, const struct request *request,
                       struct proposal_list *out)
{
	bool with_kex = request->method != KEX_NONE;

	profile_reoffer_esp(sa->profile, request->spi_in, with_kex, out);
	if (with_kex)
		add_kem(sa, out);
}

bool create_child_write(struct ike_sa *sa, struct request *request, struct message_writer *m)
{
	struct ike *ike = sa->ike;
	struct proposal_list offer;

	request->spi_in = children_new_spi(sa);
	make_offer(sa, request, &offer);
	nonce_draw(&request->nonce, 32, ike);
	if (request->method != KEX_NONE && !own_kex_start(&request->kex, request->method, ike))
		return false;
	if (request->kind == REQUEST_REKEY_CHILD)
		message_add_notify_spi(m, NOTIFY_REKEY_SA, request->old_in, (struct bytes){ 0 });
	children_ask_transport(m, sa, &request->local, request->more_local, &request->remote,
	                       request->more_remote);
	proposals_write(payload_start(m, PAYLOAD_SA), &offer);
	payload_end(m);
	message_add(m, PAYLOAD_NONCE, nonce_view(&request->nonce));
	if (request->method != KEX_NONE)
		own_kex_write(&request->kex, m);
	children_add_wanted(m, &request->packet, &request->local, request->more_local,
	                    &request->remote, request->more_remote);
	return true;
}

/* The Responder wants another method: the exchange once more, with a new nonce (TS-14). */
static bool try_other_method(struct ike_sa *sa, struct request *request, struct bytes data,
                             struct instant now)
{
	struct proposal_list offer;
	uint16_t method;

	profile_reoffer_esp(sa->profile, request->spi_in, true, &offer);
	if (request->is_second_try || !invalid_ke_parse(data, &method) ||
	    method == request->method || !proposals_offer_kex(&offer, method))
		return false;
	request->is_second_try = true;
	request->method = (enum kex_id)method;
	request_add_first(sa, request, now);
	return true;
}

/* It has waited too long for the second part: all of it once more (RFC 9370 section 2.2.4). */
static bool try_anew(struct ike_sa *sa, struct request *request, struct instant now)
{
	if (request->followup == NULL || request->was_forgotten)
		return false;
	request->was_forgotten = true;
	followup_free(request->followup);
	request->followup = NULL;
	request_add_first(sa, request, now);
	return true;
}

static bool try_single_pair(struct ike_sa *sa, struct request *request, struct instant now)
{
	struct ike_packet packet = request->packet;

	if (packet.source.family == IP_NONE)
		return false;
	request->packet = (struct ike_packet){ 0 };
	request->local = ts_of_ip(&packet.source);
	request->remote = ts_of_ip(&packet.destination);
	selectors_free(&request->more_local);
	selectors_free(&request->more_remote);
	request_add_first(sa, request, now);
	return true;
}

void create_child_for_packet(struct ike_sa *sa, const struct ike_packet *packet, uint64_t tag,
                             struct instant now)
{
	struct request *request = request_new(REQUEST_CREATE_CHILD);
	struct proposal_list offer;

	profile_reoffer_esp(sa->profile, 0, true, &offer);
	request->tag = tag;
	request->local = ts_of_ip(&packet->source);
	request->remote = ts_of_ip(&packet->destination);
	request->method = sa->profile->pfs ? profile_later_kex(&offer, sa->suite.kex) : KEX_NONE;
	request_add(sa, request, now);
}

/* What was asked for will not come. */
static void fail(struct ike_sa *sa, const struct request *request, enum ike_reason reason,
                 uint16_t error, struct instant now)
{
	if (request->kind == REQUEST_REKEY_CHILD)
		rekey_child_on_error(sa, request, error, now);
	else
		children_fail(sa, request->tag, reason, reason != IKE_REASON_LOCAL);
}

/* Takes ownership of the request. */
static void on_error(struct ike_sa *sa, struct request *request, const struct notify *error,
                     struct instant now)
{
	if (error->type == NOTIFY_STATE_NOT_FOUND && request->kind == REQUEST_CREATE_CHILD &&
	    try_anew(sa, request, now))
		return;
	if (error->type == NOTIFY_INVALID_KE_PAYLOAD && request->followup == NULL &&
	    try_other_method(sa, request, error->data, now))
		return;
	if (error->type == NOTIFY_SINGLE_PAIR_REQUIRED && request->followup == NULL &&
	    request->kind == REQUEST_CREATE_CHILD && try_single_pair(sa, request, now))
		return;
	fail(sa, request, children_reason(error->type), error->type, now);
	request_free(request);
	/* The peer that says so has dropped the IKE SA (ERR-4). */
	if (error->type == NOTIFY_INVALID_SYNTAX)
		ike_sa_end(sa, IKE_REASON_PROTOCOL, true);
}

enum answer_verdict {
	ANSWER_OK,
	ANSWER_BROKEN,   /* nothing on this IKE SA can be trusted to work */
	ANSWER_NO_SUITE, /* the peer has a child that we do not want */
	ANSWER_OTHER_TS, /* likewise */
};

/* Opportunistic pairs are wanted exactly (OIN-9); so are those towards whoever began the IKE SA,
 * and what takes over from another (TS-8). Ranges are a configured tunnel's, which takes what it
 * gets. */
static bool is_exact(const struct ike_sa *sa, const struct request *request)
{
	bool is_pair = ts_is_host(&request->local) && ts_is_host(&request->remote);

	return sa->is_opportunistic || (!sa->is_initiator && is_pair) ||
	       request->kind == REQUEST_REKEY_CHILD;
}

static bool is_as_asked(const struct ike_sa *sa, const struct request *request,
                        const struct child_terms *terms)
{
	bool exact = is_exact(sa, request);

	return children_ts_fit(&terms->ts_i, &request->local, request->more_local, exact) &&
	       children_ts_fit(&terms->ts_r, &request->remote, request->more_remote, exact);
}

/* The peer of a rekey may still count what was named when the old one was made (TS-5). */
static bool has_fitting_ts(const struct ike_sa *sa, const struct request *request,
                           struct child_terms *terms)
{
	if (request->packet.source.family != IP_NONE)
		children_merge_answer(terms);
	if (is_as_asked(sa, request, terms))
		return true;
	children_merge_answer(terms);
	return request->kind == REQUEST_REKEY_CHILD && is_as_asked(sa, request, terms);
}

static enum answer_verdict judge(const struct ike_sa *sa, const struct request *request,
                                 const struct payloads *p, struct child_terms *terms,
                                 struct secret *shared)
{
	struct proposal_list offer;
	struct proposal_list answer;
	enum kex_id method = request->kex.method;
	struct ke ke;

	if (p->sa.data == NULL || !nonce_is_valid(p->nonce) || p->ts_i.data == NULL ||
	    p->ts_r.data == NULL || !proposals_parse(p->sa, &answer) ||
	    !ts_parse(p->ts_i, &terms->ts_i) || !ts_parse(p->ts_r, &terms->ts_r))
		return ANSWER_BROKEN;
	make_offer(sa, request, &offer);
	if (!proposals_check_answer(&answer, &offer, &terms->choice) ||
	    !child_spi_is_valid(terms->choice.spi) || terms->choice.suite.kex != method)
		return ANSWER_NO_SUITE;
	if (method != KEX_NONE &&
	    (p->ke.data == NULL || !ke_parse(p->ke, &ke) || ke.method != method ||
	     !own_kex_share(&request->kex, ke.value, shared)))
		return ANSWER_BROKEN;
	terms->has_transport = children_has_transport(p);
	return has_fitting_ts(sa, request, terms) ? ANSWER_OK : ANSWER_OTHER_TS;
}

/* What the exchange gave beside its terms; `additional` NULL: it had no second part. */
struct outcome {
	struct bytes nonce_r;
	const struct secret *shared;
	const struct secret *additional;
};

static bool add_child(struct ike_sa *sa, const struct request *request,
                      const struct child_terms *terms, const struct outcome *outcome,
                      struct instant now)
{
	struct child_recipe recipe = {
		.spi_in = request->spi_in,
		.choice = &terms->choice,
		.is_exchange_initiator = true,
		.nonce_i = nonce_view(&request->nonce),
		.nonce_r = outcome->nonce_r,
		.shared = outcome->shared,
		.additional = outcome->additional,
		.local = &terms->ts_i.selectors[0],
		.remote = &terms->ts_r.selectors[0],
		.more_local = children_more(&terms->ts_i),
		.more_remote = children_more(&terms->ts_r),
		.has_transport = terms->has_transport,
		.tag = request->tag,
	};

	if (request->kind == REQUEST_CREATE_CHILD)
		return children_have_room(sa) && children_add(sa, &recipe, now);
	if (!rekey_child_place(sa, request, &recipe) || !children_have_room_to_rekey(sa) ||
	    !children_add(sa, &recipe, now))
		return false;
	rekey_child_settle(sa, request, &recipe, now);
	return true;
}

/* --> IKE_FOLLOWUP_KE, or nothing: another rekey is the one that counts. Takes over `shared` and
 * `terms`, and the request if true. */
static bool follow_up(struct ike_sa *sa, struct request *request, const struct payloads *p,
                      struct child_terms *terms, struct secret *shared, struct instant now)
{
	struct followup *f = followup_new(sa, shared, terms);

	f->nonce_i = request->nonce;
	f->nonce_r = nonce_of(p->nonce);
	if (!followup_take_link(f, p)) {
		followup_free(f);
		fail(sa, request, IKE_REASON_PROTOCOL, 0, now);
		ike_sa_close(sa, IKE_REASON_PROTOCOL, 0, now);
		return false;
	}
	if (request->kind == REQUEST_REKEY_CHILD &&
	    !rekey_child_goes_on(sa, request, followup_lowest(f))) {
		followup_free(f);
		return false;
	}
	own_kex_wipe(&request->kex);
	request->followup = f;
	request_add_first(sa, request, now);
	return true;
}

/* <-- HDR, SK { SA, Nr, [KEr], TSi, TSr }. True: the request goes on. */
static bool on_answer(struct ike_sa *sa, struct request *request, const struct payloads *p,
                      struct instant now)
{
	CLEANUP(secret_free) struct secret shared = { 0 };
	struct child_terms *terms = new_zeroed(sizeof(*terms));
	enum answer_verdict verdict = judge(sa, request, p, terms, &shared);
	const struct outcome outcome = { .nonce_r = p->nonce, .shared = &shared };
	bool has_more = verdict != ANSWER_BROKEN && terms->choice.suite.addke != 0;
	enum ike_reason reason = IKE_REASON_LOCAL;
	bool is_made;

	if (verdict == ANSWER_OK && has_more)
		return follow_up(sa, request, p, terms, &shared, now);
	is_made = verdict == ANSWER_OK && add_child(sa, request, terms, &outcome, now);
	child_terms_free(terms);
	switch (verdict) {
	case ANSWER_OK:
		break;
	case ANSWER_NO_SUITE:
		reason = IKE_REASON_NO_PROPOSAL;
		break;
	case ANSWER_OTHER_TS:
		reason = IKE_REASON_TS_UNACCEPTABLE;
		break;
	case ANSWER_BROKEN:
		fail(sa, request, IKE_REASON_PROTOCOL, 0, now);
		ike_sa_close(sa, IKE_REASON_PROTOCOL, 0, now);
		return false;
	}
	if (is_made)
		return false;
	/* Without its second part the peer has none that could be deleted. */
	if (!has_more)
		informational_delete_child(sa, request->spi_in, now);
	/* No more than the packet's own protocol or ports: then at least all of its addresses. */
	if (reason == IKE_REASON_TS_UNACCEPTABLE && request->packet.source.family != IP_NONE)
		create_child_for_packet(sa, &request->packet, request->tag, now);
	else
		fail(sa, request, reason, 0, now);
	return false;
}

/* <-- HDR, SK { KEr(1) } */
static void on_followup_answer(struct ike_sa *sa, const struct request *request,
                               const struct payloads *p, struct instant now)
{
	struct followup *f = request->followup;
	const struct outcome outcome = {
		.nonce_r = nonce_view(&f->nonce_r),
		.shared = &f->shared,
		.additional = &f->additional,
	};

	if (!followup_read_answer(f, p)) {
		fail(sa, request, IKE_REASON_PROTOCOL, 0, now);
		return ike_sa_close(sa, IKE_REASON_PROTOCOL, 0, now);
	}
	if (add_child(sa, request, f->terms, &outcome, now))
		return;
	fail(sa, request, IKE_REASON_LOCAL, 0, now);
	informational_delete_child(sa, request->spi_in, now);
}

void create_child_on_response(struct ike_sa *sa, struct request *request, const struct payloads *p,
                              struct instant now)
{
	struct notify error;

	if (payloads_find_error(p, &error))
		return on_error(sa, request, &error, now);
	if (request->followup != NULL)
		on_followup_answer(sa, request, p, now);
	else if (on_answer(sa, request, p, now))
		return;
	request_free(request);
}

/*
 * Responder of the exchange
 */

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
		.path = sa->path,
		.peer_id = id_kept(&sa->peer_id),
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
		add_kem(sa, &allowed);
	if (proposals_choose(offered, &allowed, kex_sent, out))
		return true;
	if (sa->profile->pfs)
		return false;
	profile_allow_esp(sa->profile, !kex_first, &allowed);
	if (!kex_first)
		add_kem(sa, &allowed);
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
