#pragma once
/*
 * NAT detection (RFC 7296 section 2.23).
 */
#include "crypto/prf.h"
#include "ike/message.h"
#include "util/address.h"

/* Data of a NAT_DETECTION notify: SHA-1 of SPIs as in the header, address and port (NAT-4). */
MUST_USE bool nat_hash(uint64_t spi_i, uint64_t spi_r, const struct endpoint *endpoint,
                       uint8_t out[SHA1_LEN]);
/* Both notifies of a message we send along `path`. `feigns_nat`: the source is one that cannot be
 * ours, so that both sides wrap ESP in UDP (NAT-13). */
MUST_USE bool nat_add_notifies(struct message_writer *m, uint64_t spi_i, uint64_t spi_r,
                               const struct path *path, bool feigns_nat);

struct nat_findings {
	bool is_supported; /* the peer sent both kinds */
	bool peer_behind_nat;
	bool we_behind_nat;
};
/* What the notifies of a message that came along `path` say (NAT-5). */
struct nat_findings nat_check(const struct payloads *p, uint64_t spi_i, uint64_t spi_r,
                              const struct path *path);
