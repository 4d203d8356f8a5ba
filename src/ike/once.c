#include "ike/once.h"

static const struct duration minute = SECONDS(60);

bool once_take(struct once *once, const struct hash *keyed, const struct ip *source,
               struct instant now)
{
	struct once_slot *slot =
	    &once->slots[hash_octets(keyed, source, sizeof(*source)) % ONCE_SLOTS];

	if (slot->address.family != IP_NONE && instant_since(now, slot->last).ns < minute.ns)
		return false;
	*slot = (struct once_slot){ *source, now };
	return true;
}
