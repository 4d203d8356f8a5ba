#pragma once
/*
 * What an ICMP error quotes (RFC 792, RFC 4443 section 3): the begin of the packet it is about.
 *
 * Of interest is by which tunnel that packet came, or would be answered: an error that quotes what
 * came out of a tunnel goes back by the same one and never leaves in the clear (ICM-2 to ICM-4).
 */
#include "engine/userspace/packet.h"

/*
 * The packet that would answer the quoted one: its addresses and ports the other way round, and
 * without octets. False: the error quotes too little to know. Ports behind IPv6 extension headers
 * are not looked for; it is a later fragment then, which has none to show.
 */
MUST_USE bool quote_answer(const struct packet *error, struct packet *answer);
