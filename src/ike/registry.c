#include "ike/registry.h"

const char *exchange_name(uint8_t exchange)
{
	switch (exchange) {
#define X(name, number) \
	case number:    \
		return #name;
		IKE_EXCHANGES(X)
#undef X
	default:
		return "unknown";
	}
}

const char *payload_name(uint8_t type)
{
	switch (type) {
#define X(name, number) \
	case number:    \
		return #name;
		IKE_PAYLOADS(X)
#undef X
	default:
		return "unknown";
	}
}

const char *notify_name(uint16_t type)
{
	switch (type) {
#define X(name, number) \
	case number:    \
		return #name;
		IKE_NOTIFIES(X)
#undef X
	default:
		return "unknown";
	}
}
