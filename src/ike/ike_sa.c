#include "ike/ike_sa.h"

#include <assert.h>
#include <stdlib.h>

#include "crypto/x509.h"
#include "ike/children.h"
#include "ike/crash.h"
#include "ike/followup.h"
#include "ike/liveness.h"
#include "ike/intermediate.h"
#include "ike/nat_path.h"
#include "ike/peers.h"
#include "ike/pieces.h"
#include "ike/request.h"
#include "ike/successor.h"

static const struct duration linger = SECONDS(30);
/* Deletes at shutdown are waited for no longer than this (DEL-7). */
static const struct duration shutdown_wait = SECONDS(2);

const char *ike_sa_state_name(enum ike_sa_state state)
{
	static const char *const names[] = {
#define X(name, text) [IKE_SA_##name] = text,
		IKE_SA_STATES(X)
#undef X
	};

	return names[state];
}

uint64_t ike_sa_own_spi(const struct ike_sa *sa)
{
	return sa->is_initiator ? sa->spi_i : sa->spi_r;
}

/* Random, not 0, and no other IKE SA of ours has it (HDR-7). A random port that gives the same
 * octets again and again is broken, and nothing here would be secret. */
uint64_t ike_free_spi(struct ike *ike)
{
	uint64_t spi = 0;

	for (int draws = 0; spi == 0 || ike_find_spi(ike, spi) != NULL; draws++) {
		assert(draws < 100);
		ike->ports.random(ike->ports.ctx, (uint8_t *)&spi, sizeof(spi));
	}
	return spi;
}

static struct ike_sa *enter(struct ike *ike, bool is_initiator, uint64_t spi,
                            const struct path *path, struct instant now)
{
	struct ike_sa *sa = new_zeroed(sizeof(*sa));

	sa->ike = ike;
	sa->handle = ++ike->last_handle;
	sa->is_initiator = is_initiator;
	if (is_initiator)
		sa->spi_i = spi;
	else
		sa->spi_r = spi;
	sa->path = *path;
	sa->home = path->remote.address;
	sa->created = now;
	sa->used = now;
	sa->expires = INSTANT_NEVER;
	lifetime_init(&sa->life);
	retransmit_init(&sa->retransmit);
	hash_add(&ike->by_spi, &sa->spi_node, hash_octets(&ike->by_spi, &spi, sizeof(spi)));
	hash_add(&ike->by_handle, &sa->handle_node,
	         hash_octets(&ike->by_handle, &sa->handle, sizeof(sa->handle)));
	return sa;
}

struct ike_sa *ike_sa_new(struct ike *ike, bool is_initiator, const struct path *path,
                          struct instant now)
{
	struct ike_sa *sa;

	if (ike->by_handle.count >= IKE_SAS_MAX)
		return NULL;
	sa = enter(ike, is_initiator, ike_free_spi(ike), path, now);
	sa->ip_size = ike->settings.ip_size != 0 ? ike->settings.ip_size : PIECES_IP_USUAL;
	sa->hs = new_zeroed(sizeof(*sa->hs));
	sa->profile = profiles_hold(&ike->profiles, NULL);
	if (is_initiator)
		peers_add_address(sa);
	return sa;
}

/* No bound of its own: each SA has one successor at a time and does not outlive it for long. */
struct ike_sa *ike_sa_new_successor(const struct ike_sa *old, bool is_initiator, uint64_t spi_i,
                                    uint64_t spi_r, struct instant now)
{
	struct ike_sa *sa =
	    enter(old->ike, is_initiator, is_initiator ? spi_i : spi_r, &old->path, now);

	sa->home = old->home;
	sa->spi_i = spi_i;
	sa->spi_r = spi_r;
	sa->state = IKE_SA_UP;
	sa->up_since = now;
	sa->heard = now;
	sa->look = INSTANT_NEVER;
	sa->gives_up = INSTANT_NEVER;
	sa->keepalive = INSTANT_NEVER;
	sa->cuts = old->cuts;
	sa->ip_size = old->ip_size;
	sa->kem = old->kem;
	sa->profile = profiles_hold(&old->ike->profiles, old->profile);
	return sa;
}

static void handshake_free(struct handshake *hs)
{
	if (hs == NULL)
		return;
	intermediate_wipe(&hs->intermediate);
	buf_free(&hs->request);
	buf_free(&hs->response);
	own_kex_wipe(&hs->kex);
	buf_free(&hs->cookie);
	free(hs->keys);
	buf_free(&hs->child_offer);
	buf_free(&hs->id_body);
	buf_free(&hs->peer_id_body);
	buf_free(&hs->token);
	buf_free(&hs->plain_auth);
	secret_free(&hs->plain_d);
	secret_free(&hs->plain_pi);
	secret_free(&hs->plain_pr);
	buf_free(&hs->own_chain);
	buf_free(&hs->peer_chain);
	buf_free(&hs->peer_ca);
	x509_trust_release(hs->trust);
	buf_free(&hs->peer_proof);
	child_terms_free(hs->child);
	selectors_free(&hs->wish.more_local);
	selectors_free(&hs->wish.more_remote);
	selectors_free(&hs->permission.more_peer);
	selectors_free(&hs->permission.more_ours);
	free(hs);
}

void ike_sa_drop_handshake(struct ike_sa *sa)
{
	handshake_free(sa->hs);
	sa->hs = NULL;
}

static void children_free(struct ike_sa *sa)
{
	while (sa->children != NULL) {
		struct child *child = sa->children;

		sa->children = child->next;
		child_free(child);
	}
	sa->child_count = 0;
}

/* Everything but the identity of the SA and its last response. */
static void wipe_contents(struct ike_sa *sa)
{
	ike_sa_drop_handshake(sa);
	request_drop_all(sa);
	child_terms_free(sa->asked);
	sa->asked = NULL;
	followup_forget(sa);
	children_free(sa);
	join_drop(&sa->ike->joins, &sa->request_join);
	join_drop(&sa->ike->joins, &sa->sent_join);
	ike_keys_wipe(&sa->keys);
}

static void stop_job(struct ike_sa *sa)
{
	if (sa->job == 0)
		return;
	hash_remove(&sa->ike->by_job, &sa->job_node);
	sa->job = 0;
}

static void leave_half_open(struct ike_sa *sa)
{
	half_open_remove(&sa->ike->half_opens, sa->half_open);
	sa->half_open = NULL;
}

void ike_sa_free(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;

	stop_job(sa);
	crash_stop(sa);
	leave_half_open(sa);
	hash_remove(&ike->by_spi, &sa->spi_node);
	hash_remove(&ike->by_handle, &sa->handle_node);
	if (sa->has_origin)
		hash_remove(&ike->by_init, &sa->init_node);
	peers_remove(sa);
	heap_remove(&ike->deadlines, &sa->deadline);
	wipe_contents(sa);
	buf_free(&sa->response);
	buf_free(&sa->peer_token);
	buf_free(&sa->local_id);
	buf_free(&sa->peer_id);
	buf_free(&sa->rival_nonce);
	buf_free(&sa->response_uncut.inner);
	sk_wipe(&sa->sk);
	profiles_release(&ike->profiles, sa->profile);
	free(sa);
}

struct path ike_sa_proven_path(const struct ike_sa *sa)
{
	struct path path = sa->path;

	path.remote.address = sa->home;
	return path;
}

void ike_sa_set_profile(struct ike_sa *sa, const struct ike_profile *profile)
{
	const struct ike_profile *held = profiles_hold(&sa->ike->profiles, profile);

	profiles_release(&sa->ike->profiles, sa->profile);
	sa->profile = held;
}

/* Whichever of them ends: nothing is left to be settled. A rival without its old SA is nobody's. */
static void leave_rival(struct ike_sa *sa)
{
	struct ike_sa *rival = sa->rival;

	if (sa->rival_of != NULL) {
		sa->rival_of->rival = NULL;
		buf_free(&sa->rival_of->rival_nonce);
		sa->rival_of = NULL;
	}
	sa->rival = NULL;
	if (rival != NULL) {
		rival->rival_of = NULL;
		ike_sa_forget(rival);
	}
}

void ike_sa_forget(struct ike_sa *sa)
{
	if (sa->state == IKE_SA_DEAD)
		return;
	leave_half_open(sa);
	leave_rival(sa);
	sa->state = IKE_SA_DEAD;
	sa->next_ended = sa->ike->ended;
	sa->ike->ended = sa;
}

bool ike_sa_make_keys(struct ike_sa *sa, const struct secret *shared)
{
	return ike_keys_derive(&sa->suite, shared, nonce_view(&sa->hs->nonce_i),
	                       nonce_view(&sa->hs->nonce_r), sa->spi_i, sa->spi_r, &sa->keys) &&
	       sk_init(&sa->sk, sa->suite.cipher, &sa->keys, sa->is_initiator, &sa->ike->ports);
}

void ike_sa_drop_handshake_keys(struct ike_sa *sa)
{
	secret_free(&sa->keys.sk_ei);
	secret_free(&sa->keys.sk_er);
	secret_free(&sa->keys.sk_pi);
	secret_free(&sa->keys.sk_pr);
}

void ike_sa_up(struct ike_sa *sa, struct instant now)
{
	struct ike *ike = sa->ike;
	const struct ike_established up = {
		.path = sa->path,
		.peer_id = id_kept(&sa->peer_id),
		.peer_auth = sa->peer_auth,
		.peer_key = sa->hs->peer_key,
		.by_certificate = sa->by_certificate,
		.is_initiator = sa->is_initiator,
	};

	sa->state = IKE_SA_UP;
	sa->up_since = now;
	sa->expires = INSTANT_NEVER;
	leave_half_open(sa);
	peers_add_address(sa);
	peers_add_names(sa);
	liveness_start(sa, now);
	nat_path_start(sa, now);
	lifetime_start(&sa->life, sa->profile->life.ike_s, &sa->profile->life, sa->is_initiator,
	               ike_random_octet(ike), now);
	ike_sa_drop_handshake_keys(sa);
	sk_rest(&sa->sk);
	log_line(&ike->settings.log, LOG_INFO, "ike %s: up, %s, %s",
	         ip_text(&sa->path.remote.address).s, id_text(&up.peer_id).s,
	         suite_text(&sa->suite).s);
	ike->owner.sa_up(ike->owner.ctx, sa->handle, &up);
}

void ike_sa_inherit(struct ike_sa *heir, const struct ike_sa *old, struct instant now)
{
	heir->path = old->path;
	heir->local_id = buf_copy(buf_view(&old->local_id));
	heir->peer_id = buf_copy(buf_view(&old->peer_id));
	heir->peer_auth = old->peer_auth;
	heir->nat = old->nat;
	heir->up_since = now;
	heir->peer_is_wildswan = old->peer_is_wildswan;
	heir->is_opportunistic = old->is_opportunistic;
	heir->cuts = old->cuts;
	heir->ip_size = old->ip_size;
	ike_sa_set_profile(heir, old->profile);
	sk_rest(&heir->sk);
	peers_remove(heir);
	peers_add_address(heir);
	peers_add_names(heir);
	liveness_start(heir, now);
	nat_path_start(heir, now);
	crash_start_token(heir);
}

static void report_requests(struct ike_sa *sa, enum ike_reason reason, bool proven)
{
	const struct ike_owner *owner = &sa->ike->owner;

	if (sa->current != NULL && sa->current->kind == REQUEST_CREATE_CHILD)
		owner->child_failed(owner->ctx, sa->handle, sa->current->tag, reason, proven);
	for (const struct request *request = sa->queue; request != NULL; request = request->next) {
		if (request->kind == REQUEST_CREATE_CHILD)
			owner->child_failed(owner->ctx, sa->handle, request->tag, reason, proven);
	}
}

static void report_children(struct ike_sa *sa, enum ike_reason reason)
{
	const struct ike_owner *owner = &sa->ike->owner;

	for (const struct child *child = sa->children; child != NULL; child = child->next) {
		if (!child->is_reported)
			owner->child_gone(owner->ctx, sa->handle, child->spi_in, reason);
	}
}

void ike_sa_report_end(struct ike_sa *sa, enum ike_reason reason, bool proven)
{
	const struct ike_owner *owner = &sa->ike->owner;

	if (!sa->is_known_to_owner)
		return;
	sa->is_known_to_owner = false;
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: ended while %s: %s",
	         ip_text(&sa->path.remote.address).s, ike_sa_state_name(sa->state),
	         ike_reason_text(reason));
	if (sa->hs != NULL && sa->hs->wish.tag != 0)
		owner->child_failed(owner->ctx, sa->handle, sa->hs->wish.tag, reason, proven);
	if (sa->owed_tag != 0)
		owner->child_failed(owner->ctx, sa->handle, sa->owed_tag, sa->owed_reason, false);
	sa->owed_tag = 0;
	report_requests(sa, reason, proven);
	report_children(sa, reason);
	owner->sa_gone(owner->ctx, sa->handle, reason);
}

void ike_sa_end(struct ike_sa *sa, enum ike_reason reason, bool proven)
{
	ike_sa_report_end(sa, reason, proven);
	ike_sa_forget(sa);
}

void ike_sa_close(struct ike_sa *sa, enum ike_reason reason, uint16_t notify, struct instant now)
{
	struct request *last = request_new(notify == 0 ? REQUEST_DELETE_SA : REQUEST_REPORT);
	/* Window 1: a request under way is retransmitted until it is answered, though nobody wants
	 * its result any more; the last one follows it. */
	struct buf sent = buf_move(&sa->sent);
	struct retransmit retransmit = sa->retransmit;

	last->notify = notify;
	ike_sa_report_end(sa, reason, false);
	stop_job(sa);
	leave_rival(sa);
	leave_half_open(sa);
	wipe_contents(sa);
	sa->sent = sent;
	sa->retransmit = retransmit;
	sa->is_answering = false;
	sa->is_unheard = false;
	sa->state = IKE_SA_CLOSING;
	sa->expires = INSTANT_NEVER;
	if (sa->ike->is_shutting_down)
		sa->expires = instant_after(now, shutdown_wait);
	request_add(sa, last, now);
}

void ike_sa_close_rejected(struct ike_sa *sa, enum ike_reason reason, uint16_t notify,
                           struct instant now)
{
	bool is_known = sa->is_known_to_owner;

	sa->owed_tag = sa->hs->wish.tag;
	sa->owed_reason = reason;
	sa->is_known_to_owner = false; /* no report from the close itself */
	ike_sa_close(sa, reason, notify, now);
	sa->is_known_to_owner = is_known;
	sa->expires = instant_after(now, SECONDS(2));
}

void ike_sa_linger(struct ike_sa *sa, struct instant now)
{
	assert(!sa->is_known_to_owner);
	stop_job(sa);
	leave_rival(sa);
	successor_release(sa, now);
	wipe_contents(sa);
	if (sa->half_open != NULL)
		half_open_expose(&sa->ike->half_opens, sa->half_open);
	sa->state = IKE_SA_LINGERING;
	sa->expires = instant_after(now, linger);
}

/* The secrets of a handshake are those of its beginning: another set may be in use by now, where
 * their places are others'. */
static uint32_t secret_set(const struct ike_sa *sa)
{
	if (sa->hs == NULL)
		return 0;
	return sa->is_initiator ? sa->hs->wish.self.secret_set : sa->hs->permission.self.secret_set;
}

void ike_sa_start_job(struct ike_sa *sa, const struct crypto_job *job)
{
	struct ike *ike = sa->ike;
	struct crypto_job own = *job;

	assert(sa->job == 0);
	sa->job = ++ike->last_job;
	hash_add(&ike->by_job, &sa->job_node, hash_octets(&ike->by_job, &sa->job, sizeof(sa->job)));
	own.set = secret_set(sa);
	ike->ports.start_job(ike->ports.ctx, sa->job, &own);
}

struct instant ike_sa_due(const struct ike_sa *sa)
{
	struct instant due = instant_min(instant_min(sa->retransmit.due, sa->expires),
	                                 instant_min(liveness_due(sa), nat_path_due(sa)));

	if (sa->state != IKE_SA_UP)
		return due;
	due = instant_min(due, followup_due(sa));
	return instant_min(due, instant_min(children_due(sa), lifetime_due(&sa->life)));
}

struct ike_header ike_sa_request_header(const struct ike_sa *sa, uint8_t exchange)
{
	return (struct ike_header){
		.spi_i = sa->spi_i,
		.spi_r = sa->spi_r,
		.version = IKE_VERSION,
		.exchange = exchange,
		.flags = sa->is_initiator ? IKE_FLAG_INITIATOR : 0,
		.message_id = sa->own_next_id,
	};
}

void child_terms_free(struct child_terms *terms)
{
	if (terms == NULL)
		return;
	buf_free(&terms->peer_public);
	free(terms);
}
