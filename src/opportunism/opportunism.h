#pragma once
/*
 * Opportunism: the gateway's core. For every flow that is trapped it finds a verdict in bounded
 * time, with the reverse DNS, IKE and the policy of the conns; for every stranger that knocks it
 * decides whether this key may speak for that address.
 *
 * It owns the flows (one eroute object per pair), the IKE endpoint, and the lookups under way. The
 * daemon and the simulator drive it with the same events and give it the same ports.
 */
#include "config/conf.h"
#include "config/secrets.h"
#include "ike/ike.h"
#include "opportunism/ports.h"
#include "util/text.h"

struct opportunism;

/* A host key of ours. */
struct host_key {
	struct pubkey key;
	unsigned place; /* in the signer's set of secrets */
	bool is_next; /* published, not used yet */
};

struct opportunism_settings {
	struct log log;
	const struct resolver_port *resolver;
	const struct engine_port *engine;
	const struct ike_ports *ike;
	const struct kem *kem; /* beside X25519; NULL: ML-KEM-768, if the crypto library has it */
	size_t idle_sas_above; /* of more IKE SAs those without children go; 0: 10 000 */
};

struct opportunism *opportunism_new(const struct opportunism_settings *settings);
void opportunism_free(struct opportunism *opp);

/* What this machine has; borrowed. */
struct own_addresses {
	struct ip own4; /* the first of `outer` of its family, or IP_NONE */
	struct ip own6;
	const struct ip *all;
	size_t count;
	const struct ip *outer; /* of the outer devices, one each and family: where our IKE is */
	size_t outer_count;
	const struct ip *covered; /* all of the outer devices: what %defaultroute stands for */
	size_t covered_count;
};
struct own_addresses own_of(const struct ip *outer, size_t outer_count, const struct ip *covered,
                            size_t covered_count, const struct ip *all, size_t count);
bool own_is_outer(const struct own_addresses *own, const struct ip *address);
bool own_is_covered(const struct own_addresses *own, const struct ip *address);

/* What configuration and this machine say; everything is copied. May be called again (reload). */
struct opportunism_config {
	const struct conf *conf;
	const struct secrets
	    *secrets; /* identities of the shared secrets; their octets are not read */
	uint32_t secret_set; /* number of the set that has these secrets and host keys */
	const struct host_key *host_keys;
	size_t host_key_count;
	struct own_addresses own; /* as own_of() makes it */
};
void opportunism_configure(struct opportunism *opp, const struct opportunism_config *config,
                           struct instant now);
/* The same after a change of few conns: what was added, routed or not by command stays so, and a
 * conn that was not there before is neither. */
void opportunism_reconfigure(struct opportunism *opp, const struct opportunism_config *config,
                             struct instant now);

/* The same when only this machine's addresses have changed; conns that wait for one start. */
void opportunism_readdress(struct opportunism *opp, const struct opportunism_config *config,
                           struct instant now);

/* Commands (ipsec auto --...). False: `error` says why not. */
MUST_USE bool opportunism_conn_add(struct opportunism *opp, const char *name, struct text *error,
                                   struct instant now);
MUST_USE bool opportunism_conn_delete(struct opportunism *opp, const char *name, struct text *error,
                                      struct instant now);
MUST_USE bool opportunism_conn_route(struct opportunism *opp, const char *name, struct text *error,
                                     struct instant now);
MUST_USE bool opportunism_conn_unroute(struct opportunism *opp, const char *name,
                                       struct text *error, struct instant now);
MUST_USE bool opportunism_conn_up(struct opportunism *opp, const char *name, struct text *error,
                                  struct instant now);
MUST_USE bool opportunism_conn_down(struct opportunism *opp, const char *name, struct text *error,
                                    struct instant now);

/* Commands (ipsec eroute --...). False: `error` says why not. Tunnels of configured conns are left
 * alone. */
MUST_USE bool opportunism_eroute_delete(struct opportunism *opp, const struct ip *source,
                                        const struct ip *destination, struct text *error,
                                        struct instant now);
/* All of them; how many. */
size_t opportunism_eroute_clear(struct opportunism *opp, struct instant now);
/* The question is put again now, silent gateways included; what stands stays until the answer. */
MUST_USE bool opportunism_eroute_try(struct opportunism *opp, const struct ip *source,
                                     const struct ip *destination, struct text *error,
                                     struct instant now);

/* Events. */
void opportunism_on_acquire(struct opportunism *opp, const struct acquire *acquire,
                            struct instant now);
void opportunism_on_answer(struct opportunism *opp, uint64_t query, const struct dns_answer *answer,
                           struct instant now);
void opportunism_on_datagram(struct opportunism *opp, const struct path *path,
                             struct bytes datagram, struct instant now);
void opportunism_on_job_done(struct opportunism *opp, uint64_t job_id, struct bytes result,
                             struct instant now);
/* ESP that no SA has an SPI for; ICMP that says a peer cannot be reached. Both are hints. */
void opportunism_on_unknown_spi(struct opportunism *opp, const struct path *path, uint32_t spi,
                                struct instant now);
/* The engine: the first packet came by that CHILD SA, so the peer has it. */
void opportunism_on_heard(struct opportunism *opp, uint32_t spi_in, struct instant now);
/* The engine: a CHILD SA has sent what its soft limits allow. */
void opportunism_on_worn(struct opportunism *opp, uint32_t spi_in, struct instant now);
/* The engine: it is at its hard limits, and carries nothing any more. */
void opportunism_on_spent(struct opportunism *opp, uint32_t spi_in, struct instant now);
void opportunism_on_unreachable(struct opportunism *opp, const struct ip *peer, struct instant now);
/* Cleartext came in for a pair that has a tunnel: a hint as well (CLR-3). */
void opportunism_on_cleartext(struct opportunism *opp, const struct ip_pair *pair,
                              struct instant now);
/* The newest ESP of the CHILD SA came along another path. */
void opportunism_on_peer_moved(struct opportunism *opp, uint32_t spi_in, const struct path *path,
                               struct instant now);
void opportunism_on_deadline(struct opportunism *opp, struct instant now);
struct instant opportunism_deadline(const struct opportunism *opp);

/* Deletes to all peers, no new negotiations; true from _is_quiet once nobody is waited for. */
void opportunism_shutdown(struct opportunism *opp, struct instant now);
bool opportunism_is_quiet(const struct opportunism *opp);

/* Destinations that were protected (protected.h), as the daemon keeps them across restarts.
 * `wall_s`: the wall clock's seconds. */
void opportunism_load_protected(struct opportunism *opp, struct bytes text, int64_t wall_s,
                                struct instant now);
/* For protected_write(), in any thread; the caller frees. */
struct protected_list_copy *opportunism_copy_protected(const struct opportunism *opp,
                                                       int64_t wall_s, struct instant now);
/* False: it was not remembered. */
bool opportunism_forget(struct opportunism *opp, const struct ip *address);

/* Since the start. */
struct opportunism_counts {
	uint64_t unsigned_absences; /* no record, and nobody signed that: perhaps forged (TRU-8) */
	uint64_t downgrades;        /* of Destinations that were protected before (TRU-9) */
	uint64_t protected_hosts;   /* remembered now */
	uint64_t protected_changes; /* of what is worth writing down */
};
struct opportunism_counts opportunism_counts(const struct opportunism *opp);

/* Names in files of policy groups that have no address as far as is known. */
void opportunism_list_unresolved(const struct opportunism *opp,
                                 void (*see)(void *ctx, const char *group, const char *name),
                                 void *ctx);

/* Listings. A row of `ipsec eroute`. */
struct eroute_view {
	struct ip_range source;
	struct ip_range destination;
	struct traffic traffic; /* of a rule with protocol and ports; zero: all */
	uint64_t packets;
	enum eroute_action action;
	uint32_t spi_out;  /* TUNNEL */
	struct ip gateway; /* TUNNEL: the peer's outer address */
	const char *conn;
	enum strength strength;
	const char *reason; /* why it is so, for people */
	struct instant since;
	struct instant last;      /* packet out; 0 if never */
	enum dns_trust trust;     /* of the DNS answers it rests on; not for rows */
	struct instant confirmed; /* of a shunt: asked again last, with the same result */
	struct instant expires;   /* of a shunt; INSTANT_NEVER for others */
	const char *next;         /* what happens next by itself, for people; NULL: nothing known */
	struct instant next_at;   /* or INSTANT_NEVER */
};
void opportunism_list_eroutes(const struct opportunism *opp,
                              void (*see)(void *ctx, const struct eroute_view *view), void *ctx);

enum conn_progress {
	CONN_DOWN,
	CONN_FAILED, /* the last attempt came to nothing */
	CONN_NEGOTIATING,
	CONN_UP,
};
const char *conn_progress_name(enum conn_progress progress);

struct conn_view {
	const char *name;
	bool is_added;
	bool is_routed;
	enum conn_progress progress; /* the best of its tunnels */
	const char *reason;          /* FAILED: why; NEGOTIATING: what was said so far, or NULL */
	const struct conn *conn;
};
void opportunism_list_conns(const struct opportunism *opp,
                            void (*see)(void *ctx, const struct conn_view *view), void *ctx);
const struct ike *opportunism_ike(const struct opportunism *opp);

/*
 * Policy rows of the conns with auto=route or start, as `ipsec start` needs them before the daemon
 * runs. `rows` is the caller's to free; returns their number.
 */
size_t policy_rows_of_conf(const struct conf *conf, const struct own_addresses *own,
                           struct policy_row **rows);
