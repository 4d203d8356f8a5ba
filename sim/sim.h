#pragma once
/*
 * Stories about gateways: the production core of several of them in one process, over a virtual
 * network, DNS, clock and packet engine. Every choice is drawn from one seed, so a run can be
 * repeated.
 *
 * A case tells a story and checks the promise. The promises themselves (no leak, no lost first
 * packet, no stuck flow, no impostor) are checked in every run by sim/promises.c. Whatever fails
 * prints the run's trace and ends the process with status 1.
 */
#include "dns/answer.h"
#include "util/bytes.h"
#include "util/time.h"

struct sim;
struct gateway;

struct sim *sim_new(uint64_t seed);
/* Checks what must hold at the end of every run, then frees. */
void sim_end(struct sim *sim);

/* Before the first gateway: idle tunnels end as they do, at the looks of a minute and later. */
void sim_let_tunnels_end(struct sim *sim);

/* Before the first gateway: they have an additional key exchange, whatever the crypto library has.
 */
void sim_give_kem(struct sim *sim);

/* Two ends that do not want the same: cleartext of the one is refused by the other. */
void sim_let_refuse(struct sim *sim);

/*
 * A gateway at `address`, of the HowTo's two conns: its own address, and `inside` (a range, or
 * NULL), to anyone. `failure` is failureshunt= or NULL. Its key is Ed25519 and not yet published.
 */
struct gateway *sim_gateway(struct sim *sim, const char *name, const char *address,
                            const char *inside, const char *failure);
/* One with an ipsec.conf of its own. */
struct gateway *sim_gateway_with(struct sim *sim, const char *name, const char *address,
                                 const char *inside, const char *conf);
/* Its conns name their peers: who may speak for what is not the DNS's to say. */
void sim_arrange(struct sim *sim, struct gateway *gateway);
/* Takes over the address of `victim`: what is sent there comes here, and it says it is the victim.
 * It has another key. No SA with it may ever carry anything. */
struct gateway *sim_impostor(struct sim *sim, struct gateway *victim);
/* The gateway loses all its state, as by kill -9 and start. */
void sim_restart(struct sim *sim, struct gateway *gateway);
/* The same in two steps, with a time between them. */
void sim_kill(struct sim *sim, struct gateway *gateway);
void sim_start(struct sim *sim, struct gateway *gateway);
/* Restarts it as one that keeps so many idle IKE SAs only. */
void sim_keep_few(struct sim *sim, struct gateway *gateway, size_t idle_sas_above);
/* From now on it does not remember its peers over a restart. */
void sim_lose_file(struct gateway *gateway);
/* The IKE SAs it has now make no further child, and renew none (RFC 7296 section 4). */
void sim_renew_nothing(struct gateway *gateway);
/* It is negotiating, and a peer that takes single pairs only would be asked for this one (TS-7). */
bool sim_would_ask_alone(const struct gateway *gateway, const char *from, const char *to);
/* A new configuration: the HowTo's two conns with that failureshunt=, or an ipsec.conf. */
void sim_reload(struct sim *sim, struct gateway *gateway, const char *failure);
void sim_reload_with(struct sim *sim, struct gateway *gateway, const char *conf);
/* ipsec auto --route and --up; false: it refuses. */
bool sim_route(struct sim *sim, struct gateway *gateway, const char *conn);
bool sim_up(struct sim *sim, struct gateway *gateway, const char *conn);
/* The file of a policy group; counts from the next reload. Texts are borrowed. */
void sim_policy(struct gateway *gateway, const char *name, const char *text);
void sim_shutdown(struct sim *sim, struct gateway *gateway);

/* ipsec eroute --del, --try, --clear (without addresses); it must not refuse. */
enum sim_order { SIM_DELETE, SIM_TRY, SIM_CLEAR };
void sim_order(struct sim *sim, struct gateway *gateway, enum sim_order order, const char *from,
               const char *to);
/* From now on its engine takes no eroute of a tunnel. */
void sim_engine_refuses(struct sim *sim, struct gateway *gateway);
unsigned sim_engine_refused(const struct gateway *gateway);
/* ICMP says that the peer cannot be reached from there. */
void sim_unreachable(struct sim *sim, struct gateway *gateway, struct gateway *peer);

/* The DNS. `address` delegates to `gateway`, with its key: IPSECKEY at the reverse name. */
void sim_delegate(struct sim *sim, const char *address, struct gateway *gateway);
void sim_delegate_with(struct sim *sim, const char *address, unsigned precedence,
                       struct gateway *gateway, struct gateway *whose_key);
/* To an address where perhaps nobody is. */
void sim_delegate_to(struct sim *sim, const char *address, const char *somebody,
                     struct gateway *whose_key);
/* To a gateway by its name. */
void sim_delegate_to_name(struct sim *sim, const char *address, const char *name,
                          struct gateway *whose_key);
/* The gateway's key at the reverse name of its own address. */
void sim_publish_key(struct sim *sim, struct gateway *gateway);
void sim_publish_key_at(struct sim *sim, const char *name, struct gateway *gateway);
/* A or AAAA. */
void sim_publish_address(struct sim *sim, const char *name, const char *address);
/* TXT: `address` may be spoken for by whoever proves to be `fqdn`. */
void sim_authorise_name(struct sim *sim, const char *address, const char *fqdn);
/* TXT, as it is. */
void sim_publish_text(struct sim *sim, const char *address, const char *text);
/* How questions about the reverse name of `address` end, instead of with its records. */
void sim_dns_fails(struct sim *sim, const char *address, enum dns_status status);
void sim_dns_trust(struct sim *sim, const char *address, enum dns_trust trust);
void sim_dns_delay(struct sim *sim, const char *address, struct duration delay);
/* TTL of its answers, negative ones too; 300 otherwise. 0: they say none. */
void sim_dns_ttl(struct sim *sim, const char *address, unsigned seconds);
/* Of its TXT records alone. */
void sim_dns_delay_txt(struct sim *sim, const char *address, struct duration delay);
/* They are answered again. */
void sim_dns_recovers(struct sim *sim, const char *address);
/* Every other question takes so long from now on: a storm, in which flows wait for their turn. */
void sim_dns_slow(struct sim *sim, struct duration delay);
/* Removes all records at the reverse name. */
void sim_withdraw(struct sim *sim, const char *address);

/* From now on caches hide what changes from all but fresh questions; false: they have run out. */
void sim_cache(struct sim *sim, bool is_cached);
/* Another host key for the gateway, which takes it into use at once. Publishes nothing. */
void sim_new_key(struct sim *sim, struct gateway *gateway);
/* A TXT record of any text. */
void sim_publish_txt(struct sim *sim, const char *owner, const char *text);

/* The network. The nth next IKE datagram (1: the next) between the two is lost, doubled, or comes
 * later than it should. */
void sim_lose_next(struct sim *sim, struct gateway *from, struct gateway *to, unsigned nth);
void sim_double_next(struct sim *sim, struct gateway *from, struct gateway *to, unsigned nth);
void sim_delay_next(struct sim *sim, struct gateway *from, struct gateway *to, unsigned nth,
                    struct duration delay);
/* IKE messages of more octets are lost everywhere, and nobody is told. */
void sim_narrow(struct sim *sim, size_t octets);
/* So many of a hundred IKE datagrams are lost, until mended. */
void sim_lose_some(struct sim *sim, unsigned percent);
/* Nothing of IKE arrives from one at the other, until mended. */
void sim_cut(struct sim *sim, struct gateway *from, struct gateway *to);
void sim_mend(struct sim *sim);
/* A forged datagram: `gateway` sees it come from `from`, port 500. */
void sim_forge(struct sim *sim, const char *from, struct gateway *gateway, struct bytes datagram);
/* The last IKE datagram sent between the two, as an eavesdropper has it; empty if none. */
struct bytes sim_overheard(struct sim *sim, struct gateway *from, struct gateway *to);

/* IKE datagrams that were sent to it; NULL: to addresses where nobody is. */
uint64_t sim_knocks(const struct sim *sim, const struct gateway *gateway);

/* Traffic: a packet, or one that is answered. */
void sim_packet(struct sim *sim, const char *source, const char *destination);
/* To a remote port of a protocol. */
void sim_packet_to(struct sim *sim, const char *source, const char *destination, unsigned protocol,
                   int port);
void sim_ping(struct sim *sim, const char *source, const char *destination);

void sim_run_for(struct sim *sim, struct duration time);
/* Until nothing is under way and the next deadline is minutes off. */
void sim_run_until_idle(struct sim *sim);
size_t sim_children(const struct gateway *gateway);
struct instant sim_now(const struct sim *sim);

/* What came of it; each fails with the caller's line. */
#define expect_tunnel(sim, from, to)       expect_tunnel_at(sim, from, to, __FILE__, __LINE__)
#define expect_eroute(sim, from, to, word) expect_eroute_at(sim, from, to, word, __FILE__, __LINE__)
/* Of the rule with just this traffic: "tcp 80". */
#define expect_rule(sim, from, to, protocol, port, word) \
	expect_rule_at(sim, from, to, protocol, port, word, __FILE__, __LINE__)
#define expect_pass(sim, from, to)         expect_eroute(sim, from, to, "pass")
#define expect_drop(sim, from, to)         expect_eroute(sim, from, to, "drop")
#define expect_trap(sim, from, to)         expect_eroute(sim, from, to, "trap")
/* What ipsec eroute says of the pair: the reason has these words, and the shunt lives for so many
 * seconds yet, give or take two. */
#define expect_reason(sim, from, to, words) \
	expect_reason_at(sim, from, to, words, __FILE__, __LINE__)
#define expect_expiry(sim, from, to, seconds) \
	expect_expiry_at(sim, from, to, seconds, __FILE__, __LINE__)
/* Is it so because of that already? For stories that wait. */
bool sim_reason_is(struct sim *sim, const char *from, const char *to, const char *words);
/* Packets of the pair that were delivered at its destination, by tunnel and in the clear. */
#define expect_arrived(sim, from, to, by_tunnel, in_clear) \
	expect_arrived_at(sim, from, to, by_tunnel, in_clear, __FILE__, __LINE__)
/* IKE SAs and CHILD SAs of the gateway now. */
#define expect_sas(sim, gateway, ike_sas, children) \
	expect_sas_at(sim, gateway, ike_sas, children, __FILE__, __LINE__)
#define expect_strength(sim, gateway, from, to, strength) \
	expect_strength_at(sim, gateway, from, to, strength, __FILE__, __LINE__)
#define expect_children(sim, gateway, children) \
	expect_children_at(sim, gateway, children, __FILE__, __LINE__)
#define expect_logged(sim, gateway, words) expect_logged_at(sim, gateway, words, __FILE__, __LINE__)
/* `words` are in what the gateway says to `ipsec why` about the pair; see sim/why.c. */
#define expect_why(sim, gateway, from, to, words) \
	expect_why_at(sim, gateway, from, to, words, __FILE__, __LINE__)
#define expect_true(sim, condition)        expect_true_at(sim, condition, #condition, __FILE__, __LINE__)

void expect_tunnel_at(struct sim *sim, const char *from, const char *to, const char *file,
                      int line);
void expect_eroute_at(struct sim *sim, const char *from, const char *to, const char *word,
                      const char *file, int line);
void expect_rule_at(struct sim *sim, const char *from, const char *to, unsigned protocol, int port,
                    const char *word, const char *file, int line);
void expect_arrived_at(struct sim *sim, const char *from, const char *to, unsigned by_tunnel,
                       unsigned in_clear, const char *file, int line);
void expect_reason_at(struct sim *sim, const char *from, const char *to, const char *words,
                      const char *file, int line);
void expect_expiry_at(struct sim *sim, const char *from, const char *to, int seconds,
                      const char *file, int line);
void expect_sas_at(struct sim *sim, const struct gateway *gateway, size_t ike_sas, size_t children,
                   const char *file, int line);
void expect_strength_at(struct sim *sim, const struct gateway *gateway, const char *from,
                        const char *to, const char *strength, const char *file, int line);
void expect_children_at(struct sim *sim, const struct gateway *gateway, size_t children,
                        const char *file, int line);
void expect_logged_at(struct sim *sim, const struct gateway *gateway, const char *words,
                      const char *file, int line);
void expect_why_at(struct sim *sim, struct gateway *gateway, const char *from, const char *to,
                   const char *words, const char *file, int line);
void expect_true_at(struct sim *sim, bool condition, const char *text, const char *file, int line);
