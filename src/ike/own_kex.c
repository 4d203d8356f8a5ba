#include "ike/own_kex.h"

#include "ike/endpoint.h"

/* P-256 refuses one value in 2^32; the limit is for a random port that gives constant octets. */
enum { KEX_DRAWS_MAX = 8 };

bool own_kex_start(struct own_kex *kex, enum kex_id method, struct ike *ike)
{
	own_kex_wipe(kex);
	kex->method = method;
	kex->private_value = secret_new(kex_private_len(method));
	for (int i = 0; i < KEX_DRAWS_MAX; i++) {
		ike->ports.random(ike->ports.ctx, kex->private_value.data, kex->private_value.len);
		if (kex_public(method, secret_view(&kex->private_value), kex->public_value))
			return true;
	}
	own_kex_wipe(kex);
	return false;
}

void own_kex_wipe(struct own_kex *kex)
{
	secret_free(&kex->private_value);
	*kex = (struct own_kex){ 0 };
}

void own_kex_write(const struct own_kex *kex, struct message_writer *m)
{
	message_add_ke(m, kex->method, BYTES(kex->public_value, kex_public_len(kex->method)));
}

bool own_kex_share(const struct own_kex *kex, struct bytes peer_public, struct secret *shared)
{
	return kex_shared(kex->method, secret_view(&kex->private_value), peer_public, shared);
}
