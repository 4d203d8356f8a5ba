#include "ike/auth_exchange.h"

#include <stdlib.h>

#include "ike/auth_contact.h"
#include "ike/auth_proof.h"
#include "ike/cert.h"
#include "ike/children.h"
#include "ike/create_child.h"
#include "ike/crash.h"
#include "ike/informational.h"
#include "ike/ppk.h"
#include "ike/request.h"

/* An IKE SA whose first child was refused and that nobody has another use for (INI-13). */
static const struct duration childless_max = SECONDS(60);

void auth_start(struct ike_sa *sa, struct instant now)
{
	sa->state = IKE_SA_AUTH_MAKING;
	sa->expires = instant_after(now, AUTH_WAIT_MAX);
	crash_start_token(sa); /* before the other: it is done before, too */
	if (!ppk_begin(sa))
		return ike_sa_end(sa, IKE_REASON_NO_PPK, false);
	if (sa->hs->ppk_step == PPK_KEYS)
		return ppk_start_job(sa, sa->hs->wish.ppk.key);
	if (!proof_start_making(sa, &sa->hs->wish.self, now))
		ike_sa_end(sa, IKE_REASON_NO_PROPOSAL, false);
}

static void add_child_offer(struct message_writer *m, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	struct proposal_list offer;

	hs->spi_in = sa->ike->ports.new_spi(sa->ike->ports.ctx);
	profile_offer_esp(sa->profile, hs->spi_in, false, &offer);
	children_ask_transport(m, sa, &hs->wish.local, hs->wish.more_local, &hs->wish.remote,
	                       hs->wish.more_remote);
	proposals_write(payload_start(m, PAYLOAD_SA), &offer);
	payload_end(m);
	children_add_wanted(m, &hs->wish.packet, &hs->wish.local, hs->wish.more_local,
	                    &hs->wish.remote, hs->wish.more_remote);
}

/* A step before the AUTH that is sent; false: this is it. */
static bool is_on_the_way(struct ike_sa *sa, struct bytes result, struct instant now)
{
	switch (sa->hs->ppk_step) {
	case PPK_UNUSED:
	case PPK_USED:
		break;
	case PPK_PLAIN_AUTH:
		ppk_keep_plain_auth(sa, result);
		ppk_start_job(sa, sa->hs->wish.ppk.key);
		return true;
	case PPK_KEYS:
		if (!ppk_take_keys(sa, result) || !proof_start_making(sa, &sa->hs->wish.self, now))
			ike_sa_end(sa, IKE_REASON_LOCAL, false);
		return true;
	}
	return false;
}

/* --> HDR, SK { IDi, [N(INITIAL_CONTACT)], [IDr], AUTH, SAi2, TSi, TSr } */
void auth_on_request_made(struct ike_sa *sa, struct bytes proof, struct instant now)
{
	struct handshake *hs = sa->hs;
	uint8_t inner[AUTH_INNER_MAX];
	struct message_writer m;

	if (proof.len == 0)
		return ike_sa_end(sa, IKE_REASON_LOCAL, false);
	if (is_on_the_way(sa, proof, now))
		return;
	message_start_inner(&m, inner, sizeof(inner));
	message_add(&m, PAYLOAD_ID_I, buf_view(&hs->id_body));
	cert_add(&m, hs, &hs->wish.self);
	if (contact_is_first(sa))
		message_add_notify(&m, NOTIFY_INITIAL_CONTACT, (struct bytes){ 0 });
	if (hs->trust != NULL)
		cert_add_request(&m, x509_trust_hashes(hs->trust));
	if (hs->wish.expected_id.type != ID_NONE) {
		id_write(payload_start(&m, PAYLOAD_ID_R), &hs->wish.expected_id);
		payload_end(&m);
	}
	proof_add(&m, sa, hs->wish.self.auth, proof);
	ppk_add_identity(&m, sa);
	crash_add_token(sa, &m);
	if (!hs->wish.is_childless)
		add_child_offer(&m, sa);
	sa->state = IKE_SA_AUTH_SENT;
	sa->expires = INSTANT_NEVER; /* the retransmissions end it */
	if (!request_send_sealed(sa, EXCHANGE_IKE_AUTH, &m, now))
		ike_sa_end(sa, IKE_REASON_LOCAL, false);
}

/* The peer has proven nothing, or something else: one report, and it is over (ERR-8, AUT-7). */
static void reject_peer(struct ike_sa *sa, enum ike_reason reason, uint16_t notify,
                        struct instant now)
{
	ike_sa_close_rejected(sa, reason, notify, now);
}

void auth_on_bad_response(struct ike_sa *sa, struct instant now)
{
	request_answered(sa);
	reject_peer(sa, IKE_REASON_PROTOCOL, NOTIFY_INVALID_SYNTAX, now);
}

/*
 * OIN-6: towards a gateway that is known by its address any name is fine, because the key is what
 * was published for that address; another address is not. Everybody else, and whoever knows a
 * shared secret, is who we asked for.
 */
static bool is_expected_peer(const struct ike_sa *sa)
{
	const struct ike_id *expected = &sa->hs->wish.expected_id;
	bool is_address = expected->type == ID_IPV4_ADDR || expected->type == ID_IPV6_ADDR;
	struct ike_id peer_id = id_kept(&sa->peer_id);

	if (expected->type == ID_NONE || id_equal(&peer_id, expected))
		return true;
	return is_address && peer_id.type == ID_FQDN &&
	       sa->hs->wish.peer_auth == IKE_AUTH_SIGNATURE && sa->hs->trust == NULL;
}

/* The CHILD SA half of the response. False: INVALID_SYNTAX. */
static bool keep_child_answer(struct ike_sa *sa, const struct payloads *p)
{
	struct handshake *hs = sa->hs;
	struct proposal_list offer;
	struct proposal_list answer;
	struct notify error;

	if (payloads_find_error(p, &error)) {
		hs->child_error = error.type;
		return true;
	}
	if (hs->wish.is_childless)
		return true;
	if (p->sa.data == NULL || p->ts_i.data == NULL || p->ts_r.data == NULL)
		return false;
	hs->child = new_zeroed(sizeof(*hs->child));
	hs->child->has_transport = children_has_transport(p);
	if (!proposals_parse(p->sa, &answer) || !ts_parse(p->ts_i, &hs->child->ts_i) ||
	    !ts_parse(p->ts_r, &hs->child->ts_r))
		return false;
	profile_offer_esp(sa->profile, hs->spi_in, false, &offer);
	if (!proposals_check_answer(&answer, &offer, &hs->child->choice) ||
	    !child_spi_is_valid(hs->child->choice.spi))
		hs->child->choice.suite.cipher = AEAD_NONE;
	return true;
}

static void check_peer(struct ike_sa *sa, struct instant now)
{
	sa->state = IKE_SA_RESPONSE_CHECKING;
	sa->expires = instant_after(now, AUTH_WAIT_MAX);
	if (!proof_start_checking(sa, sa->hs->wish.peer_psk, now))
		reject_peer(sa, IKE_REASON_NO_KEYS, NOTIFY_AUTHENTICATION_FAILED, now);
}

static void ask_for_keys(struct ike_sa *sa, struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;
	struct ike_id peer_id = id_kept(&sa->peer_id);

	sa->state = IKE_SA_KEYS_WANTED;
	sa->expires = instant_after(now, AUTH_WAIT_MAX);
	if (owner->keys_wanted != NULL)
		owner->keys_wanted(owner->ctx, sa->handle, sa->hs->wish.tag, &peer_id);
}

/* <-- HDR, SK { IDr, AUTH, SAr2, TSi, TSr } */
static void on_proof(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct handshake *hs = sa->hs;
	struct auth_payload auth;
	struct notify n;

	if (p->id_r.data == NULL || !auth_parse(p->auth, &auth) ||
	    !proof_keep_peers(sa, p->id_r, &auth) || !keep_child_answer(sa, p))
		return reject_peer(sa, IKE_REASON_PROTOCOL, NOTIFY_INVALID_SYNTAX, now);
	hs->initial_contact = payloads_find_notify(p, NOTIFY_INITIAL_CONTACT, &n);
	crash_keep_token(sa, p);
	if (!proof_is_of_known_method(&auth) || sa->peer_auth != hs->wish.peer_auth)
		return reject_peer(sa, IKE_REASON_BAD_SIGNATURE, NOTIFY_AUTHENTICATION_FAILED, now);
	if (!is_expected_peer(sa))
		return reject_peer(sa, IKE_REASON_BAD_IDENTITY, NOTIFY_AUTHENTICATION_FAILED, now);
	if (!ppk_settle(sa, p))
		return reject_peer(sa, IKE_REASON_NO_PPK, NOTIFY_AUTHENTICATION_FAILED, now);
	if (hs->trust != NULL)
		cert_keep_chain(hs, p);
	if (hs->has_keys || hs->trust != NULL || sa->peer_auth != IKE_AUTH_SIGNATURE)
		return check_peer(sa, now);
	ask_for_keys(sa, now);
}

void auth_on_response(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct notify error;

	request_answered(sa);
	if (p->auth.data != NULL)
		return on_proof(sa, p, now);
	/* Whoever has the keys of IKE_SA_INIT said it; who that is nobody has proven (ERR-17). */
	if (payloads_find_error(p, &error))
		return ike_sa_end(sa, children_reason(error.type), false);
	reject_peer(sa, IKE_REASON_PROTOCOL, NOTIFY_INVALID_SYNTAX, now);
}

void auth_on_keys(struct ike_sa *sa, const struct pubkey *keys, size_t count, struct instant now)
{
	if (sa->state > IKE_SA_KEYS_WANTED || sa->hs->has_keys)
		return;
	if (count == 0) {
		/* Before IKE_AUTH has left the peer knows nothing worth a word. */
		if (sa->state < IKE_SA_AUTH_SENT)
			return ike_sa_end(sa, IKE_REASON_NO_KEYS, false);
		return reject_peer(sa, IKE_REASON_NO_KEYS, NOTIFY_AUTHENTICATION_FAILED, now);
	}
	sa->hs->has_keys = true;
	proof_keep_keys(sa->hs, keys, count);
	if (sa->state == IKE_SA_KEYS_WANTED)
		check_peer(sa, now);
}

/* Why the CHILD SA in the answer is none; IKE_REASON_NONE if it is one. */
static enum ike_reason judge_child(const struct ike_sa *sa, struct child_terms *terms)
{
	const struct ike_wish *wish = &sa->hs->wish;

	if (terms->choice.suite.cipher == AEAD_NONE)
		return IKE_REASON_NO_PROPOSAL;
	if (wish->packet.source.family != IP_NONE)
		children_merge_answer(terms);
	if (!children_ts_fit(&terms->ts_i, &wish->local, wish->more_local,
	                     wish->is_opportunistic) ||
	    !children_ts_fit(&terms->ts_r, &wish->remote, wish->more_remote,
	                     wish->is_opportunistic))
		return IKE_REASON_TS_UNACCEPTABLE;
	return IKE_REASON_NONE;
}

static bool add_first_child(struct ike_sa *sa, struct instant now)
{
	const struct handshake *hs = sa->hs;
	const struct child_recipe recipe = {
		.spi_in = hs->spi_in,
		.choice = &hs->child->choice,
		.is_exchange_initiator = true,
		.nonce_i = nonce_view(&hs->nonce_i),
		.nonce_r = nonce_view(&hs->nonce_r),
		.local = &hs->child->ts_i.selectors[0],
		.remote = &hs->child->ts_r.selectors[0],
		.more_local = children_more(&hs->child->ts_i),
		.more_remote = children_more(&hs->child->ts_r),
		.has_transport = hs->child->has_transport,
		.tag = hs->wish.tag,
	};

	return children_add(sa, &recipe, now);
}

/* The peer believes in a CHILD SA we do not want (OIN-9, TS-6): it is told so. */
static void refuse_first_child(struct ike_sa *sa, enum ike_reason reason, struct instant now)
{
	informational_delete_child(sa, sa->hs->spi_in, now);
	if (reason == IKE_REASON_TS_UNACCEPTABLE && sa->hs->wish.packet.source.family != IP_NONE)
		create_child_for_packet(sa, &sa->hs->wish.packet, sa->hs->wish.tag, now);
	else
		children_fail(sa, sa->hs->wish.tag, reason, true);
	ike_sa_drop_handshake(sa);
}

static void finish_first_child(struct ike_sa *sa, struct instant now)
{
	struct handshake *hs = sa->hs;
	enum ike_reason reason;

	if (hs->wish.is_childless)
		return ike_sa_drop_handshake(sa);
	if (hs->child_error == NOTIFY_SINGLE_PAIR_REQUIRED &&
	    hs->wish.packet.source.family != IP_NONE) {
		create_child_for_packet(sa, &hs->wish.packet, hs->wish.tag, now);
		return ike_sa_drop_handshake(sa);
	}
	if (hs->child_error != 0) {
		/* Authenticated, so a fact; the IKE SA stays for a while (INI-13). */
		sa->expires = instant_after(now, childless_max);
		children_fail(sa, hs->wish.tag, children_reason(hs->child_error), true);
		return ike_sa_drop_handshake(sa);
	}
	reason = judge_child(sa, hs->child);
	if (reason == IKE_REASON_NONE && !add_first_child(sa, now))
		reason = IKE_REASON_LOCAL;
	if (reason != IKE_REASON_NONE)
		return refuse_first_child(sa, reason, now);
	ike_sa_drop_handshake(sa);
}

void auth_on_response_checked(struct ike_sa *sa, struct bytes result, struct instant now)
{
	if (!proof_is_good(sa, result))
		return reject_peer(sa, proof_failure(sa), NOTIFY_AUTHENTICATION_FAILED, now);
	ike_sa_up(sa, now);
	/* After it: what the others were asked for can be asked for by this one. */
	if (sa->hs->initial_contact)
		contact_drop_others(sa);
	finish_first_child(sa, now);
	request_pump(sa, now);
}
