#pragma once
/*
 * Traffic selectors (RFC 7296 sections 2.9 and 3.13).
 */
#include "ike/child.h"

enum { TS_MAX = 32 }; /* selectors of a payload; more is INVALID_SYNTAX (PLD-10) */

struct ts_list {
	size_t count;
	struct traffic_selector selectors[TS_MAX];
	size_t unknown; /* selectors of another type: there, but never acceptable (TS-3) */
};

/* False: INVALID_SYNTAX. A payload with nothing but unknown types has count 0. */
MUST_USE bool ts_parse(struct bytes body, struct ts_list *out);
void ts_write(struct writer *w, const struct traffic_selector *selectors, size_t count);

/* Any protocol and port. */
struct traffic_selector ts_of_range(const struct ip_range *range);
struct traffic_selector ts_of_ip(const struct ip *address);
/* Of a packet's protocol, from or to that port. */
struct traffic_selector ts_of_packet(const struct ip *address, uint8_t protocol, bool has_ports,
                                     uint16_t port);
bool ts_equal(const struct traffic_selector *a, const struct traffic_selector *b);
bool ts_within(const struct traffic_selector *inner, const struct traffic_selector *outer);
/* One address, any protocol and port. */
bool ts_is_host(const struct traffic_selector *ts);
bool ts_is_any_port(const struct traffic_selector *ts);
/* Ports not visible, as in fragments: start 65535, end 0 (TS-2). */
bool ts_is_opaque(const struct traffic_selector *ts);

/*
 * Responder: what of `offered` policy allows (TS-4): never wider than either. Everything, if
 * policy takes it; else one selector, the part of the first that fits. False: TS_UNACCEPTABLE.
 * `is_cut` (may be NULL): something offered was left out.
 */
MUST_USE bool ts_narrow(const struct ts_list *offered, const struct ts_list *allowed,
                        struct ts_list *out, bool *is_cut);
/* Without those that lie inside another: all of them together take the same. */
void ts_merge(struct ts_list *list);
/* Initiator: every selector of the answer lies inside one of ours (TS-6). */
bool ts_list_within(const struct ts_list *answer, const struct ts_list *offered);
/* Both lists are one single address each, any protocol and port. */
bool ts_is_single_pair(const struct ts_list *a, const struct ts_list *b);
