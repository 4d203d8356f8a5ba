#include "opportunism/reason.h"

const char *flow_reason_text(enum flow_reason reason)
{
	static const char *const texts[] = {
#define X(name, text) [FLOW_REASON_##name] = (text),
		FLOW_REASONS(X)
#undef X
	};

	return texts[reason];
}

enum flow_reason flow_reason_of_ike(enum ike_reason reason)
{
	switch (reason) {
	case IKE_REASON_CRASHED:
	case IKE_REASON_SILENT:
		return FLOW_REASON_GATEWAY_SILENT;
	case IKE_REASON_UNPROTECTED_REFUSAL:
		return FLOW_REASON_REFUSED_UNPROVEN;
	case IKE_REASON_AUTHENTICATION_FAILED:
		return FLOW_REASON_AUTH_REFUSED;
	case IKE_REASON_BAD_SIGNATURE:
	case IKE_REASON_BAD_CERTIFICATE:
		return FLOW_REASON_BAD_SIGNATURE;
	case IKE_REASON_BAD_SECRET:
		return FLOW_REASON_BAD_SECRET;
	case IKE_REASON_BAD_IDENTITY:
		return FLOW_REASON_BAD_IDENTITY;
	case IKE_REASON_NO_KEYS:
		return FLOW_REASON_NO_GATEWAY_KEY;
	case IKE_REASON_TS_UNACCEPTABLE:
	case IKE_REASON_NO_PROPOSAL:
	case IKE_REASON_NO_PPK:
	case IKE_REASON_REFUSED:
	case IKE_REASON_SINGLE_PAIR:
	case IKE_REASON_NO_MORE_CHILDREN:
		return FLOW_REASON_REFUSED;
	case IKE_REASON_BEHIND_NAT:
		return FLOW_REASON_BEHIND_NAT;
	case IKE_REASON_NONE:
	case IKE_REASON_PROTOCOL:
	case IKE_REASON_LOCAL:
	case IKE_REASON_DELETED_BY_PEER:
	case IKE_REASON_DELETED_BY_US:
	case IKE_REASON_REPLACED:
	case IKE_REASON_LOST:
	case IKE_REASON_EXPIRED:
	case IKE_REASON_IDLE:
		return FLOW_REASON_FAILED;
	}
	return FLOW_REASON_FAILED;
}
