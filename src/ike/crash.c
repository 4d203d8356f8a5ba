#include "ike/crash.h"

#include "ike/request.h"

static void start_job(struct ike *ike, uint64_t job_id, uint64_t spi_i, uint64_t spi_r)
{
	uint8_t spis[16];
	struct writer w = writer_on(spis, sizeof(spis));
	const struct crypto_job job = { .kind = CRYPTO_JOB_QCD_TOKEN, .data = BYTES_OF(spis) };

	write_be64(&w, spi_i);
	write_be64(&w, spi_r);
	ike->ports.start_job(ike->ports.ctx, job_id, &job);
}

/*
 * Making
 */

void crash_start_token(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;

	crash_stop(sa);
	sa->token_job = ++ike->last_job;
	hash_add(&ike->by_token_job, &sa->token_node,
	         hash_octets(&ike->by_token_job, &sa->token_job, sizeof(sa->token_job)));
	start_job(ike, sa->token_job, sa->spi_i, sa->spi_r);
}

void crash_stop(struct ike_sa *sa)
{
	if (sa->token_job != 0)
		hash_remove(&sa->ike->by_token_job, &sa->token_node);
	sa->token_job = 0;
}

static struct ike_sa *find_job(const struct ike *ike, uint64_t job)
{
	struct hash_node *node =
	    hash_first(&ike->by_token_job, hash_octets(&ike->by_token_job, &job, sizeof(job)));

	for (; node != NULL; node = hash_following(node)) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, token_node);

		if (sa->token_job == job)
			return sa;
	}
	return NULL;
}

/* In IKE_AUTH, if that has not left yet; else on its own. */
static void take_own_token(struct ike_sa *sa, struct bytes token, struct instant now)
{
	struct request *request;

	crash_stop(sa);
	if (token.len != CRASH_TOKEN_LEN || sa->state == IKE_SA_DEAD)
		return;
	if (sa->hs != NULL) {
		buf_free(&sa->hs->token);
		sa->hs->token = buf_copy(token);
	}
	if (sa->state != IKE_SA_UP && sa->state != IKE_SA_AUTH_SENT)
		return;
	request = request_new(REQUEST_NOTIFY);
	request->notify = NOTIFY_QUICK_CRASH_DETECTION;
	request->data = buf_copy(token);
	request_add(sa, request, now);
	ike_settle(sa);
}

void crash_add_token(struct ike_sa *sa, struct message_writer *m)
{
	if (sa->hs->token.data != NULL)
		message_add_notify(m, NOTIFY_QUICK_CRASH_DETECTION, buf_view(&sa->hs->token));
}

/*
 * Taking
 */

void crash_keep_token(struct ike_sa *sa, const struct payloads *p)
{
	struct notify n;

	if (!payloads_find_notify(p, NOTIFY_QUICK_CRASH_DETECTION, &n) ||
	    n.data.len < CRASH_TOKEN_MIN || n.data.len > CRASH_TOKEN_MAX)
		return;
	buf_free(&sa->peer_token);
	sa->peer_token = buf_copy(n.data);
}

bool crash_is_proven(const struct ike_sa *sa, const struct payloads *p)
{
	struct notify n;

	return sa->state == IKE_SA_UP && sa->peer_token.data != NULL &&
	       payloads_find_notify(p, NOTIFY_QUICK_CRASH_DETECTION, &n) &&
	       secret_equal(n.data, buf_view(&sa->peer_token));
}

/*
 * After a crash
 */

static void say(struct ike *ike, const struct path *path, const struct ike_header *header,
                struct bytes token)
{
	struct ike_header answer = *header;
	uint8_t octets[IKE_HEADER_LEN + 8 + 8 + CRASH_TOKEN_LEN];
	struct message_writer m;

	answer.version = IKE_VERSION;
	answer.flags = (uint8_t)(IKE_FLAG_RESPONSE | (~header->flags & IKE_FLAG_INITIATOR));
	message_start(&m, octets, sizeof(octets), &answer);
	message_add_notify(&m, NOTIFY_INVALID_IKE_SPI, (struct bytes){ 0 });
	if (token.len > 0)
		message_add_notify(&m, NOTIFY_QUICK_CRASH_DETECTION, token);
	ike->ports.send(ike->ports.ctx, path, message_end(&m));
}

static struct lost_sa *find_lost(struct ike *ike, uint64_t job)
{
	for (size_t i = 0; i < ARRAY_LEN(ike->lost); i++) {
		if (ike->lost[i].job == job)
			return &ike->lost[i];
	}
	return NULL;
}

void crash_answer(struct ike *ike, const struct path *path, const struct ike_header *header)
{
	struct lost_sa *lost = find_lost(ike, 0);
	bool is_ours =
	    ike_find_spi(ike, header->spi_i) != NULL || ike_find_spi(ike, header->spi_r) != NULL;

	if (is_ours || lost == NULL) {
		say(ike, path, header, (struct bytes){ 0 });
		return;
	}
	*lost = (struct lost_sa){ ++ike->last_job, *path, *header };
	start_job(ike, lost->job, header->spi_i, header->spi_r);
}

bool crash_on_job(struct ike *ike, uint64_t job_id, struct bytes result, struct instant now)
{
	struct ike_sa *sa = find_job(ike, job_id);
	struct lost_sa *lost = find_lost(ike, job_id);

	if (sa != NULL) {
		take_own_token(sa, result, now);
		return true;
	}
	if (job_id == 0 || lost == NULL)
		return false;
	say(ike, &lost->path, &lost->header,
	    result.len == CRASH_TOKEN_LEN ? result : (struct bytes){ 0 });
	*lost = (struct lost_sa){ 0 };
	return true;
}
