/*
 * Two IKE endpoints that know a secret, driven by a script of octets: datagrams pass, get lost,
 * come twice, are damaged or made up, well sealed nonsense arrives, time goes by, owners order and
 * delete.
 *
 * The oracle: no assert breaks; every wish ends in exactly one child or one failure; what comes up
 * goes away; and once both ends have shut down nothing is left of any of it.
 */
#include <stdint.h>

#include "crypto/kem_bed.h"
#include "ike/pieces.h"
#include "ike/two_ends.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 100, WAITING_MAX = 32 };

static struct two_ends t;

/* What the owners were told, summed up. */
static struct tally {
	size_t wishes;
	size_t granted;
	size_t failed;
	size_t handles;
	size_t sas_gone;
	size_t children;
	size_t children_gone;
} tally;

static ike_handle last_sa[2];
static struct child_sa last_child[2];

static void take_news(struct end *end)
{
	for (size_t i = 0; i < end->news_count; i++) {
		const struct news *news = &end->news[i];

		switch (news->kind) {
		case NEWS_SA_UP:
			last_sa[end->side] = news->sa;
			break;
		case NEWS_CHILD_UP:
			tally.children++;
			tally.granted += news->tag != 0;
			last_child[end->side].spi_in = news->child.spi_in;
			break;
		case NEWS_CHILD_GONE:
			tally.children_gone++;
			break;
		case NEWS_CHILD_FAILED:
			tally.failed++;
			break;
		case NEWS_REFUSED_UNPROVEN:
			break;
		case NEWS_SA_GONE:
			tally.sas_gone++;
			break;
		}
	}
}

static void rest(void)
{
	settle(&t);
	take_news(&t.end[WEST]);
	take_news(&t.end[EAST]);
	forget_news(&t);
	for (int side = WEST; side <= EAST; side++) {
		while (t.end[side].out_count > WAITING_MAX)
			lose(&t, (enum side)side);
	}
}

static struct ike_sa *some_sa(enum side side)
{
	struct hash_node *node = hash_walk(&t.end[side].ike->by_handle, NULL);

	return node == NULL ? NULL : CONTAINER_OF(node, struct ike_sa, handle_node);
}

static void damage(struct reader *r, enum side from)
{
	size_t at = read_be16(r);
	uint8_t bits = read_u8(r);
	struct buf *datagram;

	if (t.end[from].out_count == 0)
		return;
	datagram = &first_out(&t, from)->datagram;
	datagram->data[at % datagram->len] ^= bits;
}

static void make_up(struct reader *r, enum side to)
{
	struct path path = path_to(&t, to, read_u8(r));

	inject(&t, to, &path, read_bytes(r, read_u8(r)));
}

/* A request or response sealed with the keys of an SA the other end has. */
static void seal_nonsense(struct reader *r, enum side to)
{
	struct ike_sa *sa = some_sa(to == WEST ? EAST : WEST);
	uint8_t exchange = read_u8(r);
	uint8_t flags = read_u8(r) & IKE_FLAG_RESPONSE;
	uint32_t id = read_u8(r);
	uint8_t first = read_u8(r);
	struct bytes inner = read_bytes(r, read_u8(r));
	struct path path = path_to(&t, to, exchange);
	struct buf datagram;

	if (sa == NULL || sa->sk.out == NULL)
		return;
	datagram = seal_as(sa, exchange, flags | (sa->is_initiator ? IKE_FLAG_INITIATOR : 0), id,
	                   first, inner);
	inject(&t, to, &path, buf_view(&datagram));
	buf_free(&datagram);
}

static void begin(enum side side)
{
	tally.wishes++;
	tally.handles++;
	initiate(&t, side);
}

static void wish(enum side side, uint8_t host)
{
	struct ip address = ip_v4(10, 1, 1, host);
	struct traffic_selector ts = { .range = range_of_ip(&address), .port_last = 65535 };

	tally.wishes++;
	ike_create_child(t.end[side].ike, last_sa[side], &ts, &ts, 1 + host, t.now);
}

/* Its next IKE SAs cut messages small, and it has much to say. */
static void cut_small(struct end *end)
{
	end->ike->settings.ip_size = PIECES_IP_SMALL;
	end->self.id = (struct ike_id){ .type = ID_FQDN, .len = 250 };
	memset(end->self.id.data, 'x', end->self.id.len);
}

/* For a second. */
static void ask_for_cookies(struct end *end)
{
	for (unsigned i = 0; i < GATE_REFUSED; i++)
		gate_note_refusal(end->ike, t.now);
}

/* Hints, moves and NATs: what makes an end ask, follow or keep a mapping open. */
static void disturb(struct reader *r, enum side side)
{
	struct end *end = &t.end[side], *peer = &t.end[!side];
	struct path path = { { end->address, 4500 }, { peer->address, 4500 } };
	uint8_t how = read_u8(r);
	struct ike_sa *sa = some_sa(side);

	switch (how & 7) {
	case 0:
		ike_hint(end->ike, &peer->address, t.now);
		break;
	case 1:
		ike_hint_sa(end->ike, last_sa[side], t.now);
		break;
	case 2:
		ike_on_unknown_spi(end->ike, &path, last_child[!side].spi_in, t.now);
		break;
	case 3:
		ike_on_unknown_spi(end->ike, &path, read_be32(r), t.now);
		break;
	case 4:
		path.remote.port = (uint16_t)(4500 + (how >> 4));
		ike_peer_moved(end->ike, last_sa[side], &path, t.now);
		break;
	case 5:
		end->traffic = (struct ike_traffic){ { t.now.ns >> (how >> 4) }, t.now };
		break;
	case 6:
		end->late_tokens = !end->late_tokens;
		break;
	default:
		if (sa != NULL)
			sa->nat.we_behind_nat = !sa->nat.we_behind_nat;
	}
}

/* The first one, whatever it was made into: pass() wants to know what it is. */
static void deliver(enum side side)
{
	if (t.end[side].out_count == 0)
		return;
	repeat(&t, side);
	lose(&t, side);
}

static void step(struct reader *r)
{
	uint8_t op = read_u8(r);
	enum side side = op & 1 ? EAST : WEST;
	struct end *end = &t.end[side];

	switch (op >> 1) {
	case 0:
		begin(side);
		break;
	case 1:
		deliver(side);
		break;
	case 2:
		if (end->out_count > 0)
			repeat(&t, side);
		break;
	case 3:
		if (end->out_count > 0)
			lose(&t, side);
		break;
	case 4:
		damage(r, side);
		break;
	case 5:
		make_up(r, side);
		break;
	case 6:
		seal_nonsense(r, side);
		break;
	case 7:
		wait_ms(&t, read_be16(r));
		break;
	case 8:
		wish(side, read_u8(r));
		break;
	case 9:
		ike_delete_child(end->ike, last_sa[side], last_child[side].spi_in, t.now);
		break;
	case 10:
		ike_delete(end->ike, last_sa[side], t.now);
		break;
	case 11:
		end->verdict = (enum ike_verdict)(read_u8(r) % 3);
		break;
	case 12:
		end->child_verdict = (enum ike_verdict)(read_u8(r) % 3);
		break;
	case 13:
		end->holds_answers = !end->holds_answers && end->question_count < QUESTIONS_MAX / 2;
		break;
	case 100:
		cut_small(end);
		break;
	case 101:
		ask_for_cookies(end);
		break;
	case 102:
		disturb(r, side);
		break;
	case 103:
		end->ike->settings.kem = kem_bed(); /* of IKE SAs to come */
		break;
	case 104:
		ike_rekey_child(end->ike, last_sa[side], last_child[side].spi_in, t.now);
		break;
	case 105:
		ike_rekey(end->ike, last_sa[side], t.now);
		break;
	default:
		pass_all(&t);
	}
}

/* Wishes refused at once have no handle; all others were given one by ike_initiate() or asked for
 * by auth_wanted, and the latter are known only by their end. */
static void check_the_end(void)
{
	for (int side = WEST; side <= EAST; side++) {
		t.end[side].holds_answers = false;
		ike_shutdown(t.end[side].ike, t.now);
	}
	for (int i = 0; i < 300; i++) {
		rest();
		live_ms(&t, 1000);
	}
	rest();
	assert_int_equal(tally.granted + tally.failed, tally.wishes);
	assert_int_equal(tally.children, tally.children_gone);
	assert_true(tally.sas_gone >= tally.handles);
	expect_nothing_left(&t);
	assert_int_equal(t.end[WEST].ike->by_handle.count + t.end[EAST].ike->by_handle.count, 0);
	assert_int_equal(t.end[WEST].ike->half_opens.count + t.end[EAST].ike->half_opens.count, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(BYTES(data, size));

	tally = (struct tally){ 0 };
	memset(last_sa, 0, sizeof(last_sa));
	memset(last_child, 0, sizeof(last_child));
	two_ends_init(&t, KEY_ED25519);
	t.end[WEST].self.auth = IKE_AUTH_PSK;
	t.end[EAST].self.auth = IKE_AUTH_PSK;
	for (int i = 0; i < STEPS_MAX && reader_left(&r) > 0; i++) {
		step(&r);
		rest();
	}
	check_the_end();
	two_ends_wipe(&t);
	return 0;
}
