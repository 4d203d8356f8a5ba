#pragma once
/*
 * DNS port: libunbound in a thread and event base of its own; answers come to the control thread as
 * events. Validates by itself (TRU-1): until the trust anchor was primed once on this machine its
 * answers count as insecure, loudly, and priming is retried every minute.
 */
#include <event2/event.h>

#include "config/conf.h"
#include "opportunism/ports.h"
#include "util/log.h"

struct resolver;

struct resolver_settings {
	struct log log;           /* called on the control thread only */
	const struct ip *servers; /* forwarders, at least one */
	size_t server_count;
	uint16_t port; /* of the servers; 0: 53 */
	enum dnssec_mode dnssec;
	const char *trust_anchor; /* the text of the anchor file; NULL or empty: none */
	bool was_primed;          /* remembered from an earlier run */
	struct duration timeout;  /* of one question; libunbound itself may be later */
};

enum resolver_trust_state { RESOLVER_OFF, RESOLVER_UNPRIMED, RESOLVER_PRIMED };

/* Questions under way; one more ends as DNS_FAILED at once. */
enum { RESOLVER_QUESTIONS_MAX = 4096, RESOLVER_PRIME_EVERY_S = 60 };

struct resolver_events {
	void *ctx;
	void (*answer)(void *ctx, uint64_t query, const struct dns_answer *answer);
	/* The anchor was primed for the first time: remember it on disk. */
	void (*primed)(void *ctx);
};

struct resolver *resolver_new(const struct resolver_settings *settings, struct event_base *base,
                              const struct resolver_events *events, char *error, size_t error_size);
/* What is still under way ends as DNS_FAILED. */
void resolver_free(struct resolver *resolver);
struct resolver_port resolver_port(struct resolver *resolver);
enum resolver_trust_state resolver_trust_state(const struct resolver *resolver);
