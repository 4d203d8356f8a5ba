#pragma once
/*
 * Why a flow got its verdict: one list makes the enum, the words of the log and of `ipsec eroute`.
 */
#include "ike/ike.h"

#define FLOW_REASONS(X)                                                                            \
	X(NONE, "undecided")                                                                       \
	X(NO_NAME, "no delegation (NXDOMAIN)")                                                     \
	X(NO_RECORD, "no delegation (no record)")                                                  \
	X(UNUSABLE, "no usable gateway in its delegation")                                         \
	X(UNSIGNED, "its delegation is not signed, and dnssec=require")                            \
	X(UNSIGNED_OTHER, "its delegation to another is not signed, and unsigned-delegation=self") \
	X(WAS_PROTECTED, "it was protected before, and the unsigned DNS says otherwise (sticky)")  \
	X(DNS_SILENT, "no answer from the DNS")                                                    \
	X(DNS_FAILED, "the DNS failed (SERVFAIL)")                                                 \
	X(BOGUS, "forged or broken DNS answer (bogus)")                                            \
	X(MALFORMED, "malformed delegation")                                                       \
	X(INSIDE, "its gateway is this machine")                                                   \
	X(NO_FAMILY, "no address of ours in the family of its gateway")                            \
	X(NO_HOST_KEY, "no host key of ours in ipsec.secrets")                                     \
	X(NO_SECRET, "no shared secret for its gateway in ipsec.secrets")                          \
	X(GATEWAY_SILENT, "its gateway does not answer")                                           \
	X(REFUSED_UNPROVEN, "its gateway refused, unproven")                                       \
	X(AUTH_REFUSED, "its gateway refused our authentication")                                  \
	X(BAD_SIGNATURE, "its gateway does not hold the published key")                            \
	X(BAD_SECRET, "its gateway has another shared secret (PSK, or PPK)")                       \
	X(BAD_IDENTITY, "its gateway says it is somebody else")                                    \
	X(NO_GATEWAY_KEY, "no key is published for its gateway")                                   \
	X(TOO_WEAK, "another rule for these addresses wants a better proof")                       \
	X(REFUSED, "its gateway refused")                                                          \
	X(BEHIND_NAT, "we are behind a NAT")                                                       \
	X(FAILED, "the negotiation failed")                                                        \
	X(BUDGET, "time is over, the attempt goes on")                                             \
	X(OVERLOAD, "too many others of its Source wait")                                          \
	X(MAKESHIFT, "files of policies cannot be used, see ipsec status")                         \
	X(ENGINE, "the engine did not take its tunnel")                                            \
	X(NEGOTIATED, "negotiated by us")                                                          \
	X(PEER_CAME, "negotiated by the peer")

enum flow_reason {
#define X(name, text) FLOW_REASON_##name,
	FLOW_REASONS(X)
#undef X
};

const char *flow_reason_text(enum flow_reason reason);
/* The reason of a failed attempt, as the flow tells it. */
enum flow_reason flow_reason_of_ike(enum ike_reason reason);
