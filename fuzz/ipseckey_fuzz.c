/* IPSECKEY: what parses, written and parsed again, is the same delegation. */
#include "dns/record.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t rdata[RDATA_MAX];
	struct writer w = writer_on(rdata, sizeof(rdata));
	struct delegation first = { 0 };
	struct delegation second = { 0 };

	if (ipseckey_parse(BYTES(data, size), &first) != RECORD_OK)
		return 0;
	assert(first.kind != GATEWAY_ADDRESS || !ip_is_never_peer(&first.address));
	assert(ipseckey_write(&first, &w));
	assert(ipseckey_parse(writer_view(&w), &second) == RECORD_OK);
	assert(first.precedence == second.precedence && first.kind == second.kind);
	assert(ip_equal(&first.address, &second.address));
	assert(strcmp(first.name, second.name) == 0);
	assert(first.has_key == second.has_key && pubkey_equal(&first.key, &second.key));
	return 0;
}
