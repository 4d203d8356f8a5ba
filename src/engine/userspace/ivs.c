#include "engine/userspace/ivs.h"

#include <sys/random.h>

/* Larger draws than 256 octets may be cut by a signal. */
static bool draw(uint8_t *out, size_t len)
{
	while (len > 0) {
		ssize_t got = getrandom(out, len, 0);

		if (got <= 0)
			return false;
		out += got;
		len -= (size_t)got;
	}
	return true;
}

const uint8_t *ivs_take(struct ivs *ivs)
{
	if (ivs->left == 0) {
		if (!draw(ivs->blocks[0], sizeof(ivs->blocks)))
			return NULL;
		ivs->left = IVS_BLOCKS;
	}
	return ivs->blocks[--ivs->left];
}
