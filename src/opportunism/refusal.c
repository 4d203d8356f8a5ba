#include "opportunism/refusal.h"

#include <stdlib.h>

#include "util/text.h"

void refusals_wipe(struct refusals *refusals)
{
	free(refusals->ring);
	*refusals = (struct refusals){ 0 };
}

void refusals_add(struct refusals *refusals, const struct ike_claim *said, const char *why,
                  struct instant now)
{
	struct refusal *refusal;

	if (refusals->ring == NULL)
		refusals->ring = new_array(REFUSALS_MAX, sizeof(*refusals->ring));
	refusal = &refusals->ring[refusals->next++ % REFUSALS_MAX];
	*refusal = (struct refusal){ .at = now,
		                     .gateway = said->path.remote.address,
		                     .source = said->peer.range.first,
		                     .ours = said->ours.range.first };
	string_copy(refusal->why, sizeof(refusal->why), why);
}

static bool is_about(const struct refusal *refusal, const struct ip *ours, const struct ip *remote)
{
	if (!ip_equal(&refusal->source, remote) && !ip_equal(&refusal->gateway, remote))
		return false;
	return ours->family == IP_NONE || ip_equal(&refusal->ours, ours);
}

const struct refusal *refusals_find(const struct refusals *refusals, const struct ip *ours,
                                    const struct ip *remote)
{
	size_t count = refusals->next < REFUSALS_MAX ? refusals->next : REFUSALS_MAX;

	for (size_t i = 1; i <= count; i++) {
		const struct refusal *refusal =
		    &refusals->ring[(refusals->next - i) % REFUSALS_MAX];

		if (is_about(refusal, ours, remote))
			return refusal;
	}
	return NULL;
}
