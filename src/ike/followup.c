#include "ike/followup.h"

#include <stdlib.h>

#include "ike/collision.h"
#include "ike/create_child.h"
#include "ike/own_proposals.h"
#include "ike/rekey_ike.h"
#include "ike/request.h"

/* RFC 9370 section 2.2.4 finds 5 to 20 s appropriate; a request is sent again for 15 s. */
static const struct duration wait_max = SECONDS(20);

void followup_add_kem_for_ike(const struct ike_sa *sa, struct proposal_list *list)
{
	if (sa->kem != NULL && sa->profile->ike.count == 0)
		proposals_add_kem(list, sa->kem->id);
}

void followup_add_kem_for_esp(const struct ike_sa *sa, struct proposal_list *list)
{
	if (sa->profile->esp.count == 0)
		followup_add_kem_for_ike(sa, list);
}

struct followup *followup_new(const struct ike_sa *sa, struct secret *shared,
                              struct child_terms *terms)
{
	struct followup *f = new_zeroed(sizeof(*f));

	f->kem = sa->kem;
	f->shared = secret_move(shared);
	f->terms = terms;
	return f;
}

void followup_free(struct followup *f)
{
	if (f == NULL)
		return;
	buf_free(&f->link);
	buf_free(&f->ciphertext);
	secret_free(&f->shared);
	secret_free(&f->additional);
	secret_free(&f->seed);
	child_terms_free(f->terms);
	selectors_free(&f->permission.more_peer);
	selectors_free(&f->permission.more_ours);
	free(f);
}

/*
 * Initiator
 */

bool followup_take_link(struct followup *f, const struct payloads *p)
{
	struct notify n;

	if (!payloads_find_notify(p, NOTIFY_ADDITIONAL_KEY_EXCHANGE, &n) ||
	    n.data.len > FOLLOWUP_LINK_MAX)
		return false;
	buf_free(&f->link);
	f->link = buf_copy(n.data);
	return true;
}

/* --> HDR, SK { KEi(1), N(ADDITIONAL_KEY_EXCHANGE) } */
bool followup_write(struct ike_sa *sa, struct followup *f, struct message_writer *m)
{
	uint8_t public_key[KEM_MESSAGE_MAX];

	secret_free(&f->seed);
	f->seed = secret_new(KEM_SEED_LEN);
	sa->ike->ports.random(sa->ike->ports.ctx, f->seed.data, f->seed.len);
	if (!f->kem->make_public(secret_view(&f->seed), public_key))
		return false;
	message_add_ke(m, f->kem->id, BYTES(public_key, f->kem->public_len));
	message_add_notify(m, NOTIFY_ADDITIONAL_KEY_EXCHANGE, buf_view(&f->link));
	return true;
}

bool followup_read_answer(struct followup *f, const struct payloads *p)
{
	struct ke ke;

	if (p->ke.data == NULL || !ke_parse(p->ke, &ke) || ke.method != f->kem->id ||
	    !f->kem->decapsulate(secret_view(&f->seed), ke.value, &f->additional))
		return false;
	secret_free(&f->seed);
	return true;
}

/*
 * Responder
 */

void followup_wait(struct ike_sa *sa, struct followup *f, struct instant now)
{
	uint8_t link[FOLLOWUP_LINK_LEN];

	sa->ike->ports.random(sa->ike->ports.ctx, link, sizeof(link));
	f->link = buf_copy(BYTES_OF(link));
	/* A peer that begins another one has done with the one before (MID-4). Of the IKE SA it has
	 * no more time for that: what we have to say on it waits. */
	f->drops = f->terms == NULL && followup_is_of_ike(sa) ? sa->followup->drops
	                                                      : instant_after(now, wait_max);
	followup_free(sa->followup);
	sa->followup = f;
}

void followup_add_link(struct message_writer *m, const struct ike_sa *sa)
{
	message_add_notify(m, NOTIFY_ADDITIONAL_KEY_EXCHANGE, buf_view(&sa->followup->link));
}

void followup_refuse(struct ike_sa *sa)
{
	response_send_notify(sa, NOTIFY_STATE_NOT_FOUND, (struct bytes){ 0 });
}

/* The ciphertext for the peer's key. False: it is none (MKE-10). */
static bool encapsulate(struct ike_sa *sa, struct followup *f, struct bytes body)
{
	uint8_t coins[KEM_COINS_LEN], ciphertext[KEM_MESSAGE_MAX];
	struct ke ke;
	bool ok;

	if (body.data == NULL || !ke_parse(body, &ke) || ke.method != f->kem->id)
		return false;
	sa->ike->ports.random(sa->ike->ports.ctx, coins, sizeof(coins));
	ok = f->kem->encapsulate(ke.value, BYTES_OF(coins), ciphertext, &f->additional);
	secret_wipe(coins, sizeof(coins));
	if (ok)
		f->ciphertext = buf_copy(BYTES(ciphertext, f->kem->ciphertext_len));
	return ok;
}

/* Another link than that of the one that waits leaves it waiting. */
static struct followup *take(struct ike_sa *sa, const struct payloads *p)
{
	struct followup *f = sa->followup;
	struct notify n;

	if (f == NULL || !payloads_find_notify(p, NOTIFY_ADDITIONAL_KEY_EXCHANGE, &n) ||
	    !secret_equal(n.data, buf_view(&f->link)))
		return NULL;
	sa->followup = NULL;
	return f;
}

void followup_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct followup *f = take(sa, p);

	if (f == NULL)
		return followup_refuse(sa);
	if (!encapsulate(sa, f, p->ke))
		response_refuse_broken(sa, now);
	else if (f->terms != NULL)
		create_child_on_followup(sa, f, now);
	else
		rekey_ike_on_followup(sa, f, now);
	followup_free(f);
	request_pump(sa, now);
}

void followup_send_answer(struct ike_sa *sa, const struct followup *f)
{
	uint8_t inner[PAYLOAD_HEADER_LEN + 4 + KEM_MESSAGE_MAX];
	struct message_writer m;

	message_start_inner(&m, inner, sizeof(inner));
	message_add_ke(&m, f->kem->id, buf_view(&f->ciphertext));
	response_send(sa, &m);
}

void followup_forget(struct ike_sa *sa)
{
	followup_free(sa->followup);
	sa->followup = NULL;
}

struct instant followup_due(const struct ike_sa *sa)
{
	return sa->followup == NULL ? INSTANT_NEVER : sa->followup->drops;
}

void followup_on_deadline(struct ike_sa *sa, struct instant now)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: the second part of %s did not come",
	         ip_text(&sa->path.remote.address).s,
	         followup_is_of_ike(sa) ? "its rekey" : "CREATE_CHILD_SA");
	if (followup_is_of_ike(sa))
		sa->rekeyed = now; /* what waited for it goes before the next one */
	followup_forget(sa);
	request_pump(sa, now);
}

/*
 * Rekeys that cross
 */

bool followup_is_of_child(const struct ike_sa *sa, uint32_t spi_in)
{
	return sa->followup != NULL && sa->followup->terms != NULL &&
	       sa->followup->terms->replaces == spi_in;
}

bool followup_is_of_ike(const struct ike_sa *sa)
{
	return sa->followup != NULL && sa->followup->terms == NULL;
}

struct bytes followup_lowest(const struct followup *f)
{
	return collision_lowest(nonce_view(&f->nonce_i), nonce_view(&f->nonce_r));
}
