#include "engine/userspace/icmp.h"

enum { QUOTE_MAX_V4 = 576 - 20 - 8, QUOTE_MAX_V6 = 1280 - 40 - 8 };

bool icmp_may_answer(const struct packet *about)
{
	return !about->is_icmp_error && !about->is_later_fragment &&
	       !ip_is_never_peer(&about->pair.source) &&
	       !ip_is_never_peer(&about->pair.destination);
}

static void write_type(struct writer *w, enum icmp_error error, bool is_v4, size_t mtu)
{
	bool is_too_big = error == ICMP_ERROR_TOO_BIG;

	/* 3/4 and 3/13, or 2/0 and 1/1. */
	write_u8(w, is_v4 ? 3 : is_too_big ? 2 : 1);
	write_u8(w, is_v4 ? (is_too_big ? 4 : 13) : is_too_big ? 0 : 1);
	write_be16(w, 0);
	if (!is_too_big)
		write_be32(w, 0);
	else if (is_v4)
		write_be32(w, mtu > 0xffff ? 0xffff : (uint32_t)mtu); /* RFC 1191 section 4 */
	else
		write_be32(w, (uint32_t)mtu);
}

size_t icmp_write(enum icmp_error error, const struct packet *about, size_t mtu,
                  uint8_t out[ICMP_MESSAGE_MAX])
{
	bool is_v4 = about->version == 4;
	size_t most = is_v4 ? QUOTE_MAX_V4 : QUOTE_MAX_V6;
	size_t quote = about->octets.len < most ? about->octets.len : most;
	struct writer w = writer_on(out, ICMP_MESSAGE_MAX);

	write_type(&w, error, is_v4, mtu);
	write_bytes(&w, BYTES(about->octets.data, quote));
	if (is_v4)
		write_patch_be16(&w, 2, checksum_finish(checksum_add(0, writer_view(&w))));
	return w.len;
}
