#include "engine/userspace/knock.h"

/* RFC 7296 sections 3.1 and 2.6: a cookie comes back in a Notify in front. */
enum { SPI_R_AT = 8, FIRST_PAYLOAD_AT = 16, EXCHANGE_AT = 18, HEADER_LEN = 28 };
enum { EXCHANGE_INIT = 34, PAYLOAD_NOTIFY = 41 };

bool knock_is_bare(struct bytes datagram)
{
	static const uint8_t none[8];

	return datagram.len < HEADER_LEN ||
	       (memcmp(datagram.data + SPI_R_AT, none, sizeof(none)) == 0 &&
	        datagram.data[EXCHANGE_AT] == EXCHANGE_INIT &&
	        datagram.data[FIRST_PAYLOAD_AT] != PAYLOAD_NOTIFY);
}
