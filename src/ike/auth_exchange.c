#include "ike/auth_exchange.h"

#include <assert.h>
#include <stdlib.h>

#include "ike/children.h"
#include "ike/informational.h"
#include "ike/request.h"

/* Backstop for an owner or a job that never answers; both have shorter limits of their own. */
static const struct duration wait_max = SECONDS(30);
/* An IKE SA whose first child was refused and that nobody has another use for (INI-13). */
static const struct duration childless_max = SECONDS(60);

/*
 * Both roles: making and checking AUTH
 */

static bool keep_own_id(struct ike_sa *sa, const struct ike_id *id)
{
	uint8_t body[4 + ID_DATA_MAX];
	struct writer w = writer_on(body, sizeof(body));

	id_write(&w, id);
	if (w.failed)
		return false;
	sa->local_id = *id;
	buf_free(&sa->hs->id_body);
	sa->hs->id_body = buf_copy(writer_view(&w));
	return true;
}

/* What `by_initiator` signs (RFC 7296 section 2.15). */
static bool signed_octets(const struct ike_sa *sa, bool by_initiator, struct buf *out)
{
	const struct handshake *hs = sa->hs;
	bool is_ours = by_initiator == sa->is_initiator;

	return auth_signed_octets(sa->suite.prf,
	                          secret_view(by_initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr),
	                          buf_view(by_initiator ? &hs->request : &hs->response),
	                          nonce_view(by_initiator ? &hs->nonce_r : &hs->nonce_i),
	                          buf_view(is_ours ? &hs->id_body : &hs->peer_id_body), out);
}

/* Has our AUTH made as `self`. False: nothing fits both sides, or this machine cannot. */
static bool start_making(struct ike_sa *sa, const struct ike_self *self)
{
	CLEANUP(buf_free) struct buf octets = { 0 };
	struct crypto_job job = { .key = self->key };

	if (!keep_own_id(sa, &self->id) || !signed_octets(sa, sa->is_initiator, &octets))
		return false;
	job.data = buf_view(&octets);
	if (self->auth == IKE_AUTH_PSK) {
		job.kind = CRYPTO_JOB_PSK_MAC;
		job.prf = sa->suite.prf;
	} else {
		/* Empty if the peer sent no SIGNATURE_HASH_ALGORITHMS: method 14 is the only
		 * signature we make (DS-1). */
		job.kind = CRYPTO_JOB_SIGN;
		job.signature_id = auth_choose(self->key_type, sa->hs->peer_hashes);
		if (job.signature_id == SIGNATURE_NONE)
			return false;
	}
	sa->hs->own_signature = job.signature_id;
	ike_sa_start_job(sa, &job);
	return true;
}

/* Has the peer's AUTH checked. False: there is nothing to check it with. */
static bool start_checking(struct ike_sa *sa, unsigned psk)
{
	struct handshake *hs = sa->hs;
	CLEANUP(buf_free) struct buf octets = { 0 };
	struct crypto_job job = { .kind = CRYPTO_JOB_VERIFY };

	if (!signed_octets(sa, !sa->is_initiator, &octets))
		return false;
	job.data = buf_view(&octets);
	if (hs->peer_auth == IKE_AUTH_PSK) {
		job.kind = CRYPTO_JOB_PSK_MAC;
		job.key = psk;
		job.prf = sa->suite.prf;
	} else {
		if (hs->key_count == 0)
			return false;
		job.signature_id = hs->peer_signature;
		job.signature = buf_view(&hs->peer_proof);
		job.keys = hs->keys;
		job.key_count = hs->key_count;
	}
	ike_sa_start_job(sa, &job);
	return true;
}

/* What the job of start_checking() says. */
static bool is_proven(struct ike_sa *sa, struct bytes result)
{
	struct handshake *hs = sa->hs;

	if (hs->peer_auth == IKE_AUTH_PSK)
		return result.len > 0 && secret_equal(result, buf_view(&hs->peer_proof));
	if (result.len != 1 || result.data[0] >= hs->key_count)
		return false;
	sa->peer_key = hs->keys[result.data[0]];
	return true;
}

static void keep_keys(struct handshake *hs, const struct pubkey *keys, size_t count)
{
	if (count > IKE_SA_KEYS_MAX)
		count = IKE_SA_KEYS_MAX;
	free(hs->keys);
	hs->keys = new_array(count, sizeof(*keys));
	memcpy(hs->keys, keys, count * sizeof(*keys));
	hs->key_count = count;
}

/* Reads the peer's ID and AUTH. False: INVALID_SYNTAX. */
static bool keep_peer_proof(struct ike_sa *sa, struct bytes id, const struct auth_payload *auth)
{
	struct handshake *hs = sa->hs;

	if (!id_parse(id, &sa->peer_id))
		return false;
	buf_free(&hs->peer_id_body);
	buf_free(&hs->peer_proof);
	hs->peer_id_body = buf_copy(id);
	hs->peer_proof = buf_copy(auth->value);
	hs->peer_signature = auth->signature_id;
	hs->peer_auth = auth->method == AUTH_METHOD_SHARED_KEY ? IKE_AUTH_PSK : IKE_AUTH_SIGNATURE;
	return true;
}

static bool is_known_method(const struct auth_payload *auth)
{
	if (auth->method == AUTH_METHOD_SHARED_KEY)
		return true;
	return auth->method == AUTH_METHOD_DIGITAL_SIGNATURE &&
	       auth_is_acceptable(auth->signature_id);
}

static void add_auth(struct message_writer *m, const struct ike_sa *sa, enum ike_auth method,
                     struct bytes proof)
{
	struct writer *w = payload_start(m, PAYLOAD_AUTH);

	if (method == IKE_AUTH_PSK)
		auth_write_shared_key(w, proof);
	else
		auth_write_signature(w, sa->hs->own_signature, proof);
	payload_end(m);
}

static void add_ts(struct message_writer *m, uint8_t type, const struct traffic_selector *ts)
{
	ts_write(payload_start(m, type), ts, 1);
	payload_end(m);
}

/*
 * IC-2: the other IKE SAs of this pair of identities are from before the peer restarted. One that
 * came up after this handshake began is not: the peer had part in it.
 */
static void drop_others(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;
	struct hash_node *node = hash_walk(&ike->by_handle, NULL);

	while (node != NULL) {
		struct ike_sa *other = CONTAINER_OF(node, struct ike_sa, handle_node);

		node = hash_walk(&ike->by_handle, node);
		if (other != sa && other->state == IKE_SA_UP &&
		    other->up_since.ns < sa->created.ns &&
		    id_equal(&other->peer_id, &sa->peer_id) &&
		    id_equal(&other->local_id, &sa->local_id))
			ike_sa_end(other, IKE_REASON_REPLACED, true);
	}
}

/*
 * Initiator
 */

void auth_start(struct ike_sa *sa, struct instant now)
{
	sa->state = IKE_SA_AUTH_MAKING;
	sa->expires = instant_after(now, wait_max);
	if (!start_making(sa, &sa->hs->wish.self))
		ike_sa_end(sa, IKE_REASON_NO_PROPOSAL, false);
}

/* Is this the only IKE SA with that address, as far as we know (IC-1, IC-2)? */
static bool is_first_contact(const struct ike_sa *sa)
{
	const struct ike *ike = sa->ike;
	struct hash_node *node = NULL;

	while ((node = hash_walk(&ike->by_handle, node)) != NULL) {
		const struct ike_sa *other = CONTAINER_OF(node, struct ike_sa, handle_node);

		if (other != sa && other->state != IKE_SA_DEAD &&
		    ip_equal(&other->path.remote.address, &sa->path.remote.address))
			return false;
	}
	return true;
}

static void add_child_offer(struct message_writer *m, struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	struct proposal_list offer;

	hs->spi_in = sa->ike->ports.new_spi(sa->ike->ports.ctx);
	proposals_for_esp(&offer, hs->spi_in, false);
	proposals_write(payload_start(m, PAYLOAD_SA), &offer);
	payload_end(m);
	add_ts(m, PAYLOAD_TS_I, &hs->wish.local);
	add_ts(m, PAYLOAD_TS_R, &hs->wish.remote);
}

/* --> HDR, SK { IDi, [N(INITIAL_CONTACT)], [IDr], AUTH, SAi2, TSi, TSr } */
static void on_own_auth(struct ike_sa *sa, struct bytes proof, struct instant now)
{
	struct handshake *hs = sa->hs;
	uint8_t inner[INNER_MAX];
	struct message_writer m;

	if (proof.len == 0)
		return ike_sa_end(sa, IKE_REASON_LOCAL, false);
	message_start_inner(&m, inner, sizeof(inner));
	message_add(&m, PAYLOAD_ID_I, buf_view(&hs->id_body));
	if (is_first_contact(sa))
		message_add_notify(&m, NOTIFY_INITIAL_CONTACT, (struct bytes){ 0 });
	if (hs->wish.expected_id.type != ID_NONE) {
		id_write(payload_start(&m, PAYLOAD_ID_R), &hs->wish.expected_id);
		payload_end(&m);
	}
	add_auth(&m, sa, hs->wish.self.auth, proof);
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
 * was published for that address; another address is not. Everybody else is who we asked for.
 */
static bool is_expected_peer(const struct ike_sa *sa)
{
	const struct ike_id *expected = &sa->hs->wish.expected_id;
	bool is_address = expected->type == ID_IPV4_ADDR || expected->type == ID_IPV6_ADDR;

	if (expected->type == ID_NONE || id_equal(&sa->peer_id, expected))
		return true;
	return is_address && sa->peer_id.type == ID_FQDN;
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
	if (p->sa.data == NULL || p->ts_i.data == NULL || p->ts_r.data == NULL)
		return false;
	hs->child = new_zeroed(sizeof(*hs->child));
	if (!proposals_parse(p->sa, &answer) || !ts_parse(p->ts_i, &hs->child->ts_i) ||
	    !ts_parse(p->ts_r, &hs->child->ts_r))
		return false;
	proposals_for_esp(&offer, hs->spi_in, false);
	if (!proposals_check_answer(&answer, &offer, &hs->child->choice) ||
	    !child_spi_is_valid(hs->child->choice.spi))
		hs->child->choice.suite.cipher = AEAD_NONE;
	return true;
}

static void check_peer(struct ike_sa *sa, struct instant now)
{
	sa->state = IKE_SA_RESPONSE_CHECKING;
	sa->expires = instant_after(now, wait_max);
	if (!start_checking(sa, sa->hs->wish.peer_psk))
		reject_peer(sa, IKE_REASON_NO_KEYS, NOTIFY_AUTHENTICATION_FAILED, now);
}

/* <-- HDR, SK { IDr, AUTH, SAr2, TSi, TSr } */
static void on_proof(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct handshake *hs = sa->hs;
	struct auth_payload auth;
	struct notify n;

	if (p->id_r.data == NULL || !auth_parse(p->auth, &auth) ||
	    !keep_peer_proof(sa, p->id_r, &auth) || !keep_child_answer(sa, p))
		return reject_peer(sa, IKE_REASON_PROTOCOL, NOTIFY_INVALID_SYNTAX, now);
	hs->initial_contact = payloads_find_notify(p, NOTIFY_INITIAL_CONTACT, &n);
	if (!is_known_method(&auth) || hs->peer_auth != hs->wish.peer_auth)
		return reject_peer(sa, IKE_REASON_BAD_SIGNATURE, NOTIFY_AUTHENTICATION_FAILED, now);
	if (!is_expected_peer(sa))
		return reject_peer(sa, IKE_REASON_BAD_IDENTITY, NOTIFY_AUTHENTICATION_FAILED, now);
	if (hs->has_keys || hs->peer_auth == IKE_AUTH_PSK)
		return check_peer(sa, now);
	sa->state = IKE_SA_KEYS_WANTED;
	sa->expires = instant_after(now, wait_max);
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
	keep_keys(sa->hs, keys, count);
	if (sa->state == IKE_SA_KEYS_WANTED)
		check_peer(sa, now);
}

/* Why the CHILD SA in the answer is none; IKE_REASON_NONE if it is one. */
static enum ike_reason judge_child(const struct ike_sa *sa, const struct child_terms *terms)
{
	const struct ike_wish *wish = &sa->hs->wish;

	if (terms->choice.suite.cipher == AEAD_NONE)
		return IKE_REASON_NO_PROPOSAL;
	if (!children_ts_fit(&terms->ts_i, &wish->local, wish->is_opportunistic) ||
	    !children_ts_fit(&terms->ts_r, &wish->remote, wish->is_opportunistic))
		return IKE_REASON_TS_UNACCEPTABLE;
	return IKE_REASON_NONE;
}

static bool add_first_child(struct ike_sa *sa)
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
		.tag = hs->wish.tag,
	};

	return children_add(sa, &recipe);
}

/* The peer believes in a CHILD SA we do not want (OIN-9, TS-6): it is told so. */
static void refuse_first_child(struct ike_sa *sa, enum ike_reason reason, struct instant now)
{
	uint32_t spi_in = sa->hs->spi_in;

	children_fail(sa, sa->hs->wish.tag, reason, true);
	ike_sa_drop_handshake(sa);
	informational_delete_child(sa, spi_in, now);
}

static void finish_first_child(struct ike_sa *sa, struct instant now)
{
	struct handshake *hs = sa->hs;
	enum ike_reason reason;

	if (hs->child_error != 0) {
		/* Authenticated, so a fact; the IKE SA stays for a while (INI-13). */
		sa->expires = instant_after(now, childless_max);
		children_fail(sa, hs->wish.tag, children_reason(hs->child_error), true);
		return ike_sa_drop_handshake(sa);
	}
	reason = judge_child(sa, hs->child);
	if (reason == IKE_REASON_NONE && !add_first_child(sa))
		reason = IKE_REASON_LOCAL;
	if (reason != IKE_REASON_NONE)
		return refuse_first_child(sa, reason, now);
	ike_sa_drop_handshake(sa);
}

static void on_peer_checked(struct ike_sa *sa, struct bytes result, struct instant now)
{
	if (!is_proven(sa, result))
		return reject_peer(sa, IKE_REASON_BAD_SIGNATURE, NOTIFY_AUTHENTICATION_FAILED, now);
	if (sa->hs->initial_contact)
		drop_others(sa);
	ike_sa_up(sa, now);
	finish_first_child(sa, now);
	request_pump(sa, now);
}

/*
 * Responder
 */

void auth_refuse(struct ike_sa *sa, uint16_t notify, struct bytes data, enum ike_reason reason,
                 struct instant now)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: IKE_AUTH of %s refused: %s",
	         ip_text(&sa->path.remote.address).s, id_text(&sa->peer_id).s,
	         ike_reason_text(reason));
	response_send_notify(sa, notify, data);
	ike_sa_report_end(sa, reason, false);
	ike_sa_linger(sa, now);
}

static void refuse_syntax(struct ike_sa *sa, struct instant now)
{
	auth_refuse(sa, NOTIFY_INVALID_SYNTAX, (struct bytes){ 0 }, IKE_REASON_PROTOCOL, now);
}

/* One answer for all that can be wrong with a proof: no oracle (AUT-6). The log says which. */
static void refuse_proof(struct ike_sa *sa, enum ike_reason reason, struct instant now)
{
	auth_refuse(sa, NOTIFY_AUTHENTICATION_FAILED, (struct bytes){ 0 }, reason, now);
}

/* The CHILD SA half of the request. False: INVALID_SYNTAX. */
static bool keep_child_request(struct ike_sa *sa, const struct payloads *p)
{
	struct handshake *hs = sa->hs;
	struct proposal_list offered;
	struct proposal_list allowed;

	hs->child = new_zeroed(sizeof(*hs->child));
	if (!proposals_parse(p->sa, &offered) || !ts_parse(p->ts_i, &hs->child->ts_i) ||
	    !ts_parse(p->ts_r, &hs->child->ts_r))
		return false;
	proposals_for_esp(&allowed, 0, false);
	if (!proposals_choose(&offered, &allowed, KEX_NONE, &hs->child->choice) ||
	    !child_spi_is_valid(hs->child->choice.spi))
		hs->child_error = NOTIFY_NO_PROPOSAL_CHOSEN;
	return true;
}

static void ask_owner(struct ike_sa *sa, const struct ike_id *wanted_id, struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;
	const struct handshake *hs = sa->hs;
	struct ike_claim claim = {
		.path = sa->path,
		.peer_id = sa->peer_id,
		.wanted_id = *wanted_id,
		.auth = hs->peer_auth,
		.peer_is_wildswan = hs->peer_is_wildswan,
		.peer_behind_nat = hs->nat.peer_behind_nat,
		.initial_contact = hs->initial_contact,
	};

	children_claim(&claim, hs->child);
	sa->state = IKE_SA_AUTH_WANTED;
	sa->expires = instant_after(now, wait_max);
	sa->is_known_to_owner = true;
	owner->auth_wanted(owner->ctx, sa->handle, &claim);
}

/* <-- HDR, SK { IDi, [N(INITIAL_CONTACT)], [IDr], AUTH, SAi2, TSi, TSr } */
void auth_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now)
{
	struct ike_id wanted_id = { 0 };
	struct auth_payload auth;
	struct notify n;

	sa->path = sa->answering_path;
	/* Without AUTH: EAP, which is not supported (AUT-13). */
	if (p->auth.data == NULL)
		return refuse_proof(sa, IKE_REASON_BAD_SIGNATURE, now);
	if (p->id_i.data == NULL || p->sa.data == NULL || p->ts_i.data == NULL ||
	    p->ts_r.data == NULL || !auth_parse(p->auth, &auth) ||
	    !keep_peer_proof(sa, p->id_i, &auth) || !keep_child_request(sa, p))
		return refuse_syntax(sa, now);
	if (p->id_r.data != NULL && !id_parse(p->id_r, &wanted_id))
		return refuse_syntax(sa, now);
	if (!is_known_method(&auth))
		return refuse_proof(sa, IKE_REASON_BAD_SIGNATURE, now);
	sa->hs->initial_contact = payloads_find_notify(p, NOTIFY_INITIAL_CONTACT, &n);
	ask_owner(sa, &wanted_id, now);
}

void auth_on_permission(struct ike_sa *sa, const struct ike_permission *permission,
                        struct instant now)
{
	struct handshake *hs = sa->hs;

	if (permission->verdict == IKE_VERDICT_UNAUTHENTICATED)
		return refuse_proof(sa, IKE_REASON_NO_KEYS, now);
	hs->permission = *permission;
	hs->permission.keys = NULL;
	if (permission->verdict == IKE_VERDICT_NO_CHILD && hs->child_error == 0)
		hs->child_error = NOTIFY_TS_UNACCEPTABLE;
	keep_keys(hs, permission->keys, permission->key_count);
	sa->state = IKE_SA_REQUEST_CHECKING;
	sa->expires = instant_after(now, wait_max);
	if (!start_checking(sa, permission->peer_psk))
		refuse_proof(sa, IKE_REASON_NO_KEYS, now);
}

static void on_request_checked(struct ike_sa *sa, struct bytes result, struct instant now)
{
	if (!is_proven(sa, result))
		return refuse_proof(sa, IKE_REASON_BAD_SIGNATURE, now);
	sa->state = IKE_SA_RESPONSE_MAKING;
	if (!start_making(sa, &sa->hs->permission.self))
		refuse_proof(sa, IKE_REASON_NO_PROPOSAL, now);
}

/* The CHILD SA as granted; 0, or the error that stands in its place. */
static uint16_t grant_child(struct ike_sa *sa)
{
	struct handshake *hs = sa->hs;
	const struct ike_permission *permission = &hs->permission;
	const struct child_recipe recipe = {
		.spi_in = hs->spi_in,
		.choice = &hs->child->choice,
		.nonce_i = nonce_view(&hs->nonce_i),
		.nonce_r = nonce_view(&hs->nonce_r),
		.local = &permission->ours,
		.remote = &permission->peer,
		.tag = permission->tag,
	};

	if (hs->child_error != 0)
		return hs->child_error;
	if (!children_may_grant(hs->child, permission))
		return NOTIFY_TS_UNACCEPTABLE;
	if (!children_add(sa, &recipe))
		return NOTIFY_NO_ADDITIONAL_SAS;
	return 0;
}

static void add_child_answer(struct message_writer *m, const struct ike_sa *sa)
{
	const struct handshake *hs = sa->hs;

	proposals_write_choice(payload_start(m, PAYLOAD_SA), &hs->child->choice, hs->spi_in, 4);
	payload_end(m);
	add_ts(m, PAYLOAD_TS_I, &hs->permission.peer);
	add_ts(m, PAYLOAD_TS_R, &hs->permission.ours);
}

/* --> HDR, SK { IDr, AUTH, SAr2, TSi, TSr }; the CHILD SA is installed before (TS-13) */
static void on_own_response_auth(struct ike_sa *sa, struct bytes proof, struct instant now)
{
	struct handshake *hs = sa->hs;
	uint8_t inner[INNER_MAX];
	struct message_writer m;
	uint16_t error;

	if (proof.len == 0)
		return refuse_proof(sa, IKE_REASON_LOCAL, now);
	message_start_inner(&m, inner, sizeof(inner));
	message_add(&m, PAYLOAD_ID_R, buf_view(&hs->id_body));
	add_auth(&m, sa, hs->permission.self.auth, proof);
	if (hs->initial_contact)
		drop_others(sa);
	ike_sa_up(sa, now);
	hs->spi_in = sa->ike->ports.new_spi(sa->ike->ports.ctx);
	error = grant_child(sa);
	if (error != 0)
		message_add_notify(&m, error, (struct bytes){ 0 });
	else
		add_child_answer(&m, sa);
	response_send(sa, &m);
	ike_sa_drop_handshake(sa);
}

void auth_on_job(struct ike_sa *sa, struct bytes result, struct instant now)
{
	switch (sa->state) {
	case IKE_SA_AUTH_MAKING:
		return on_own_auth(sa, result, now);
	case IKE_SA_RESPONSE_CHECKING:
		return on_peer_checked(sa, result, now);
	case IKE_SA_REQUEST_CHECKING:
		return on_request_checked(sa, result, now);
	case IKE_SA_RESPONSE_MAKING:
		return on_own_response_auth(sa, result, now);
	case IKE_SA_INIT_SENT:
	case IKE_SA_AUTH_SENT:
	case IKE_SA_KEYS_WANTED:
	case IKE_SA_INIT_ANSWERED:
	case IKE_SA_AUTH_WANTED:
	case IKE_SA_UP:
	case IKE_SA_CLOSING:
	case IKE_SA_LINGERING:
	case IKE_SA_DEAD:
		break;
	}
	assert(!"a job in a state without one");
}
