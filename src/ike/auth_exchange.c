#include "ike/auth_exchange.h"

#include <assert.h>

void auth_on_job(struct ike_sa *sa, struct bytes result, struct instant now)
{
	switch (sa->state) {
	case IKE_SA_AUTH_MAKING:
		return auth_on_request_made(sa, result, now);
	case IKE_SA_RESPONSE_CHECKING:
		return auth_on_response_checked(sa, result, now);
	case IKE_SA_REQUEST_CHECKING:
		return auth_on_request_checked(sa, result, now);
	case IKE_SA_RESPONSE_MAKING:
		return auth_on_response_made(sa, result, now);
	case IKE_SA_INIT_SENT:
	case IKE_SA_INTERMEDIATE_SENT:
	case IKE_SA_AUTH_SENT:
	case IKE_SA_KEYS_WANTED:
	case IKE_SA_INIT_ANSWERED:
	case IKE_SA_AUTH_WANTED:
	case IKE_SA_UP:
	case IKE_SA_CLOSING:
	case IKE_SA_LINGERING:
	case IKE_SA_REPLACED:
	case IKE_SA_DEAD:
		break;
	}
	assert(!"a job in a state without one");
}
