#include "ike/children.h"

#include <assert.h>
#include <stdlib.h>

#include "ike/collision.h"

struct child *children_find_in(const struct ike_sa *sa, uint32_t spi_in)
{
	struct child *child = sa->children;

	while (child != NULL && child->spi_in != spi_in)
		child = child->next;
	return child;
}

uint32_t children_new_spi(const struct ike_sa *sa)
{
	const struct ike_ports *ports = &sa->ike->ports;
	uint32_t spi;

	do
		spi = ports->new_spi(ports->ctx);
	while (children_find_in(sa, spi) != NULL);
	return spi;
}

struct child *children_find_out(const struct ike_sa *sa, uint32_t spi_out)
{
	struct child *child = sa->children;

	while (child != NULL && child->spi_out != spi_out)
		child = child->next;
	return child;
}

void children_remove(struct ike_sa *sa, struct child *child)
{
	struct child **at = &sa->children;

	while (*at != child)
		at = &(*at)->next;
	*at = child->next;
	sa->child_count--;
	child_free(child);
}

void child_free(struct child *child)
{
	selectors_free(&child->more_local);
	selectors_free(&child->more_remote);
	buf_free(&child->heir_nonce);
	free(child);
}

struct instant children_due(const struct ike_sa *sa)
{
	struct instant due = INSTANT_NEVER;

	for (const struct child *child = sa->children; child != NULL; child = child->next)
		due = instant_min(due, lifetime_due(&child->life));
	return due;
}

bool children_have_room(const struct ike_sa *sa)
{
	return sa->child_count < IKE_SA_CHILDREN_MAX;
}

bool children_have_room_to_rekey(const struct ike_sa *sa)
{
	return sa->child_count < 2 * IKE_SA_CHILDREN_MAX;
}

bool child_spi_is_valid(uint64_t spi)
{
	return spi >= 256 && spi <= UINT32_MAX;
}

/*
 * RFC 7296 section 2.23 wants UDP around ESP where there is a NAT, and leaves it to each side where
 * there is none. Between gateways like us it is there always: what one of us sends the other takes.
 * A peer of another make gets plain ESP, because its kernel would drop what its SA does not expect
 * (NAT-12).
 */
static bool wants_udp(const struct ike_sa *sa)
{
	return sa->nat.we_behind_nat || sa->nat.peer_behind_nat || sa->peer_is_wildswan ||
	       sa->profile->encapsulation;
}

/* UDP goes between the two NAT traversal ports, as IKE does from IKE_AUTH on (NAT-8). */
static void set_path(const struct ike_sa *sa, struct child_sa *child)
{
	child->path = sa->path;
	if (child->path.local.port == sa->ike->settings.port)
		child->path.local.port = sa->ike->settings.nat_port;
	if (child->path.remote.port == sa->ike->settings.port)
		child->path.remote.port = sa->ike->settings.nat_port;
	child->udp_encapsulation = wants_udp(sa);
}

static void child_remember(struct ike_sa *sa, const struct child_sa *up, bool is_initiator,
                           struct instant now)
{
	const struct ike_lifetimes *how = &sa->profile->life;
	struct child *child = new_zeroed(sizeof(*child));

	child->spi_in = up->spi_in;
	child->spi_out = up->spi_out;
	child->since = now;
	child->local = up->local;
	child->remote = up->remote;
	child->more_local = selectors_copy(up->more_local);
	child->more_remote = selectors_copy(up->more_remote);
	lifetime_start(&child->life, how->child_s, how, is_initiator, ike_random_octet(sa->ike),
	               now);
	child->next = sa->children;
	sa->children = child;
	sa->child_count++;
}

static bool is_only(const struct traffic_selector *ts, struct selectors more,
                    const struct ip *address)
{
	return more.count == 0 && range_is_single(&ts->range) &&
	       ip_equal(&ts->range.first, address);
}

/*
 * Between the two ends of the path themselves, and not through a NAT: there the checksums inside
 * would be about other addresses (RFC 3948 section 3.1.2). Never for opportunistic tunnels, whose
 * profile does not want it (RFC 4322 section 4.6.2).
 */
static bool may_be_transport(const struct ike_sa *sa, const struct traffic_selector *local,
                             struct selectors more_local, const struct traffic_selector *remote,
                             struct selectors more_remote)
{
	return sa->profile->transport && !sa->nat.we_behind_nat && !sa->nat.peer_behind_nat &&
	       is_only(local, more_local, &sa->path.local.address) &&
	       is_only(remote, more_remote, &sa->path.remote.address);
}

bool children_has_transport(const struct payloads *p)
{
	struct notify n;

	return payloads_find_notify(p, NOTIFY_USE_TRANSPORT_MODE, &n);
}

void children_ask_transport(struct message_writer *m, const struct ike_sa *sa,
                            const struct traffic_selector *local, struct selectors more_local,
                            const struct traffic_selector *remote, struct selectors more_remote)
{
	if (may_be_transport(sa, local, more_local, remote, more_remote))
		message_add_notify(m, NOTIFY_USE_TRANSPORT_MODE, (struct bytes){ 0 });
}

static void log_child(const struct ike_sa *sa, const struct child_sa *child, bool has_kem)
{
	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: child esp0x%x %s <=> %s, %s%s%s",
	         ip_text(&sa->path.remote.address).s, (unsigned)child->spi_out,
	         range_text(&child->local.range).s, range_text(&child->remote.range).s,
	         aead_name(child->cipher), has_kem ? ", ML-KEM-768" : "",
	         child->is_transport ? ", transport mode" : "");
}

/* With the eighth beyond it still below 2^32 blocks of 16 octets. */
#define CBC_OCTETS_SOFT (((uint64_t)1 << 36) / 9 * 8)

static uint64_t lower_limit(uint64_t a, uint64_t b)
{
	return b != 0 && b < a ? b : a;
}

/*
 * Soft limits as the profile says; the hard ones are an eighth above them, which is time to rekey
 * at any speed. Sequence numbers of 32 bits are a hard limit of their own (RFC 4303 section 3.3.3).
 */
static void set_limits(const struct ike_sa *sa, struct child_sa *child)
{
	const struct ike_lifetimes *how = &sa->profile->life;
	const uint64_t most = (uint64_t)1 << 62;
	bool is_cbc = aead_shape(child->cipher)->mac_key_len > 0;

	child->soft.packets =
	    lower_limit(child->is_esn ? most : UINT32_MAX / 9 * 8, how->child_packets);
	/* CIP-7: no more than 2^32 blocks of CBC under one key, where blocks begin to meet. */
	child->soft.octets = lower_limit(is_cbc ? CBC_OCTETS_SOFT : most, how->child_octets);
	child->hard.packets = child->soft.packets + (child->soft.packets + 7) / 8;
	child->hard.octets = child->soft.octets + (child->soft.octets + 7) / 8;
	if (!how->rekey)
		child->soft = (struct child_limits){ 0 };
}

static void set_mark(struct child_sa *child, struct bytes lowest)
{
	assert(lowest.len >= CHILD_MARK_LEN); /* PLD-22 */
	memcpy(child->mark, lowest.data, CHILD_MARK_LEN);
}

bool children_add(struct ike_sa *sa, const struct child_recipe *recipe, struct instant now)
{
	const struct ike_owner *owner = &sa->ike->owner;
	CLEANUP(child_keys_wipe) struct child_keys keys = { 0 };
	CLEANUP(child_sa_wipe)
	struct child_sa child = {
		.spi_in = recipe->spi_in,
		.spi_out = (uint32_t)recipe->choice->spi,
		.cipher = recipe->choice->suite.cipher,
		.is_esn = recipe->choice->suite.is_esn,
		.local = *recipe->local,
		.remote = *recipe->remote,
		.more_local = recipe->more_local,
		.more_remote = recipe->more_remote,
		.replaces = recipe->replaces,
		.start = recipe->start,
	};

	assert(recipe->replaces == 0 ? children_have_room(sa) : children_have_room_to_rekey(sa));
	if (!child_keys_derive(sa->suite.prf, child.cipher, &sa->keys.sk_d, recipe->shared,
	                       recipe->additional, recipe->nonce_i, recipe->nonce_r, &keys))
		return false;
	child.key_out = secret_move(recipe->is_exchange_initiator ? &keys.i_to_r : &keys.r_to_i);
	child.key_in = secret_move(recipe->is_exchange_initiator ? &keys.r_to_i : &keys.i_to_r);
	set_path(sa, &child);
	set_mark(&child, collision_lowest(recipe->nonce_i, recipe->nonce_r));
	set_limits(sa, &child);
	child.copies_dscp = sa->profile->copies_dscp;
	child.is_transport =
	    recipe->has_transport &&
	    may_be_transport(sa, &child.local, child.more_local, &child.remote, child.more_remote);
	child_remember(sa, &child, recipe->is_exchange_initiator, now);
	sa->expires = INSTANT_NEVER;
	log_child(sa, &child, recipe->additional != NULL);
	owner->child_up(owner->ctx, sa->handle, recipe->tag, &child);
	return true;
}

struct selectors children_more(const struct ts_list *list)
{
	if (list->count <= 1)
		return (struct selectors){ 0 };
	return (struct selectors){ &list->selectors[1], list->count - 1 };
}

static const struct traffic_selector *nth(const struct traffic_selector *first,
                                          struct selectors more, size_t i)
{
	return i == 0 ? first : &more.list[i - 1];
}

typedef bool (*ts_relation)(const struct traffic_selector *, const struct traffic_selector *);

static bool fits_any(const struct traffic_selector *ts, const struct traffic_selector *asked,
                     struct selectors more, ts_relation fits)
{
	for (size_t i = 0; i <= more.count; i++)
		if (fits(ts, nth(asked, more, i)))
			return true;
	return false;
}

/* Fewer addresses, but not fewer protocols or ports: what is sent into it goes by addresses. */
static bool is_part_of(const struct traffic_selector *ts, const struct traffic_selector *asked)
{
	return ts_within(ts, asked) && ts->protocol == asked->protocol &&
	       ts->port_first == asked->port_first && ts->port_last == asked->port_last;
}

void children_merge_answer(struct child_terms *terms)
{
	ts_merge(&terms->ts_i);
	ts_merge(&terms->ts_r);
}

bool children_ts_fit(const struct ts_list *answer, const struct traffic_selector *asked,
                     struct selectors more, bool is_exact)
{
	if (answer->count == 0 || answer->unknown > 0 ||
	    (is_exact && answer->count != 1 + more.count))
		return false;
	for (size_t i = 0; i < answer->count; i++) {
		if (!fits_any(&answer->selectors[i], asked, more, is_exact ? ts_equal : is_part_of))
			return false;
	}
	return true;
}

static bool is_offered(const struct traffic_selector *granted, const struct ts_list *offered)
{
	for (size_t i = 0; i < offered->count; i++) {
		if (ts_within(granted, &offered->selectors[i]))
			return true;
	}
	return false;
}

static bool are_offered(const struct traffic_selector *first, struct selectors more,
                        const struct ts_list *offered)
{
	for (size_t i = 0; i <= more.count; i++) {
		if (!is_offered(nth(first, more, i), offered))
			return false;
	}
	return true;
}

bool children_may_grant(const struct child_terms *terms, const struct ike_permission *permission)
{
	return are_offered(&permission->peer, permission->more_peer, &terms->ts_i) &&
	       are_offered(&permission->ours, permission->more_ours, &terms->ts_r);
}

/* Is something of what was offered outside of what is granted? */
static bool is_cut(const struct ts_list *offered, const struct traffic_selector *first,
                   struct selectors more)
{
	for (size_t i = 0; i < offered->count; i++) {
		if (!fits_any(&offered->selectors[i], first, more, ts_within))
			return true;
	}
	return offered->unknown > 0;
}

void children_add_granted(struct message_writer *m, const struct ike_sa *sa,
                          const struct child_terms *terms, const struct ike_permission *permission)
{
	if (terms->has_transport && may_be_transport(sa, &permission->ours, permission->more_ours,
	                                             &permission->peer, permission->more_peer))
		message_add_notify(m, NOTIFY_USE_TRANSPORT_MODE, (struct bytes){ 0 });
	children_add_ts(m, PAYLOAD_TS_I, &permission->peer, permission->more_peer);
	children_add_ts(m, PAYLOAD_TS_R, &permission->ours, permission->more_ours);
	if (is_cut(&terms->ts_i, &permission->peer, permission->more_peer) ||
	    is_cut(&terms->ts_r, &permission->ours, permission->more_ours))
		message_add_notify(m, NOTIFY_ADDITIONAL_TS_POSSIBLE, (struct bytes){ 0 });
}

void children_claim(struct ike_claim *claim, const struct child_terms *terms)
{
	claim->is_childless = terms == NULL;
	if (terms == NULL)
		return;
	if (terms->ts_i.count > 0)
		claim->peer = terms->ts_i.selectors[0];
	if (terms->ts_r.count > 0)
		claim->ours = terms->ts_r.selectors[0];
	claim->more_peer = children_more(&terms->ts_i);
	claim->more_ours = children_more(&terms->ts_r);
	claim->is_single_pair = ts_is_single_pair(&terms->ts_i, &terms->ts_r);
}

void children_fail(const struct ike_sa *sa, uint64_t tag, enum ike_reason reason, bool proven)
{
	const struct ike_owner *owner = &sa->ike->owner;

	log_line(&sa->ike->settings.log, LOG_INFO, "ike %s: no child: %s",
	         ip_text(&sa->path.remote.address).s, ike_reason_text(reason));
	owner->child_failed(owner->ctx, sa->handle, tag, reason, proven);
}

enum ike_reason children_reason(uint16_t notify)
{
	switch (notify) {
	case NOTIFY_AUTHENTICATION_FAILED:
		return IKE_REASON_AUTHENTICATION_FAILED;
	case NOTIFY_TS_UNACCEPTABLE:
		return IKE_REASON_TS_UNACCEPTABLE;
	case NOTIFY_SINGLE_PAIR_REQUIRED:
		return IKE_REASON_SINGLE_PAIR;
	case NOTIFY_NO_ADDITIONAL_SAS:
		return IKE_REASON_NO_MORE_CHILDREN;
	case NOTIFY_NO_PROPOSAL_CHOSEN:
		return IKE_REASON_NO_PROPOSAL;
	default:
		return IKE_REASON_REFUSED; /* an error we do not know is one too (ERR-10) */
	}
}

/* `front`, unless it is NULL, before the others. */
static void add_ts(struct message_writer *m, uint8_t type, const struct traffic_selector *front,
                   const struct traffic_selector *ts, struct selectors more)
{
	struct traffic_selector all[TS_MAX];
	size_t count = 0;

	assert(more.count + (front != NULL) < TS_MAX);
	if (front != NULL)
		all[count++] = *front;
	all[count++] = *ts;
	for (size_t i = 0; i < more.count; i++)
		all[count++] = more.list[i];
	ts_write(payload_start(m, type), all, count);
	payload_end(m);
}

void children_add_wanted(struct message_writer *m, const struct ike_packet *packet,
                         const struct traffic_selector *local, struct selectors more_local,
                         const struct traffic_selector *remote, struct selectors more_remote)
{
	bool is_named = packet->source.family != IP_NONE;
	struct traffic_selector from = ts_of_packet(&packet->source, packet->protocol,
	                                            packet->has_ports, packet->source_port);
	struct traffic_selector to = ts_of_packet(&packet->destination, packet->protocol,
	                                          packet->has_ports, packet->destination_port);

	add_ts(m, PAYLOAD_TS_I, is_named ? &from : NULL, local, more_local);
	add_ts(m, PAYLOAD_TS_R, is_named ? &to : NULL, remote, more_remote);
}

void children_add_ts(struct message_writer *m, uint8_t type, const struct traffic_selector *ts,
                     struct selectors more)
{
	add_ts(m, type, NULL, ts, more);
}
