/* KEY: what parses, written and parsed again, is the same key. */
#include "dns/record.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t rdata[RDATA_MAX];
	struct writer w = writer_on(rdata, sizeof(rdata));
	struct delegation first = { 0 };
	struct delegation second = { 0 };

	if (key_parse(BYTES(data, size), &first) != RECORD_OK)
		return 0;
	assert(first.kind == GATEWAY_NONE && first.has_key);
	assert(key_write(&first.key, &w));
	assert(key_parse(writer_view(&w), &second) == RECORD_OK);
	assert(pubkey_equal(&first.key, &second.key));
	return 0;
}
