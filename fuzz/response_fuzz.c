/* DNS response: whatever parses has its records inside the packet, and few of them. */
#include "resolver/response.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct response m;

	if (!response_parse(BYTES(data, size), "a.example", DNS_TYPE_TXT, &m))
		return 0;
	assert(m.count <= RESPONSE_RECORDS_MAX);
	assert((m.status == DNS_FOUND) == (m.count > 0));
	for (size_t i = 0; i < m.count; i++) {
		assert(m.rdata[i].data >= data);
		assert(m.rdata[i].data + m.rdata[i].len <= data + size);
	}
	return 0;
}
