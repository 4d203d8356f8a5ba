#pragma once
/*
 * A shunt: the verdict on a pair that has no tunnel, and how long it stands.
 *
 *   decided --lifetime over, in use--> asked again while it stays --same----> for another lifetime
 *      |                                                          \--other--> changed, or a tunnel
 *      \--idle, or lifetime over and unused--> (trap: no flow)
 *
 * So a packet is held once, for the first decision. Silence of the DNS is no answer: what stood
 * before it stands on. A shunt because of overload rests on nothing and ends with its time.
 */
#include "opportunism/reason.h"
#include "util/time.h"

/* What the lifetime of a shunt depends on (FAIL-1). */
struct shunt_facts {
	enum flow_reason cause;
	struct duration ttl;     /* what is left of the answers' */
	struct duration silence; /* that its gateway is left alone for still; 0: it was tried */
	bool had_tunnel; /* with its gateway, a short while ago: it is restarting (LIFE-5) */
};

/* Table of causes: how long until the question is put again. */
struct duration shunt_lifetime(const struct shunt_facts *facts);
/* Did somebody answer? Else an older verdict stands. */
bool shunt_is_answer(enum flow_reason cause);
/* Is it asked again while it stays, or does it end with its time? */
bool shunt_is_renewed(enum flow_reason cause);
