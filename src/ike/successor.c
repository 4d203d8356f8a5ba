#include "ike/successor.h"

#include <assert.h>

#include "ike/collision.h"
#include "ike/followup.h"
#include "ike/peers.h"
#include "ike/rekey_ike.h"

/* The peer's Delete of what was replaced. */
static const struct duration delete_wait = SECONDS(60);

/* KDF-7 */
struct ike_sa *successor_new(struct ike_sa *old, const struct successor_recipe *r,
                             struct instant now)
{
	struct ike_sa *new = ike_sa_new_successor(old, r->is_initiator, r->spi_i, r->spi_r, now);

	new->suite = *r->suite;
	if (!ike_keys_rederive(r->suite, old->suite.prf, &old->keys.sk_d, r->shared, r->additional,
	                       r->nonce_i, r->nonce_r, r->spi_i, r->spi_r, &new->keys) ||
	    !sk_init(&new->sk, r->suite->cipher, &new->keys, r->is_initiator, &new->ike->ports)) {
		ike_sa_free(new);
		return NULL;
	}
	ike_sa_drop_handshake_keys(new);
	return new;
}

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

static void log_rekeyed(const struct ike_sa *sa)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: rekeyed, %s",
	         ip_text(&sa->path.remote.address).s, suite_text(&sa->suite).s);
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
	log_rekeyed(new);
	if (new->is_known_to_owner &&new->ike->owner.sa_rekeyed != NULL)
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

static struct ike_sa *part_from_rival(struct ike_sa *old)
{
	struct ike_sa *rival = old->rival;

	old->rival = NULL;
	buf_free(&old->rival_nonce);
	if (rival != NULL)
		rival->rival_of = NULL;
	return rival;
}

/* The peer made it, and may not have our answer yet. */
static void take_over_for_peer(struct ike_sa *new, struct ike_sa *old, struct instant now)
{
	new->is_unheard = true;
	take_over(new, old, now);
	await_delete(old, new, now);
}

void successor_settle(struct ike_sa *rival, struct instant now)
{
	struct ike_sa *old = rival->rival_of;

	(void)part_from_rival(old);
	take_over_for_peer(rival, old, now);
}

void successor_add_ours(struct ike_sa *new, struct ike_sa *old, struct bytes lowest,
                        struct instant now)
{
	bool is_lost =
	    old->rival != NULL && collision_is_lower(lowest, buf_view(&old->rival_nonce));
	struct ike_sa *rival;

	if (is_lost) {
		successor_settle(old->rival, now);
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

static void await_ours(struct ike_sa *rival, struct ike_sa *old, struct bytes lowest)
{
	assert(old->rival == NULL);
	old->rival = rival;
	old->rival_nonce = buf_copy(lowest);
	rival->rival_of = old;
	ike_settle(rival);
}

void successor_add_peers(struct ike_sa *new, struct ike_sa *old, struct bytes lowest,
                         struct instant now)
{
	if (rekey_ike_is_under_way(old))
		await_ours(new, old, lowest);
	else
		take_over_for_peer(new, old, now);
}

void successor_heard(struct ike_sa *sa, struct instant now)
{
	if (!sa->is_unheard)
		return;
	sa->is_unheard = false;
	request_pump(sa, now);
	ike_settle(sa);
}

void successor_release(const struct ike_sa *old, struct instant now)
{
	struct ike_sa *heir = old->heir_spi == 0 ? NULL : ike_find_spi(old->ike, old->heir_spi);

	if (heir != NULL)
		successor_heard(heir, now);
}

void successor_on_delete(struct ike_sa *old, struct instant now)
{
	if (old->rival != NULL)
		successor_settle(old->rival, now);
	successor_release(old, now);
}
