#include "ike/ike.h"

#include <assert.h>
#include <stdlib.h>

#include "ike/auth_exchange.h"
#include "ike/cert.h"
#include "ike/children.h"
#include "ike/crash.h"
#include "ike/create_child.h"
#include "ike/dispatch.h"
#include "ike/endpoint.h"
#include "ike/followup.h"
#include "ike/informational.h"
#include "ike/init.h"
#include "ike/liveness.h"
#include "ike/nat_path.h"
#include "ike/peers.h"
#include "ike/pieces.h"
#include "ike/rekey_child.h"
#include "ike/rekey_ike.h"
#include "ike/request.h"
#include "ike/successor.h"
#include "ike/unknown.h"

/* IKE SAs with one address that one hint reaches: a NAT has many peers behind it. */
enum { HINTED_SAS_MAX = 64 };

const char *ike_reason_text(enum ike_reason reason)
{
	static const char *const texts[] = {
#define X(name, text) [IKE_REASON_##name] = text,
		IKE_REASONS(X)
#undef X
	};

	return texts[reason];
}

const char *ike_drop_name(enum ike_drop drop)
{
	static const char *const names[] = {
#define X(name, word, text) [IKE_DROP_##name] = word,
		IKE_DROPS(X)
#undef X
	};

	return names[drop];
}

/*
 * Inside
 */

void ike_drop(struct ike *ike, enum ike_drop drop)
{
	ike->dropped[drop]++;
}

static bool rate_allow(struct rate *rate, unsigned per_second, struct instant now)
{
	if (rate->used == 0 || instant_since(now, rate->since).ns >= SECONDS(1).ns)
		*rate = (struct rate){ .since = now };
	if (rate->used >= per_second)
		return false;
	rate->used++;
	return true;
}

bool ike_may_answer_unprotected(struct ike *ike, struct instant now)
{
	return rate_allow(&ike->unprotected, IKE_UNPROTECTED_ANSWERS_PER_SECOND, now);
}

uint8_t ike_random_octet(struct ike *ike)
{
	uint8_t octet;

	ike->ports.random(ike->ports.ctx, &octet, 1);
	return octet;
}

struct ike_sa *ike_find_spi(const struct ike *ike, uint64_t own_spi)
{
	struct hash_node *node =
	    hash_first(&ike->by_spi, hash_octets(&ike->by_spi, &own_spi, sizeof(own_spi)));

	for (; node != NULL; node = hash_following(node)) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, spi_node);

		if (ike_sa_own_spi(sa) == own_spi)
			return sa;
	}
	return NULL;
}

struct ike_sa *ike_find_handle(const struct ike *ike, ike_handle handle)
{
	struct hash_node *node =
	    hash_first(&ike->by_handle, hash_octets(&ike->by_handle, &handle, sizeof(handle)));

	for (; node != NULL; node = hash_following(node)) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, handle_node);

		if (sa->handle == handle && sa->state != IKE_SA_DEAD)
			return sa;
	}
	return NULL;
}

static struct ike_sa *find_job(const struct ike *ike, uint64_t job)
{
	struct hash_node *node =
	    hash_first(&ike->by_job, hash_octets(&ike->by_job, &job, sizeof(job)));

	for (; node != NULL; node = hash_following(node)) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, job_node);

		if (sa->job == job)
			return sa;
	}
	return NULL;
}

void ike_settle(struct ike_sa *sa)
{
	if (sa->state != IKE_SA_DEAD)
		heap_set(&sa->ike->deadlines, &sa->deadline, ike_sa_due(sa));
}

void ike_end_event(struct ike *ike, struct ike_sa *sa)
{
	if (sa != NULL)
		ike_settle(sa);
	while (ike->ended != NULL) {
		struct ike_sa *ended = ike->ended;

		ike->ended = ended->next_ended;
		ike_sa_free(ended);
	}
}

/*
 * Life cycle
 */

struct ike *ike_new(const struct ike_ports *ports, const struct ike_owner *owner,
                    const struct ike_settings *settings)
{
	struct ike *ike = new_zeroed(sizeof(*ike));
	uint64_t seed[2];

	assert(settings->tries > 0);
	assert(settings->ip_size == 0 || settings->ip_size >= PIECES_IP_SMALL);
	ike->ports = *ports;
	ike->owner = *owner;
	ike->settings = *settings;
	ports->random(ports->ctx, (uint8_t *)seed, sizeof(seed));
	hash_init(&ike->by_spi, seed);
	hash_init(&ike->by_handle, seed);
	hash_init(&ike->by_init, seed);
	hash_init(&ike->by_job, seed);
	half_opens_init(&ike->half_opens, seed);
	hash_init(&ike->by_token_job, seed);
	return ike;
}

void ike_free(struct ike *ike)
{
	struct hash_node *node;

	if (ike == NULL)
		return;
	while ((node = hash_walk(&ike->by_handle, NULL)) != NULL)
		ike_sa_free(CONTAINER_OF(node, struct ike_sa, handle_node));
	hash_wipe(&ike->by_spi);
	hash_wipe(&ike->by_handle);
	hash_wipe(&ike->by_init);
	hash_wipe(&ike->by_job);
	half_opens_wipe(&ike->half_opens);
	cookies_wipe(&ike->gate.cookies);
	hash_wipe(&ike->by_token_job);
	heap_wipe(&ike->deadlines);
	secret_wipe(ike->plain, sizeof(ike->plain));
	free(ike);
}

/*
 * Orders
 */

ike_handle ike_initiate(struct ike *ike, const struct ike_wish *wish, struct instant now)
{
	struct ike_sa *sa;

	assert(wish->tag != 0);
	if (ike->is_shutting_down)
		return 0;
	sa = ike_sa_new(ike, true, &wish->path, now);
	if (sa == NULL)
		return 0;
	sa->hs->wish = *wish;
	sa->hs->wish.profile = NULL;
	sa->hs->wish.more_local = selectors_copy(wish->more_local);
	sa->hs->wish.more_remote = selectors_copy(wish->more_remote);
	cert_keep_ours(sa->hs, &sa->hs->wish.self, &wish->certs);
	ike_sa_set_profile(sa, wish->profile);
	sa->is_opportunistic = wish->is_opportunistic;
	if (!init_start(sa, now)) {
		ike_sa_free(sa);
		return 0;
	}
	sa->is_known_to_owner = true;
	ike_end_event(ike, sa);
	return sa->handle;
}

void ike_set_peer_keys(struct ike *ike, ike_handle handle, const struct pubkey *keys, size_t count,
                       struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);

	if (sa == NULL || !sa->is_initiator || sa->hs == NULL)
		return;
	auth_on_keys(sa, keys, count, now);
	ike_end_event(ike, sa);
}

void ike_authorize(struct ike *ike, ike_handle handle, const struct ike_permission *permission,
                   struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);

	if (sa == NULL || sa->state != IKE_SA_AUTH_WANTED)
		return;
	auth_on_permission(sa, permission, now);
	ike_end_event(ike, sa);
}

void ike_authorize_child(struct ike *ike, ike_handle handle,
                         const struct ike_permission *permission, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);

	if (sa == NULL || sa->state != IKE_SA_UP || sa->asked == NULL)
		return;
	create_child_on_permission(sa, permission, now);
	ike_end_event(ike, sa);
}

static size_t queued(const struct ike_sa *sa)
{
	size_t count = 0;

	for (const struct request *request = sa->queue; request != NULL; request = request->next)
		count++;
	return count;
}

void ike_create_wide_child(struct ike *ike, ike_handle handle, const struct traffic_selector *local,
                           const struct traffic_selector *remote, const struct more_selectors *more,
                           uint64_t tag, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);
	struct proposal_list offer;
	struct request *request;

	if (sa == NULL || sa->state != IKE_SA_UP || queued(sa) >= IKE_SA_REQUESTS_MAX) {
		ike->owner.child_failed(ike->owner.ctx, handle, tag, IKE_REASON_LOCAL, false);
		return;
	}
	if (!children_have_room(sa)) {
		ike->owner.child_failed(ike->owner.ctx, handle, tag, IKE_REASON_NO_MORE_CHILDREN,
		                        false);
		return;
	}
	request = request_new(REQUEST_CREATE_CHILD);
	request->tag = tag;
	request->local = *local;
	request->remote = *remote;
	request->packet = more->packet;
	request->more_local = selectors_copy(more->local);
	request->more_remote = selectors_copy(more->remote);
	profile_reoffer_esp(sa->profile, 0, true, &offer);
	request->method = sa->profile->pfs ? profile_later_kex(&offer, sa->suite.kex) : KEX_NONE;
	sa->expires = INSTANT_NEVER;
	request_add(sa, request, now);
	ike_end_event(ike, sa);
}

void ike_create_child(struct ike *ike, ike_handle handle, const struct traffic_selector *local,
                      const struct traffic_selector *remote, uint64_t tag, struct instant now)
{
	static const struct more_selectors none;

	ike_create_wide_child(ike, handle, local, remote, &none, tag, now);
}

void ike_delete_child(struct ike *ike, ike_handle handle, uint32_t spi_in, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);
	struct child *child = sa == NULL ? NULL : children_find_in(sa, spi_in);

	bool is_news;

	if (child == NULL || child->is_reported)
		return;
	is_news = !child->is_deleting;
	child->is_deleting = true;
	child->is_reported = true;
	lifetime_init(&child->life);
	ike->owner.child_gone(ike->owner.ctx, handle, spi_in, IKE_REASON_DELETED_BY_US);
	if (is_news)
		informational_delete_child(sa, spi_in, now);
	ike_end_event(ike, sa);
}

void ike_rekey(struct ike *ike, ike_handle handle, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);

	if (sa == NULL || sa->state != IKE_SA_UP)
		return;
	rekey_ike_start(sa, now);
	ike_end_event(ike, sa);
}

void ike_rekey_child(struct ike *ike, ike_handle handle, uint32_t spi_in, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);
	struct child *child = sa == NULL ? NULL : children_find_in(sa, spi_in);

	if (child == NULL || sa->state != IKE_SA_UP)
		return;
	rekey_child_start(sa, child, now);
	ike_end_event(ike, sa);
}

void ike_expire_child(struct ike *ike, ike_handle handle, uint32_t spi_in, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);
	struct child *child = sa == NULL ? NULL : children_find_in(sa, spi_in);

	if (child == NULL || child->is_reported)
		return;
	rekey_child_expire(sa, child, now);
	ike_end_event(ike, sa);
}

/* Up on one side at least: a peer that has answered IKE_AUTH believes in it. */
static bool is_up_for_peer(const struct ike_sa *sa)
{
	return sa->state == IKE_SA_UP || sa->state == IKE_SA_REPLACED ||
	       sa->state == IKE_SA_KEYS_WANTED || sa->state == IKE_SA_RESPONSE_CHECKING;
}

static void delete_sa(struct ike_sa *sa, struct instant now)
{
	if (is_up_for_peer(sa))
		ike_sa_close(sa, IKE_REASON_DELETED_BY_US, 0, now);
	else if (sa->state != IKE_SA_CLOSING && sa->state != IKE_SA_LINGERING)
		ike_sa_end(sa, IKE_REASON_DELETED_BY_US, false);
}

void ike_delete(struct ike *ike, ike_handle handle, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);

	if (sa == NULL)
		return;
	delete_sa(sa, now);
	ike_end_event(ike, sa);
}

void ike_shutdown(struct ike *ike, struct instant now)
{
	struct hash_node *node = NULL;

	ike->is_shutting_down = true;
	while ((node = hash_walk(&ike->by_handle, node)) != NULL) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, handle_node);

		delete_sa(sa, now);
		ike_settle(sa);
	}
	ike_end_event(ike, NULL);
}

void ike_hint(struct ike *ike, const struct ip *peer, struct instant now)
{
	struct ike_sa *sa = peers_first_at(ike, peer);

	for (int i = 0; sa != NULL && i < HINTED_SAS_MAX; i++, sa = peers_next_at(sa)) {
		liveness_on_hint(sa, now);
		ike_settle(sa);
	}
	ike_end_event(ike, NULL);
}

void ike_nudge(struct ike *ike, const struct ip *peer, struct instant now)
{
	struct ike_sa *sa = peers_first_at(ike, peer);

	for (int i = 0; sa != NULL && i < HINTED_SAS_MAX; i++, sa = peers_next_at(sa))
		request_nudge(sa, now);
	ike_end_event(ike, NULL);
}

void ike_hint_sa(struct ike *ike, ike_handle handle, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);

	if (sa == NULL)
		return;
	liveness_on_hint(sa, now);
	ike_end_event(ike, sa);
}

void ike_on_unknown_spi(struct ike *ike, const struct path *path, uint32_t spi, struct instant now)
{
	unknown_on_esp(ike, path, spi, now);
	ike_end_event(ike, NULL);
}

void ike_peer_moved(struct ike *ike, ike_handle handle, const struct path *path, struct instant now)
{
	struct ike_sa *sa = ike_find_handle(ike, handle);

	if (sa == NULL)
		return;
	nat_path_follow(sa, path);
	ike_end_event(ike, sa);
}

bool ike_is_quiet(const struct ike *ike)
{
	struct hash_node *node = NULL;

	while ((node = hash_walk(&ike->by_handle, node)) != NULL) {
		const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, handle_node);

		if (sa->sent.data != NULL)
			return false;
	}
	return true;
}

/*
 * Events
 */

void ike_on_datagram(struct ike *ike, const struct path *path, struct bytes datagram,
                     struct instant now)
{
	struct ike_sa *sa = dispatch_datagram(ike, path, datagram, now);

	ike_end_event(ike, sa);
}

void ike_on_job_done(struct ike *ike, uint64_t job_id, struct bytes result, struct instant now)
{
	struct ike_sa *sa = find_job(ike, job_id);

	if (sa == NULL && crash_on_job(ike, job_id, result, now))
		ike_end_event(ike, NULL);
	if (sa == NULL)
		return;
	hash_remove(&ike->by_job, &sa->job_node);
	sa->job = 0;
	if (sa->state != IKE_SA_DEAD)
		auth_on_job(sa, result, now);
	ike_end_event(ike, sa);
}

/* No answer in all that time. */
static void on_silence(struct ike_sa *sa, struct instant now)
{
	enum ike_reason reason = IKE_REASON_SILENT;

	successor_release(sa, now);
	if (sa->state == IKE_SA_INIT_SENT && sa->hs->refusal != 0)
		reason = init_refusal_reason(sa->hs->refusal);
	ike_sa_end(sa, reason, false);
}

static void on_expiry(struct ike_sa *sa, struct instant now)
{
	switch (sa->state) {
	case IKE_SA_KEYS_WANTED:
		return ike_sa_close_rejected(sa, IKE_REASON_NO_KEYS,
		                             NOTIFY_AUTHENTICATION_FAILED, now);
	case IKE_SA_RESPONSE_CHECKING:
		return ike_sa_close_rejected(sa, IKE_REASON_LOCAL, NOTIFY_AUTHENTICATION_FAILED,
		                             now);
	case IKE_SA_REPLACED:
		successor_on_delete(sa, now); /* as if it had come */
		return ike_sa_close(sa, IKE_REASON_DELETED_BY_US, 0, now);
	case IKE_SA_UP:
		return ike_sa_close(sa, IKE_REASON_DELETED_BY_US, 0, now);
	case IKE_SA_INIT_ANSWERED:
		return ike_sa_end(sa, IKE_REASON_SILENT, false);
	case IKE_SA_AUTH_MAKING:
	case IKE_SA_AUTH_WANTED:
	case IKE_SA_REQUEST_CHECKING:
	case IKE_SA_RESPONSE_MAKING:
	case IKE_SA_INIT_SENT:
	case IKE_SA_INTERMEDIATE_SENT:
	case IKE_SA_AUTH_SENT:
		return ike_sa_end(sa, IKE_REASON_LOCAL, false);
	case IKE_SA_CLOSING:
	case IKE_SA_LINGERING:
		return ike_sa_end(sa, sa->owed_reason, false);
	case IKE_SA_DEAD:
		break;
	}
}

static void on_sa_deadline(struct ike_sa *sa, struct instant now)
{
	if (request_on_deadline(sa, now) == RETRANSMIT_GIVE_UP)
		on_silence(sa, now);
	else if (instant_reached(sa->expires, now))
		on_expiry(sa, now);
	else if (instant_reached(liveness_due(sa), now) && !liveness_on_deadline(sa, now))
		on_silence(sa, now);
	else if (instant_reached(nat_path_due(sa), now))
		nat_path_on_deadline(sa, now);
	else if (sa->state == IKE_SA_UP && instant_reached(followup_due(sa), now))
		followup_on_deadline(sa, now);
	else if (sa->state == IKE_SA_UP && instant_reached(children_due(sa), now))
		rekey_child_on_deadline(sa, now);
	else if (sa->state == IKE_SA_UP)
		rekey_ike_on_deadline(sa, now);
}

void ike_on_deadline(struct ike *ike, struct instant now)
{
	while (instant_reached(heap_due(&ike->deadlines), now)) {
		struct ike_sa *sa =
		    CONTAINER_OF(heap_first(&ike->deadlines), struct ike_sa, deadline);

		on_sa_deadline(sa, now);
		ike_end_event(ike, sa);
	}
}

struct instant ike_deadline(const struct ike *ike)
{
	return heap_due(&ike->deadlines);
}

/*
 * Questions
 */

uint64_t ike_dropped(const struct ike *ike, enum ike_drop drop)
{
	return ike->dropped[drop];
}

/* What is closing or lingering is gone, as far as anybody outside is concerned. */
static bool is_listed(const struct ike_sa *sa)
{
	return sa->state < IKE_SA_CLOSING && sa->rival_of == NULL;
}

static size_t live_children(const struct ike_sa *sa)
{
	size_t count = 0;

	for (const struct child *child = sa->children; child != NULL; child = child->next)
		count += !child->is_reported && !child->is_deleting;
	return count;
}

void ike_list(const struct ike *ike, void (*see)(void *ctx, const struct ike_sa_view *view),
              void *ctx)
{
	struct hash_node *node = NULL;

	while ((node = hash_walk(&ike->by_handle, node)) != NULL) {
		const struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, handle_node);
		const struct ike_sa_view view = {
			.handle = sa->handle,
			.state = ike_sa_state_name(sa->state),
			.path = sa->path,
			.local_id = id_kept(&sa->local_id),
			.peer_id = id_kept(&sa->peer_id),
			.is_initiator = sa->is_initiator,
			.spi_i = sa->spi_i,
			.spi_r = sa->spi_r,
			.children = live_children(sa),
		};

		if (is_listed(sa))
			see(ctx, &view);
	}
}

size_t ike_count(const struct ike *ike)
{
	struct hash_node *node = NULL;
	size_t count = 0;

	while ((node = hash_walk(&ike->by_handle, node)) != NULL)
		count += is_listed(CONTAINER_OF(node, struct ike_sa, handle_node));
	return count;
}
