/* The signer's messages: what parses, written again, is the same octets. */
#include "crypto/signer_wire.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t out[SIGNER_FRAME_MAX];
	struct writer w = writer_on(out, sizeof(out));
	struct signer_message message;
	size_t used;

	if (signer_message_parse(BYTES(data, size), &message, &used) != SIGNER_MESSAGE)
		return 0;
	assert(used <= size);
	assert(signer_message_write(&w, &message));
	assert(bytes_equal(writer_view(&w), BYTES(data, used)));
	return 0;
}
