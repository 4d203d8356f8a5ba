#include "ike/create_child.h"

#include <stdlib.h>

#include "ike/children.h"
#include "ike/followup.h"
#include "ike/informational.h"
#include "ike/rekey_child.h"

static void make_offer(const struct ike_sa *sa, const struct request *request,
                       struct proposal_list *out)
{
	bool with_kex = request->method != KEX_NONE;

	profile_reoffer_esp(sa->profile, request->spi_in, with_kex, out);
	if (with_kex)
		followup_add_kem_for_esp(sa, out);
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
	request_follow_up(sa, request, f, now);
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
