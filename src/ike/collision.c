#include "ike/collision.h"

#include <string.h>

bool collision_is_lower(struct bytes a, struct bytes b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len == 0 ? 0 : memcmp(a.data, b.data, len);

	return order != 0 ? order < 0 : a.len < b.len;
}

struct bytes collision_lowest(struct bytes nonce_i, struct bytes nonce_r)
{
	return collision_is_lower(nonce_i, nonce_r) ? nonce_i : nonce_r;
}
