#include "ike/rekey_ike.h"

#include "ike/collision.h"
#include "ike/followup.h"
#include "ike/rekey_child.h"
#include "ike/successor.h"

/* Without children for so long, over all rekeys: it is let go (LIFE-7). */
static const struct duration idle_max = SECONDS(1800);
/* Rekeyed more often than that by the peer: refused for now (RKY-8). */
static const struct duration between_rekeys = SECONDS(10);

/* Messages sealed, message IDs: room for all that may still come. */
#define SEALED_REKEY (SK_SEALED_MAX / 2)
enum { ID_REKEY = 1 << 30 };

/*
 * A peer of another make may expand the new keys with the old PRF (KDF-7), so the old one stays,
 * wherever it is among what is offered or allowed.
 */
static void keep_prf(struct proposal_list *list, enum prf_id prf)
{
	struct proposal_list kept = { 0 };

	for (size_t i = 0; i < list->count; i++) {
		const struct proposal *p = &list->proposals[i];
		struct proposal *q = &kept.proposals[kept.count];
		bool has_prf = false;

		*q = *p;
		q->number = (uint8_t)(kept.count + 1);
		q->transform_count = 0;
		for (size_t j = 0; j < p->transform_count; j++) {
			const struct transform *t = &p->transforms[j];

			if (t->type == TRANSFORM_PRF && t->id != prf)
				continue;
			has_prf |= t->type == TRANSFORM_PRF;
			q->transforms[q->transform_count++] = *t;
		}
		kept.count += has_prf;
	}
	if (kept.count > 0)
		*list = kept;
}

/*
 * Initiator
 */

bool rekey_ike_is_under_way(const struct ike_sa *sa)
{
	return sa->current != NULL && sa->current->kind == REQUEST_REKEY_IKE;
}

static bool is_queued(const struct ike_sa *sa)
{
	for (const struct request *r = sa->queue; r != NULL; r = r->next) {
		if (r->kind == REQUEST_REKEY_IKE)
			return true;
	}
	return false;
}

static void offer(const struct ike_sa *sa, uint64_t spi, struct proposal_list *out)
{
	profile_reoffer_ike(sa->profile, spi, out);
	keep_prf(out, sa->suite.prf);
	followup_add_kem_for_ike(sa, out);
}

/* Another one takes over its children (TS-16); the peer is not asked for this one again. */
static void renew_elsewhere(struct ike_sa *sa, struct instant now)
{
	sa->life.is_refused = true;
	if (!lifetime_put_off(&sa->life, ike_random_octet(sa->ike), now))
		sa->life.rekey = INSTANT_NEVER;
	for (const struct child *child = sa->children; child != NULL; child = child->next)
		rekey_child_needs_sa(sa, child);
}

void rekey_ike_start(struct ike_sa *sa, struct instant now)
{
	struct proposal_list list;
	struct request *request;

	sa->life.rekey = INSTANT_NEVER;
	if (sa->rival != NULL || sa->rival_of != NULL || rekey_ike_is_under_way(sa) ||
	    is_queued(sa))
		return;
	if (sa->life.is_refused)
		return renew_elsewhere(sa, now);
	/* The peer is at it, and would refuse. */
	if (followup_is_of_ike(sa)) {
		sa->life.rekey = sa->followup->drops;
		return;
	}
	request = request_new(REQUEST_REKEY_IKE);
	offer(sa, 1, &list);
	request->method = profile_later_kex(&list, sa->suite.kex);
	request_add(sa, request, now);
}

/* --> HDR, SK { SA, Ni, KEi } */
bool rekey_ike_write(struct ike_sa *sa, struct request *request, struct message_writer *m)
{
	struct proposal_list list;

	request->spi = ike_free_spi(sa->ike);
	offer(sa, request->spi, &list);
	nonce_draw(&request->nonce, proposals_nonce_len(&list), sa->ike);
	if (!own_kex_start(&request->kex, request->method, sa->ike))
		return false;
	proposals_write(payload_start(m, PAYLOAD_SA), &list);
	payload_end(m);
	message_add(m, PAYLOAD_NONCE, nonce_view(&request->nonce));
	own_kex_write(&request->kex, m);
	return true;
}

/* True: asked once more, with the method that the peer wants. Takes ownership then. */
static bool try_other_method(struct ike_sa *sa, struct request *request, const struct notify *error,
                             struct instant now)
{
	struct proposal_list list;
	uint16_t method;

	offer(sa, 1, &list);
	if (error->type != NOTIFY_INVALID_KE_PAYLOAD || request->is_second_try ||
	    request->followup != NULL || !invalid_ke_parse(error->data, &method) ||
	    method == request->method || !proposals_offer_kex(&list, method))
		return false;
	request->is_second_try = true;
	request->method = (enum kex_id)method;
	request_add_first(sa, request, now);
	return true;
}

static void on_error(struct ike_sa *sa, const struct notify *error, struct instant now)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: not rekeyed: %s",
	         ip_text(&sa->path.remote.address).s, notify_name(error->type));
	/* The peer that says so has dropped the IKE SA (ERR-4). */
	if (error->type == NOTIFY_INVALID_SYNTAX)
		return ike_sa_end(sa, IKE_REASON_PROTOCOL, true);
	/* COL-25: its own rekey is the one that counts. */
	if (sa->rival != NULL)
		return successor_settle(sa->rival, now);
	if (rekey_is_refused_for_good(error->type))
		return renew_elsewhere(sa, now);
	/* COL-24: whoever still wants it makes a new one. */
	if (!lifetime_put_off(&sa->life, ike_random_octet(sa->ike), now))
		ike_sa_close(sa, IKE_REASON_EXPIRED, 0, now);
}

static bool judge(const struct ike_sa *sa, const struct request *request, const struct payloads *p,
                  struct proposal_choice *choice, struct secret *shared)
{
	struct proposal_list list, answer;
	struct ke ke;

	offer(sa, request->spi, &list);
	return p->sa.data != NULL && p->ke.data != NULL && nonce_is_valid(p->nonce) &&
	       proposals_parse(p->sa, &answer) && proposals_check_answer(&answer, &list, choice) &&
	       choice->spi != 0 && ke_parse(p->ke, &ke) && ke.method == request->kex.method &&
	       choice->suite.kex == request->kex.method &&
	       own_kex_share(&request->kex, ke.value, shared);
}

static void make_ours(struct ike_sa *sa, const struct successor_recipe *recipe, struct instant now)
{
	struct ike_sa *new = successor_new(sa, recipe, now);

	if (new == NULL)
		return ike_sa_close(sa, IKE_REASON_LOCAL, 0, now);
	successor_add_ours(new, sa, collision_lowest(recipe->nonce_i, recipe->nonce_r), now);
}

/* False: the peer's own rekey counts (COL-20), there is nothing of ours yet that could be closed.
 */
static bool goes_on(struct ike_sa *sa, struct bytes lowest, struct instant now)
{
	bool is_awaited = followup_is_of_ike(sa);

	if (sa->rival != NULL && collision_is_lower(lowest, buf_view(&sa->rival_nonce))) {
		successor_settle(sa->rival, now);
		return false;
	}
	if (is_awaited && collision_is_lower(lowest, followup_lowest(sa->followup))) {
		sa->life.rekey = sa->followup->drops; /* should the peer not go on */
		return false;
	}
	if (is_awaited)
		followup_forget(sa);
	return true;
}

/* --> IKE_FOLLOWUP_KE, or nothing. Takes over `shared`, and the request if true. */
static bool follow_up(struct ike_sa *sa, struct request *request, const struct payloads *p,
                      const struct proposal_choice *choice, struct secret *shared,
                      struct instant now)
{
	struct followup *f = followup_new(sa, shared, NULL);
	bool has_link = followup_take_link(f, p);

	f->choice = *choice;
	f->nonce_i = request->nonce;
	f->nonce_r = nonce_of(p->nonce);
	if (!has_link || !goes_on(sa, followup_lowest(f), now)) {
		followup_free(f);
		if (!has_link)
			ike_sa_close(sa, IKE_REASON_PROTOCOL, 0, now);
		return false;
	}
	request_follow_up(sa, request, f, now);
	return true;
}

/* <-- HDR, SK { SA, Nr, KEr }. True: the request goes on. */
static bool on_answer(struct ike_sa *sa, struct request *request, const struct payloads *p,
                      struct instant now)
{
	CLEANUP(secret_free) struct secret shared = { 0 };
	struct proposal_choice choice;
	struct successor_recipe recipe = {
		.suite = &choice.suite,
		.is_initiator = true,
		.spi_i = request->spi,
		.nonce_i = nonce_view(&request->nonce),
		.nonce_r = p->nonce,
		.shared = &shared,
	};

	/* The peer has moved its children to an IKE SA that we cannot have. */
	if (!judge(sa, request, p, &choice, &shared)) {
		ike_sa_close(sa, IKE_REASON_PROTOCOL, 0, now);
		return false;
	}
	if (choice.suite.addke != 0)
		return follow_up(sa, request, p, &choice, &shared, now);
	recipe.spi_r = choice.spi;
	make_ours(sa, &recipe, now);
	return false;
}

/* <-- HDR, SK { KEr(1) } */
static void on_followup_answer(struct ike_sa *sa, const struct request *request,
                               const struct payloads *p, struct instant now)
{
	struct followup *f = request->followup;
	const struct successor_recipe recipe = {
		.suite = &f->choice.suite,
		.is_initiator = true,
		.spi_i = request->spi,
		.spi_r = f->choice.spi,
		.nonce_i = nonce_view(&f->nonce_i),
		.nonce_r = nonce_view(&f->nonce_r),
		.shared = &f->shared,
		.additional = &f->additional,
	};

	if (!followup_read_answer(f, p))
		return ike_sa_close(sa, IKE_REASON_PROTOCOL, 0, now);
	make_ours(sa, &recipe, now);
}

void rekey_ike_on_response(struct ike_sa *sa, struct request *request, const struct payloads *p,
                           struct instant now)
{
	struct notify error;
	bool is_error = payloads_find_error(p, &error);

	if (is_error && try_other_method(sa, request, &error, now))
		return;
	if (is_error)
		on_error(sa, &error, now);
	else if (request->followup != NULL)
		on_followup_answer(sa, request, p, now);
	else if (on_answer(sa, request, p, now))
		return;
	request_free(request);
}

/*
 * Responder
 */

static void refuse(struct ike_sa *sa, uint16_t notify, struct bytes data)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: rekey refused: %s",
	         ip_text(&sa->path.remote.address).s, notify_name(notify));
	response_send_notify(sa, notify, data);
}

static bool is_changing_children(const struct ike_sa *sa)
{
	return sa->current != NULL && (sa->current->kind == REQUEST_CREATE_CHILD ||
	                               sa->current->kind == REQUEST_REKEY_CHILD ||
	                               sa->current->kind == REQUEST_DELETE_CHILD);
}

/* Ours has its first part done, so that it is the one that counts (RFC 9370 section 2.2.4). */
static bool is_followed_up(const struct ike_sa *sa)
{
	return rekey_ike_is_under_way(sa) && sa->current->followup != NULL;
}

/* The error to refuse with; 0: it may be rekeyed, even if we find it early. */
static uint16_t objection(const struct ike_sa *sa, struct instant now)
{
	if (sa->ike->is_shutting_down)
		return NOTIFY_NO_ADDITIONAL_SAS;
	if (is_followed_up(sa))
		return NOTIFY_TEMPORARY_FAILURE;
	if (is_changing_children(sa) || sa->rival != NULL || sa->rival_of != NULL) /* COL-7 */
		return NOTIFY_TEMPORARY_FAILURE;
	if (sa->rekeyed.ns != 0 && instant_since(now, sa->rekeyed).ns < between_rekeys.ns)
		return NOTIFY_TEMPORARY_FAILURE;
	return 0;
}

/* NONE is no key exchange here (RKY-4). */
static bool choose(const struct ike_sa *sa, const struct proposal_list *offered, uint16_t kex_sent,
                   struct proposal_choice *out)
{
	struct proposal_list allowed, all;

	profile_allow_ike(sa->profile, true, &all);
	allowed = all;
	keep_prf(&allowed, sa->suite.prf);
	followup_add_kem_for_ike(sa, &allowed);
	followup_add_kem_for_ike(sa, &all);
	return (proposals_choose(offered, &allowed, kex_sent, out) ||
	        proposals_choose(offered, &all, kex_sent, out)) &&
	       out->spi != 0 && out->suite.kex != KEX_NONE;
}

/* --> HDR, SK { SA, Nr, KEr } */
static void send_answer(struct ike_sa *sa, const struct proposal_choice *choice, uint64_t spi,
                        const struct nonce *nonce, const struct own_kex *kex)
{
	uint8_t inner[INNER_MAX];
	struct message_writer m;

	message_start_inner(&m, inner, sizeof(inner));
	proposals_write_choice(payload_start(&m, PAYLOAD_SA), choice, spi, 8);
	payload_end(&m);
	message_add(&m, PAYLOAD_NONCE, nonce_view(nonce));
	own_kex_write(kex, &m);
	if (choice->suite.addke != 0)
		followup_add_link(&m, sa);
	response_send(sa, &m);
}

/* Takes over the shared secret. */
static void await_followup(struct ike_sa *sa, const struct successor_recipe *recipe,
                           const struct proposal_choice *choice, struct secret *shared,
                           struct instant now)
{
	struct followup *f = followup_new(sa, shared, NULL);

	f->choice = *choice;
	f->spi_r = recipe->spi_r;
	f->nonce_i = nonce_of(recipe->nonce_i);
	f->nonce_r = nonce_of(recipe->nonce_r);
	followup_wait(sa, f, now);
}

static void agree(struct ike_sa *sa, const struct payloads *p, const struct ke *ke,
                  const struct proposal_choice *choice, struct instant now)
{
	CLEANUP(own_kex_wipe) struct own_kex kex = { 0 };
	CLEANUP(secret_free) struct secret shared = { 0 };
	struct nonce nonce;
	struct successor_recipe recipe = {
		.suite = &choice->suite,
		.spi_i = choice->spi,
		.spi_r = ike_free_spi(sa->ike),
		.nonce_i = p->nonce,
		.shared = &shared,
	};
	struct ike_sa *new;

	nonce_draw(&nonce, nonce_len(choice->suite.prf), sa->ike);
	recipe.nonce_r = nonce_view(&nonce);
	if (!own_kex_start(&kex, choice->suite.kex, sa->ike))
		return refuse(sa, NOTIFY_TEMPORARY_FAILURE, (struct bytes){ 0 });
	/* KDF-9: a peer that sends bad points loses the IKE SA too. */
	if (!own_kex_share(&kex, ke->value, &shared))
		return response_refuse_broken(sa, now);
	if (choice->suite.addke != 0) {
		await_followup(sa, &recipe, choice, &shared, now);
		return send_answer(sa, choice, recipe.spi_r, &nonce, &kex);
	}
	new = successor_new(sa, &recipe, now);
	if (new == NULL)
		return refuse(sa, NOTIFY_TEMPORARY_FAILURE, (struct bytes){ 0 });
	send_answer(sa, choice, recipe.spi_r, &nonce, &kex);
	successor_add_peers(new, sa, collision_lowest(recipe.nonce_i, recipe.nonce_r), now);
}

void rekey_ike_on_followup(struct ike_sa *sa, const struct followup *f, struct instant now)
{
	const struct successor_recipe recipe = {
		.suite = &f->choice.suite,
		.spi_i = f->choice.spi,
		.spi_r = f->spi_r,
		.nonce_i = nonce_view(&f->nonce_i),
		.nonce_r = nonce_view(&f->nonce_r),
		.shared = &f->shared,
		.additional = &f->additional,
	};
	struct ike_sa *new;

	if (objection(sa, now) != 0)
		return followup_refuse(sa);
	new = successor_new(sa, &recipe, now);
	if (new == NULL)
		return refuse(sa, NOTIFY_TEMPORARY_FAILURE, (struct bytes){ 0 });
	followup_send_answer(sa, f);
	successor_add_peers(new, sa, followup_lowest(f), now);
}

/* <-- HDR, SK { SA, Ni, KEi } */
void rekey_ike_on_request(struct ike_sa *sa, const struct payloads *p,
                          const struct proposal_list *offered, struct instant now)
{
	uint16_t notify = objection(sa, now);
	struct proposal_choice choice;
	struct ke ke = { 0 };
	uint8_t wanted[2];

	if (p->ke.data != NULL && !ke_parse(p->ke, &ke))
		return response_refuse_broken(sa, now);
	if (notify == 0 && !choose(sa, offered, ke.method, &choice))
		notify = NOTIFY_NO_PROPOSAL_CHOSEN;
	if (notify != 0)
		return refuse(sa, notify, (struct bytes){ 0 });
	if (choice.suite.kex != ke.method) {
		wanted[0] = (uint8_t)(choice.suite.kex >> 8);
		wanted[1] = (uint8_t)choice.suite.kex;
		return refuse(sa, NOTIFY_INVALID_KE_PAYLOAD, BYTES_OF(wanted));
	}
	agree(sa, p, &ke, &choice, now);
}

/*
 * Time and counters
 */

void rekey_ike_on_deadline(struct ike_sa *sa, struct instant now)
{
	bool is_idle = sa->child_count == 0 && instant_since(now, sa->used).ns >= idle_max.ns;

	if (instant_reached(sa->life.end, now))
		ike_sa_close(sa, IKE_REASON_EXPIRED, 0, now);
	else if (!instant_reached(sa->life.rekey, now))
		return;
	else if (is_idle && sa->queue == NULL && sa->current == NULL)
		ike_sa_close(sa, IKE_REASON_IDLE, 0, now);
	else
		rekey_ike_start(sa, now);
}

void rekey_ike_look_at_counters(struct ike_sa *sa)
{
	if (sa->is_worn || sa->state != IKE_SA_UP || sa->rival_of != NULL)
		return;
	if (sa->sk.sealed < SEALED_REKEY && sa->own_next_id < ID_REKEY &&
	    sa->peer_next_id < ID_REKEY)
		return;
	sa->is_worn = true;
	sa->life.rekey = (struct instant){ 1 }; /* now */
}
