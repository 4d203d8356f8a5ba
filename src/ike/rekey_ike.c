#include "ike/rekey_ike.h"

#include <assert.h>

#include "ike/collision.h"
#include "ike/followup.h"
#include "ike/peers.h"
#include "ike/rekey_child.h"

/* Without children for so long, over all rekeys: it is let go (LIFE-7). */
static const struct duration idle_max = SECONDS(1800);
/* Rekeyed more often than that by the peer: refused for now (RKY-8). */
static const struct duration between_rekeys = SECONDS(10);
/* The peer's Delete of what was replaced. */
static const struct duration delete_wait = SECONDS(60);

/* Messages sealed, message IDs: room for all that may still come. */
#define SEALED_REKEY (SK_SEALED_MAX / 2)
enum { ID_REKEY = 1 << 30 };

static void log_end(const struct ike_sa *sa, const char *what)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: %s, %s",
	         ip_text(&sa->path.remote.address).s, what, suite_text(&sa->suite).s);
}

/*
 * Taking over
 */

static void swap_handles(struct ike_sa *a, struct ike_sa *b)
{
	struct hash *table = &a->ike->by_handle;
	ike_handle handle = a->handle;

	hash_remove(table, &a->handle_node);
	hash_remove(table, &b->handle_node);
	a->handle = b->handle;
	b->handle = handle;
	hash_add(table, &a->handle_node, hash_octets(table, &a->handle, sizeof(a->handle)));
	hash_add(table, &b->handle_node, hash_octets(table, &b->handle, sizeof(b->handle)));
}

static void move_children(struct ike_sa *old, struct ike_sa *new)
{
	assert(new->children == NULL);
	new->children = old->children;
	new->child_count = old->child_count;
	old->children = NULL;
	old->child_count = 0;
}

/* What waits goes along, but for a rekey that is done now. What has left stays where it is. */
static void move_requests(struct ike_sa *old, struct ike_sa *new)
{
	struct request **end = &new->queue;

	while (*end != NULL)
		end = &(*end)->next;
	while (old->queue != NULL) {
		struct request *request = old->queue;

		old->queue = request->next;
		request->next = NULL;
		if (request->kind == REQUEST_REKEY_IKE) {
			request_free(request);
			continue;
		}
		*end = request;
		end = &request->next;
	}
	if (rekey_ike_is_under_way(old))
		request_drop_all(old);
}

static void take_over(struct ike_sa *new, struct ike_sa *old, struct instant now)
{
	const struct ike_lifetimes *how = &old->profile->life;

	swap_handles(old, new);
	move_children(old, new);
	move_requests(old, new);
	followup_forget(old);
	peers_remove(old);
	ike_sa_inherit(new, old, now);
	new->is_known_to_owner = old->is_known_to_owner;
	old->is_known_to_owner = false;
	new->expires = old->expires;
	old->expires = INSTANT_NEVER;
	new->rekeyed = now;
	new->used = old->used;
	lifetime_init(&old->life);
	lifetime_start(&new->life, how->ike_s, how, new->is_initiator, ike_random_octet(new->ike),
	               now);
	ike_keys_wipe(&old->keys);
	log_end(new, "rekeyed");
	if (new->is_known_to_owner && new->ike->owner.sa_rekeyed != NULL)
		new->ike->owner.sa_rekeyed(new->ike->owner.ctx, new->handle);
	request_pump(new, now);
	ike_settle(new);
}

/* The peer made the successor `heir` and deletes this one when it has our answer. */
static void await_delete(struct ike_sa *sa, struct ike_sa *heir, struct instant now)
{
	sa->state = IKE_SA_REPLACED;
	sa->expires = instant_after(now, delete_wait);
	sa->heir_spi = ike_sa_own_spi(heir);
	ike_settle(sa);
}

void rekey_ike_heard(struct ike_sa *sa, struct instant now)
{
	if (!sa->is_unheard)
		return;
	sa->is_unheard = false;
	request_pump(sa, now);
	ike_settle(sa);
}

static struct ike_sa *part_from_rival(struct ike_sa *old)
{
	struct ike_sa *rival = old->rival;

	old->rival = NULL;
	buf_free(&old->rival_nonce);
	if (rival != NULL)
		rival->rival_of = NULL;
	return rival;
}

void rekey_ike_settle(struct ike_sa *rival, struct instant now)
{
	struct ike_sa *old = rival->rival_of;

	(void)part_from_rival(old);
	rival->is_unheard = true;
	take_over(rival, old, now);
	await_delete(old, rival, now);
}

void rekey_ike_on_delete(struct ike_sa *old, struct instant now)
{
	struct ike_sa *heir;

	if (old->rival != NULL)
		rekey_ike_settle(old->rival, now);
	heir = old->heir_spi == 0 ? NULL : ike_find_spi(old->ike, old->heir_spi);
	if (heir != NULL)
		rekey_ike_heard(heir, now);
}

/*
 * The new one
 */

/* What one exchange agreed on. */
struct agreement {
	const struct suite *suite;
	bool is_initiator;
	uint64_t spi_i;
	uint64_t spi_r;
	struct bytes nonce_i;
	struct bytes nonce_r;
	const struct secret *shared;
	const struct secret *additional; /* of IKE_FOLLOWUP_KE, or NULL */
};

/* KDF-7. NULL: the crypto library refused. */
static struct ike_sa *successor(struct ike_sa *old, const struct agreement *a, struct instant now)
{
	struct ike_sa *new = ike_sa_new_successor(old, a->is_initiator, a->spi_i, a->spi_r, now);

	new->suite = *a->suite;
	if (!ike_keys_rederive(a->suite, old->suite.prf, &old->keys.sk_d, a->shared, a->additional,
	                       a->nonce_i, a->nonce_r, a->spi_i, a->spi_r, &new->keys) ||
	    !sk_init(&new->sk, a->suite->cipher, &new->keys, a->is_initiator, &new->ike->ports)) {
		ike_sa_free(new);
		return NULL;
	}
	ike_sa_drop_handshake_keys(new);
	return new;
}

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

static void add_kem(const struct ike_sa *sa, struct proposal_list *list)
{
	const struct kem *kem = followup_kem_for_ike(sa);

	if (kem != NULL)
		proposals_add_kem(list, kem->id);
}

static size_t nonce_len(enum prf_id prf)
{
	return prf == PRF_HMAC_SHA2_512 ? 64 : 32; /* PLD-22 */
}

static void add_own_kex(struct message_writer *m, const struct own_kex *kex)
{
	message_add_ke(m, kex->method, BYTES(kex->public_value, kex_public_len(kex->method)));
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
	add_kem(sa, out);
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
	add_own_kex(m, &request->kex);
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
		return rekey_ike_settle(sa->rival, now);
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
	       kex_shared(ke.method, secret_view(&request->kex.private_value), ke.value, shared);
}

/* Ours is there: of it and its rival the nonces leave one (COL-20). */
static void settle_ours(struct ike_sa *old, struct ike_sa *new, struct bytes lowest,
                        struct instant now)
{
	bool is_lost =
	    old->rival != NULL && collision_is_lower(lowest, buf_view(&old->rival_nonce));
	struct ike_sa *rival;

	if (is_lost) {
		rekey_ike_settle(old->rival, now);
		ike_sa_close(new, IKE_REASON_REPLACED, 0, now);
		return ike_settle(new);
	}
	rival = part_from_rival(old);
	if (rival != NULL) {
		rival->state = IKE_SA_REPLACED;
		rival->expires = instant_after(now, delete_wait);
		ike_settle(rival);
	}
	take_over(new, old, now);
	ike_sa_close(old, IKE_REASON_REPLACED, 0, now);
}

static void make_ours(struct ike_sa *sa, const struct agreement *agreement, struct instant now)
{
	struct ike_sa *new = successor(sa, agreement, now);

	if (new == NULL)
		return ike_sa_close(sa, IKE_REASON_LOCAL, 0, now);
	settle_ours(sa, new, collision_lowest(agreement->nonce_i, agreement->nonce_r), now);
}

/* False: the peer's own rekey counts (COL-20), there is nothing of ours yet that could be closed.
 */
static bool goes_on(struct ike_sa *sa, struct bytes lowest, struct instant now)
{
	bool is_awaited = followup_is_of_ike(sa);

	if (sa->rival != NULL && collision_is_lower(lowest, buf_view(&sa->rival_nonce))) {
		rekey_ike_settle(sa->rival, now);
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
	own_kex_wipe(&request->kex);
	request->followup = f;
	request_add_first(sa, request, now);
	return true;
}

/* <-- HDR, SK { SA, Nr, KEr }. True: the request goes on. */
static bool on_answer(struct ike_sa *sa, struct request *request, const struct payloads *p,
                      struct instant now)
{
	CLEANUP(secret_free) struct secret shared = { 0 };
	struct proposal_choice choice;
	struct agreement agreement = {
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
	agreement.spi_r = choice.spi;
	make_ours(sa, &agreement, now);
	return false;
}

/* <-- HDR, SK { KEr(1) } */
static void on_followup_answer(struct ike_sa *sa, const struct request *request,
                               const struct payloads *p, struct instant now)
{
	struct followup *f = request->followup;
	const struct agreement agreement = {
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
	make_ours(sa, &agreement, now);
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
	add_kem(sa, &allowed);
	add_kem(sa, &all);
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
	add_own_kex(&m, kex);
	if (choice->suite.addke != 0)
		followup_add_link(&m, sa);
	response_send(sa, &m);
}

/* Ours under way makes it a rival; else it takes over at once. */
static void adopt(struct ike_sa *sa, struct ike_sa *new, struct bytes lowest, struct instant now)
{
	if (rekey_ike_is_under_way(sa)) {
		sa->rival = new;
		sa->rival_nonce = buf_copy(lowest);
		new->rival_of = sa;
		return ike_settle(new);
	}
	new->is_unheard = true;
	take_over(new, sa, now);
	await_delete(sa, new, now);
}

/* Takes over the shared secret. */
static void await_followup(struct ike_sa *sa, const struct agreement *agreement,
                           const struct proposal_choice *choice, struct secret *shared,
                           struct instant now)
{
	struct followup *f = followup_new(sa, shared, NULL);

	f->choice = *choice;
	f->spi_r = agreement->spi_r;
	f->nonce_i = nonce_of(agreement->nonce_i);
	f->nonce_r = nonce_of(agreement->nonce_r);
	followup_wait(sa, f, now);
}

static void agree(struct ike_sa *sa, const struct payloads *p, const struct ke *ke,
                  const struct proposal_choice *choice, struct instant now)
{
	CLEANUP(own_kex_wipe) struct own_kex kex = { 0 };
	CLEANUP(secret_free) struct secret shared = { 0 };
	struct nonce nonce;
	struct agreement agreement = {
		.suite = &choice->suite,
		.spi_i = choice->spi,
		.spi_r = ike_free_spi(sa->ike),
		.nonce_i = p->nonce,
		.shared = &shared,
	};
	struct ike_sa *new;

	nonce_draw(&nonce, nonce_len(choice->suite.prf), sa->ike);
	agreement.nonce_r = nonce_view(&nonce);
	if (!own_kex_start(&kex, choice->suite.kex, sa->ike))
		return refuse(sa, NOTIFY_TEMPORARY_FAILURE, (struct bytes){ 0 });
	/* KDF-9: a peer that sends bad points loses the IKE SA too. */
	if (!kex_shared(kex.method, secret_view(&kex.private_value), ke->value, &shared))
		return response_refuse_broken(sa, now);
	if (choice->suite.addke != 0) {
		await_followup(sa, &agreement, choice, &shared, now);
		return send_answer(sa, choice, agreement.spi_r, &nonce, &kex);
	}
	new = successor(sa, &agreement, now);
	if (new == NULL)
		return refuse(sa, NOTIFY_TEMPORARY_FAILURE, (struct bytes){ 0 });
	send_answer(sa, choice, agreement.spi_r, &nonce, &kex);
	adopt(sa, new, collision_lowest(agreement.nonce_i, agreement.nonce_r), now);
}

void rekey_ike_on_followup(struct ike_sa *sa, const struct followup *f, struct instant now)
{
	const struct agreement agreement = {
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
	new = successor(sa, &agreement, now);
	if (new == NULL)
		return refuse(sa, NOTIFY_TEMPORARY_FAILURE, (struct bytes){ 0 });
	followup_send_answer(sa, f);
	adopt(sa, new, followup_lowest(f), now);
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
