#include "dns/answer.h"

const char *dns_status_name(enum dns_status status)
{
	switch (status) {
	case DNS_FOUND:
		return "found";
	case DNS_NO_DATA:
		return "no record";
	case DNS_NO_NAME:
		return "NXDOMAIN";
	case DNS_FAILED:
		return "SERVFAIL";
	case DNS_TIMED_OUT:
		return "no answer";
	}
	return "?";
}

const char *dns_trust_name(enum dns_trust trust)
{
	switch (trust) {
	case DNS_INSECURE:
		return "insecure";
	case DNS_SECURE:
		return "secure";
	case DNS_BOGUS:
		return "bogus";
	}
	return "?";
}
