#include "ike/gate.h"

#include "ike/endpoint.h"

static void turn(struct gate *gate, struct instant now)
{
	if (gate->is_counting && instant_since(now, gate->since).ns < SECONDS(1).ns)
		return;
	gate->is_counting = true;
	gate->since = now;
	gate->refused = 0;
	gate->costly = 0;
	memset(gate->requests, 0, sizeof(gate->requests));
}

bool gate_is_guarded(struct ike *ike, struct instant now)
{
	turn(&ike->gate, now);
	return ike->half_opens.count >= GATE_HALF_OPEN || ike->gate.refused >= GATE_REFUSED;
}

void gate_note_refusal(struct ike *ike, struct instant now)
{
	turn(&ike->gate, now);
	ike->gate.refused++;
}

bool gate_may_refuse(struct ike *ike, struct instant now)
{
	bool is_proven = gate_is_guarded(ike, now);

	gate_note_refusal(ike, now);
	return is_proven ? ike->gate.refused <= GATE_REFUSED_PROVEN
	                 : ike_may_answer_unprotected(ike, now);
}

static bool is_quick(enum kex_id method)
{
	return method == KEX_X25519 || method == KEX_P256;
}

bool gate_prefers_quick(struct ike *ike, enum kex_id method, struct instant now)
{
	return !is_quick(method) && gate_is_guarded(ike, now);
}

bool gate_may_exchange(struct ike *ike, enum kex_id method, struct instant now)
{
	if (is_quick(method) || !gate_is_guarded(ike, now) ||
	    ike->gate.costly++ < GATE_COSTLY_EXCHANGES)
		return true;
	ike_drop(ike, IKE_DROP_CROWD);
	return false;
}

static void refresh_secret(struct ike *ike, struct instant now)
{
	uint8_t secret[COOKIE_SECRET_LEN];

	if (!cookies_want_secret(&ike->gate.cookies, now))
		return;
	ike->ports.random(ike->ports.ctx, secret, sizeof(secret));
	cookies_turn(&ike->gate.cookies, secret, now);
	secret_wipe(secret, sizeof(secret));
}

/* <-- HDR(SPIi, 0), N(COOKIE) */
static void send_cookie(struct ike *ike, const struct path *path, const struct ike_header *header,
                        const struct cookie_facts *facts)
{
	const struct ike_header answer = {
		.spi_i = header->spi_i,
		.version = IKE_VERSION,
		.exchange = EXCHANGE_IKE_SA_INIT,
		.flags = IKE_FLAG_RESPONSE,
	};
	uint8_t octets[IKE_HEADER_LEN + PAYLOAD_HEADER_LEN + 4 + COOKIE_LEN];
	uint8_t cookie[COOKIE_LEN];
	struct message_writer m;

	if (!cookie_make(&ike->gate.cookies, facts, cookie))
		return;
	message_start(&m, octets, sizeof(octets), &answer);
	message_add_notify(&m, NOTIFY_COOKIE, BYTES_OF(cookie));
	ike->ports.send(ike->ports.ctx, path, message_end(&m));
}

/* One more request of this source; false: too many. */
static bool count_request(struct ike *ike, const struct ip *source)
{
	uint64_t hash = hash_octets(&ike->by_init, source->octets, sizeof(source->octets));
	uint8_t *count = &ike->gate.requests[hash % GATE_COUNTERS];

	if (*count >= GATE_REQUESTS_PER_SOURCE)
		return false;
	++*count;
	return true;
}

static bool has_cookie(struct ike *ike, const struct cookie_facts *facts,
                       const struct init_outline *outline)
{
	return outline->cookie.data != NULL &&
	       cookie_is_good(&ike->gate.cookies, facts, outline->cookie);
}

bool gate_open(struct ike *ike, const struct path *path, const struct ike_header *header,
               struct bytes datagram, struct instant now)
{
	struct init_outline outline;
	struct cookie_facts facts;

	if (!gate_is_guarded(ike, now))
		return true;
	if (!init_outline_parse(datagram, header, &outline)) {
		ike_drop(ike, IKE_DROP_MALFORMED);
		return false;
	}
	facts = (struct cookie_facts){ outline.nonce, path->remote, header->spi_i };
	refresh_secret(ike, now);
	if (!has_cookie(ike, &facts, &outline)) {
		ike_drop(ike, IKE_DROP_COOKIE);
		send_cookie(ike, path, header, &facts);
		return false;
	}
	if (!count_request(ike, &path->remote.address) ||
	    !half_opens_welcome(&ike->half_opens, &path->remote.address)) {
		ike_drop(ike, IKE_DROP_CROWD);
		return false;
	}
	return true;
}
