#include "ike/nat.h"

bool nat_hash(uint64_t spi_i, uint64_t spi_r, const struct endpoint *endpoint,
              uint8_t out[SHA1_LEN])
{
	uint8_t octets[8 + 8 + 16 + 2];
	struct writer w = writer_on(octets, sizeof(octets));
	struct bytes part;

	write_be64(&w, spi_i);
	write_be64(&w, spi_r);
	write_bytes(&w, ip_octets(&endpoint->address));
	write_be16(&w, endpoint->port);
	part = writer_view(&w);
	return sha1(&part, 1, out);
}

bool nat_add_notifies(struct message_writer *m, uint64_t spi_i, uint64_t spi_r,
                      const struct path *path, bool feigns_nat)
{
	uint8_t source[SHA1_LEN], destination[SHA1_LEN];

	if (!nat_hash(spi_i, spi_r, &path->local, source) ||
	    !nat_hash(spi_i, spi_r, &path->remote, destination))
		return false;
	for (size_t i = 0; feigns_nat && i < sizeof(source); i++)
		source[i] ^= 0xff;
	message_add_notify(m, NOTIFY_NAT_DETECTION_SOURCE_IP, BYTES_OF(source));
	message_add_notify(m, NOTIFY_NAT_DETECTION_DESTINATION_IP, BYTES_OF(destination));
	return true;
}

/* How many notifies of that type there are, and whether one of them is the hash of `endpoint`. */
static size_t count_hashes(const struct payloads *p, uint16_t type, const uint8_t hash[SHA1_LEN],
                           bool *matches)
{
	struct notify n;
	size_t count = 0;

	*matches = false;
	for (size_t at = 0; payloads_next_notify(p, &at, &n);) {
		if (n.type != type)
			continue;
		count++;
		*matches |= bytes_equal(n.data, BYTES(hash, SHA1_LEN));
	}
	return count;
}

struct nat_findings nat_check(const struct payloads *p, uint64_t spi_i, uint64_t spi_r,
                              const struct path *path)
{
	uint8_t theirs[SHA1_LEN], ours[SHA1_LEN];
	bool source_matches, destination_matches;

	if (!nat_hash(spi_i, spi_r, &path->remote, theirs) ||
	    !nat_hash(spi_i, spi_r, &path->local, ours))
		return (struct nat_findings){ 0 };
	/* Several sources are allowed: one match is enough (RFC 7296 section 2.23). */
	if (count_hashes(p, NOTIFY_NAT_DETECTION_SOURCE_IP, theirs, &source_matches) == 0 ||
	    count_hashes(p, NOTIFY_NAT_DETECTION_DESTINATION_IP, ours, &destination_matches) == 0)
		return (struct nat_findings){ 0 };
	return (struct nat_findings){
		.is_supported = true,
		.peer_behind_nat = !source_matches,
		.we_behind_nat = !destination_matches,
	};
}
