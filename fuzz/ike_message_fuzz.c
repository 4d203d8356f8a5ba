/*
 * Any datagram as an IKE message. What parses, written and parsed again, is the same message; the
 * chain is also read as inner payloads, and every body by the parser of its type.
 */
#include <assert.h>
#include <stdlib.h>

#include "ike/auth.h"
#include "ike/id.h"
#include "ike/message.h"
#include "ike/nat.h"

static void expect_same(const struct payloads *a, const struct payloads *b)
{
	assert(a->count == b->count && a->sk_first == b->sk_first);
	assert(a->sk_offset == 0 || bytes_equal(a->sk, b->sk));
	for (size_t i = 0; i < a->count; i++) {
		assert(a->all[i].type == b->all[i].type);
		assert(bytes_equal(a->all[i].body, b->all[i].body));
	}
}

/* Unknown payloads are left out of `p`, so the copy may be shorter, never longer. */
static struct bytes write_again(const struct ike_header *h, const struct payloads *p, uint8_t *out,
                                size_t size)
{
	struct message_writer m;

	message_start(&m, out, size, h);
	for (size_t i = 0; i < p->count; i++) {
		uint8_t type = p->all[i].type;

		write_bytes(payload_start(&m, type), p->all[i].body);
		if (type == PAYLOAD_SK || type == PAYLOAD_SKF)
			payload_end_sk(&m, p->sk_first);
		else
			payload_end(&m);
	}
	return message_end(&m);
}

static void read_bodies(const struct payloads *p)
{
	static const struct path path = { .local.address.family = IP_V4,
		                          .remote.address.family = IP_V4 };
	struct notify notify;
	struct delete delete;
	struct bytes vendor;

	for (size_t at = 0; payloads_next_notify(p, &at, &notify);)
		(void)hash_set_parse(notify.data);
	for (size_t at = 0; payloads_next_delete(p, &at, &delete);)
		for (size_t i = 0; i < delete_count(&delete); i++)
			(void)delete_spi(&delete, i);
	for (size_t at = 0; payloads_next_vendor_id(p, &at, &vendor);)
		assert(vendor.data != NULL);
	for (size_t i = 0; i < p->count; i++) {
		struct auth_payload auth;
		struct ike_id id;
		struct ke ke;

		if (id_parse(p->all[i].body, &id))
			assert(strlen(id_text(&id).s) < sizeof(struct id_text));
		if (auth_parse(p->all[i].body, &auth))
			assert(auth.value.len < p->all[i].body.len);
		(void)!ke_parse(p->all[i].body, &ke);
	}
	(void)nat_check(p, 1, 2, &path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes datagram = BYTES(data, size);
	static struct payloads first, second;
	static uint8_t again[IKE_MESSAGE_MAX];
	struct ike_header h, h2;
	struct init_outline outline;

	if (size > 0 &&
	    payloads_parse_inner(data[0], BYTES(data + 1, size - 1), &first) == PAYLOADS_OK)
		read_bodies(&first);
	if (header_parse(datagram, &h) && init_outline_parse(datagram, &h, &outline) &&
	    message_parse(datagram, &h, &first) == PAYLOADS_OK)
		assert(bytes_equal(outline.nonce, first.nonce));
	if (!header_parse(datagram, &h) || message_parse(datagram, &h, &first) != PAYLOADS_OK)
		return 0;
	read_bodies(&first);
	datagram = write_again(&h, &first, again, sizeof(again));
	if (datagram.len == 0) {
		assert(size > IKE_MESSAGE_MAX);
		return 0;
	}
	assert(header_parse(datagram, &h2));
	assert(h2.spi_i == h.spi_i && h2.spi_r == h.spi_r && h2.message_id == h.message_id);
	assert(h2.exchange == h.exchange);
	assert(header_is_response(&h) == header_is_response(&h2));
	assert(message_parse(datagram, &h2, &second) == PAYLOADS_OK);
	expect_same(&first, &second);
	return 0;
}
