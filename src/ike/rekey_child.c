#include "ike/rekey_child.h"

#include "ike/collision.h"
#include "ike/followup.h"
#include "ike/informational.h"

/*
 * RFC 7296 section 1.3: who said NO_ADDITIONAL_SAS says it again. A new IKE SA is what helps; should
 * it not come, the owner is told again, and the child lives to its end.
 */
static void renew_elsewhere(struct ike_sa *sa, struct child *child, struct instant now)
{
	child->life.is_refused = true;
	if (!lifetime_put_off(&child->life, ike_random_octet(sa->ike), now))
		child->life.rekey = INSTANT_NEVER;
	rekey_child_needs_sa(sa, child);
}

void rekey_child_start(struct ike_sa *sa, struct child *child, struct instant now)
{
	struct proposal_list offer;
	struct request *request;

	child->life.rekey = INSTANT_NEVER;
	if (child->is_deleting || child->is_rekeying || child->heir != 0)
		return;
	if (child->life.is_refused)
		return renew_elsewhere(sa, child, now);
	/* The peer is at it, and would refuse. */
	if (followup_is_of_child(sa, child->spi_in)) {
		child->life.rekey = sa->followup->drops;
		return;
	}
	request = request_new(REQUEST_REKEY_CHILD);
	request->old_in = child->spi_in;
	request->local = child->local;
	request->remote = child->remote;
	request->more_local = selectors_copy(child->more_local);
	request->more_remote = selectors_copy(child->more_remote);
	profile_reoffer_esp(sa->profile, 0, true, &offer);
	request->method = sa->profile->pfs ? profile_later_kex(&offer, sa->suite.kex) : KEX_NONE;
	child->is_rekeying = true;
	request_add(sa, request, now);
}

bool rekey_child_is_wanted(const struct ike_sa *sa, const struct request *request)
{
	const struct child *old = children_find_in(sa, request->old_in);

	return old != NULL && !old->is_deleting && old->heir == 0;
}

/* Our Delete goes out; the owner hears of it when it is answered. */
static void close_quietly(struct ike_sa *sa, struct child *child, struct instant now)
{
	if (child->is_deleting)
		return;
	child->is_deleting = true;
	lifetime_init(&child->life);
	informational_delete_child(sa, child->spi_in, now);
}

static void close_now(struct ike_sa *sa, struct child *child, enum ike_reason reason,
                      struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;

	child->is_reported = true;
	owner->child_gone(owner->ctx, sa->handle, child->spi_in, reason);
	close_quietly(sa, child, now);
}

static void say_failure(const struct ike_sa *sa, const struct child *child, uint16_t error)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: child esp0x%x not rekeyed: %s",
	         ip_text(&sa->path.remote.address).s, (unsigned)child->spi_out,
	         error == 0 ? "the answer does not fit" : notify_name(error));
}

bool rekey_is_refused_for_good(uint16_t error)
{
	return error == NOTIFY_NO_ADDITIONAL_SAS || error == NOTIFY_NO_PROPOSAL_CHOSEN;
}

void rekey_child_needs_sa(const struct ike_sa *sa, const struct child *child)
{
	const struct ike_owner *owner = &sa->ike->owner;

	if (owner->child_unrenewed != NULL && !child->is_deleting && child->heir == 0)
		owner->child_unrenewed(owner->ctx, sa->handle, child->spi_in);
}

/* COL-25: one that has a heir is done with, whatever became of our own request. */
void rekey_child_on_error(struct ike_sa *sa, const struct request *request, uint16_t error,
                          struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;
	struct child *old = children_find_in(sa, request->old_in);

	if (old == NULL)
		return;
	old->is_rekeying = false;
	if (old->is_deleting || old->heir != 0)
		return;
	say_failure(sa, old, error);
	if (error == NOTIFY_CHILD_SA_NOT_FOUND) {
		/* COL-26: the peer has it no more; no Delete. */
		owner->child_gone(owner->ctx, sa->handle, old->spi_in, IKE_REASON_DELETED_BY_PEER);
		return children_remove(sa, old);
	}
	if (rekey_is_refused_for_good(error))
		return renew_elsewhere(sa, old, now);
	/* Whoever still wants it makes a new one. */
	if (!lifetime_put_off(&old->life, ike_random_octet(sa->ike), now))
		close_now(sa, old, IKE_REASON_EXPIRED, now);
}

bool rekey_child_goes_on(struct ike_sa *sa, const struct request *request, struct bytes lowest)
{
	struct child *old = children_find_in(sa, request->old_in);
	struct bytes theirs = { 0 };
	bool is_awaited;

	if (old == NULL)
		return false;
	is_awaited = followup_is_of_child(sa, old->spi_in);
	/* A heir that is gone was closed by the peer, who knew before us that it had lost. */
	if (old->heir != 0 && children_find_in(sa, old->heir) != NULL)
		theirs = buf_view(&old->heir_nonce);
	else if (is_awaited)
		theirs = followup_lowest(sa->followup);
	if (old->is_deleting || (theirs.len > 0 && collision_is_lower(lowest, theirs))) {
		old->is_rekeying = false;
		/* Should the peer not go on with its own. */
		if (is_awaited && !old->is_deleting)
			old->life.rekey = sa->followup->drops;
		return false;
	}
	if (is_awaited)
		followup_forget(sa);
	return true;
}

static bool is_ours_lower(const struct child *old, const struct child_recipe *recipe)
{
	return collision_is_lower(collision_lowest(recipe->nonce_i, recipe->nonce_r),
	                          buf_view(&old->heir_nonce));
}

bool rekey_child_place(const struct ike_sa *sa, const struct request *request,
                       struct child_recipe *recipe)
{
	const struct child *old = children_find_in(sa, request->old_in);
	const struct child *heir;

	if (old == NULL || old->is_deleting)
		return false;
	recipe->replaces = old->spi_in;
	recipe->start = CHILD_SENDS_NOW;
	heir = old->heir == 0 ? NULL : children_find_in(sa, old->heir);
	/* A heir that is gone was closed by the peer, who knew before us that it had lost. */
	if (heir == NULL)
		return true;
	recipe->replaces = heir->spi_in;
	if (is_ours_lower(old, recipe))
		recipe->start = CHILD_SENDS_NEVER;
	return true;
}

void rekey_child_settle(struct ike_sa *sa, const struct request *request,
                        const struct child_recipe *recipe, struct instant now)
{
	struct child *old = children_find_in(sa, request->old_in);
	struct child *heir = children_find_in(sa, old->heir);

	old->is_rekeying = false;
	if (followup_is_of_child(sa, old->spi_in))
		followup_forget(sa);
	if (recipe->start == CHILD_SENDS_NEVER) {
		close_quietly(sa, children_find_in(sa, recipe->spi_in), now);
		return;
	}
	/* The peer closes what it made; should it not, then that ends with its time. */
	if (heir != NULL)
		heir->life.rekey = INSTANT_NEVER;
	close_quietly(sa, old, now);
}

/* Ours has its first part done, so that it is the one that counts (RFC 9370 section 2.2.4). */
static bool is_followed_up(const struct ike_sa *sa, const struct child *old)
{
	const struct request *request = sa->current;

	return request != NULL && request->kind == REQUEST_REKEY_CHILD &&
	       request->followup != NULL && request->old_in == old->spi_in;
}

uint16_t rekey_child_objection(const struct ike_sa *sa, const struct child *old)
{
	if (sa->ike->is_shutting_down)
		return NOTIFY_NO_ADDITIONAL_SAS;
	/* COL-1; or it has a heir, which is the one to rekey. */
	return old->is_deleting || old->heir != 0 || is_followed_up(sa, old)
	           ? NOTIFY_TEMPORARY_FAILURE
	           : 0;
}

void rekey_child_inherit(struct ike_sa *sa, const struct child_recipe *recipe)
{
	struct child *old = children_find_in(sa, recipe->replaces);

	old->heir = recipe->spi_in;
	old->heir_nonce = buf_copy(collision_lowest(recipe->nonce_i, recipe->nonce_r));
	old->life.rekey = INSTANT_NEVER;
}

void rekey_child_disinherit(struct ike_sa *sa, uint32_t heir, struct instant now)
{
	for (struct child *old = sa->children; old != NULL; old = old->next) {
		if (old->heir != heir || old->is_deleting)
			continue;
		old->heir = 0;
		buf_free(&old->heir_nonce);
		if (sa->profile->life.rekey && !old->is_rekeying &&
		    !lifetime_put_off(&old->life, ike_random_octet(sa->ike), now))
			old->life.rekey = INSTANT_NEVER;
	}
}

void rekey_child_expire(struct ike_sa *sa, struct child *child, struct instant now)
{
	close_now(sa, child, IKE_REASON_EXPIRED, now);
}

/* RKY-7: an idle one is let go, by Delete, so that both sides agree. */
static void on_child_deadline(struct ike_sa *sa, struct child *child, struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;

	if (instant_reached(child->life.end, now))
		rekey_child_expire(sa, child, now);
	else if (owner->wants_rekey == NULL ||
	         owner->wants_rekey(owner->ctx, sa->handle, child->spi_in))
		rekey_child_start(sa, child, now);
	else
		close_now(sa, child, IKE_REASON_IDLE, now);
}

void rekey_child_on_deadline(struct ike_sa *sa, struct instant now)
{
	/* Closing one changes the list, and may end the SA. */
	for (struct child *child = sa->children; child != NULL; child = child->next) {
		if (instant_reached(lifetime_due(&child->life), now))
			return on_child_deadline(sa, child, now);
	}
}
