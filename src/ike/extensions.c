#include "ike/extensions.h"

#include "ike/ppk.h"

/* Says that the two NAT traversal ports may carry ESP without a NAT (NAT-12). */
static const uint8_t vendor_id[16] = { 0x9b, 0x7e, 0x1c, 0x42, 0xd5, 0x0a, 0x63, 0xf8,
	                               0x2e, 0xb1, 0x77, 0x94, 0x0d, 0xc6, 0x58, 0x31 };

static bool has_our_vendor_id(const struct payloads *p)
{
	struct bytes id;

	for (size_t at = 0; payloads_next_vendor_id(p, &at, &id);) {
		if (bytes_equal(id, BYTES_OF(vendor_id)))
			return true;
	}
	return false;
}

static void add_hashes(struct message_writer *m)
{
	uint8_t data[32];
	struct writer w = writer_on(data, sizeof(data));

	hash_set_write(&w, HASH_SET_OURS);
	message_add_notify(m, NOTIFY_SIGNATURE_HASH_ALGORITHMS, writer_view(&w));
}

bool extensions_write(struct message_writer *m, const struct ike_sa *sa)
{
	if (!nat_add_notifies(m, sa->spi_i, sa->spi_r, &sa->path, sa->profile->encapsulation))
		return false;
	message_add_notify(m, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, (struct bytes){ 0 });
	add_hashes(m);
	ppk_add_support(m, sa);
	message_add(m, PAYLOAD_VENDOR_ID, BYTES_OF(vendor_id));
	return true;
}

void extensions_note(struct ike_sa *sa, const struct path *path, uint64_t spi_r,
                     const struct payloads *p)
{
	struct handshake *hs = sa->hs;
	struct notify hashes;

	sa->nat = nat_check(p, sa->spi_i, spi_r, path);
	sa->peer_is_wildswan = has_our_vendor_id(p);
	ppk_note_support(sa, p);
	hs->peer_hashes = 0;
	sa->cuts = payloads_find_notify(p, NOTIFY_IKEV2_FRAGMENTATION_SUPPORTED, &hashes);
	hs->peer_takes_childless =
	    payloads_find_notify(p, NOTIFY_CHILDLESS_IKEV2_SUPPORTED, &hashes);
	if (payloads_find_notify(p, NOTIFY_SIGNATURE_HASH_ALGORITHMS, &hashes))
		hs->peer_hashes = hash_set_parse(hashes.data);
}
