#pragma once
/*
 * The IKEv2 endpoint of one gateway (RFC 7296): all its IKE SAs, as Initiator and Responder.
 *
 * Events go in (a datagram, a finished job, a deadline, an order of the owner), effects come out
 * through ports, and what the owner must decide or know comes out through `struct ike_owner`. No
 * port and no owner function may call back into ike_*() before it returns; the owner queues and
 * answers later. Every event runs to completion.
 *
 * IKE SAs are named by handles: a number that is never used twice, so that a late answer for a
 * closed SA finds nothing instead of something else.
 *
 *   Initiator   ike_initiate -> IKE_SA_INIT -> IKE_AUTH sent -> (waits for ike_set_peer_keys)
 *               -> verified -> child_up, sa_up          | attempt_failed
 *   Responder   IKE_SA_INIT -> IKE_AUTH opened -> auth_wanted ... ike_authorize -> verified
 *               -> child_up -> response sent, sa_up     | refused
 */
#include "crypto/job.h"
#include "ike/child.h"
#include "ike/id.h"
#include "util/log.h"
#include "util/time.h"

struct ike;
struct ike_profile;
typedef uint64_t ike_handle; /* 0 is no SA */

struct ike_ports {
	void *ctx;
	/* Octets of one IKE message, without the non-ESP marker: the port adds it when
	 * path->local.port is the NAT traversal port. */
	void (*send)(void *ctx, const struct path *path, struct bytes datagram);
	void (*random)(void *ctx, uint8_t *out, size_t len);
	/* Ends with exactly one ike_on_job_done(job_id). */
	void (*start_job)(void *ctx, uint64_t job_id, const struct crypto_job *job);
	/* One octet 0xff along the path, so that a NAT on it stays as it is. NULL: never. */
	void (*keepalive)(void *ctx, const struct path *path);
	/* An inbound SPI that is free (RFC 4303 section 2.1: at least 256, random, unused). */
	uint32_t (*new_spi)(void *ctx);
};

/* How we prove who we are, and what we accept as proof. */
enum ike_auth {
	IKE_AUTH_SIGNATURE,
	IKE_AUTH_PSK,
	IKE_AUTH_NULL, /* proves nothing but that both ends of IKE_SA_INIT are those of IKE_AUTH */
};

/* When our certificates go along. */
enum ike_send_cert { IKE_SEND_CERT_ASKED, IKE_SEND_CERT_ALWAYS, IKE_SEND_CERT_NEVER };

struct ike_self {
	struct ike_id id;
	enum ike_auth auth;
	uint32_t secret_set; /* in which `key` here, `peer_psk` and `ppk` are places */
	unsigned key;        /* of the host key or the shared secret */
	enum pubkey_type key_type;
	struct bytes chain; /* our certificates (crypto/x509.h), or empty; borrowed for the call */
	enum ike_send_cert send_cert;
};

/* A secret of RFC 8784, by its place in the signer and the name both ends call it by. */
enum { IKE_PPK_ID_MAX = 128 };
struct ike_ppk {
	bool is_there;
	unsigned key;
	char id[IKE_PPK_ID_MAX + 1];
};

/* By which certificates the peer may be known. Borrowed for the call. */
struct ike_certs {
	const struct x509_trust *trust; /* NULL: by none */
	struct bytes ca;                /* a name that must be among the issuers; empty: any */
};

/* Why an attempt or an SA came to its end; the words are for people. */
#define IKE_REASONS(X)                                                           \
	X(NONE, "none")                                                          \
	X(CRASHED, "the peer restarted and proved it")                           \
	X(SILENT, "no answer")                                                   \
	X(UNPROTECTED_REFUSAL, "refused without proof")                          \
	X(UNPROTECTED_NO_PROPOSAL, "no common algorithms, said without proof")   \
	X(AUTHENTICATION_FAILED, "the peer refused our authentication")          \
	X(BAD_SIGNATURE, "the peer's signature does not fit its published keys") \
	X(BAD_SECRET, "the peer has another shared secret (PSK, or PPK)")        \
	X(BAD_CERTIFICATE, "the peer's certificate is not accepted")             \
	X(BAD_IDENTITY, "the peer says it is somebody else")                     \
	X(NO_KEYS, "the peer's key could not be found")                          \
	X(TS_UNACCEPTABLE, "the peer may not or will not carry these addresses") \
	X(NO_PROPOSAL, "no common algorithms")                                   \
	X(NO_PPK, "no post-quantum secret (PPK) that both sides have")           \
	X(REFUSED, "the peer refused")                                           \
	X(SINGLE_PAIR, "the peer carries single pairs of addresses only")        \
	X(NO_MORE_CHILDREN, "the peer makes no more tunnels on this IKE SA")     \
	X(BEHIND_NAT, "we are behind a NAT")                                     \
	X(PROTOCOL, "the peer broke the protocol")                               \
	X(LOCAL, "this machine could not")                                       \
	X(DELETED_BY_PEER, "deleted by the peer")                                \
	X(DELETED_BY_US, "deleted by us")                                        \
	X(REPLACED, "replaced")                                                  \
	X(LOST, "the peer has lost it")                                          \
	X(EXPIRED, "its lifetime is over")                                       \
	X(IDLE, "nobody used it")

enum ike_reason {
#define X(name, text) IKE_REASON_##name,
	IKE_REASONS(X)
#undef X
};
const char *ike_reason_text(enum ike_reason reason);

/* What the peer says in IKE_AUTH or CREATE_CHILD_SA as seen by the Responder. */
struct ike_claim {
	/* Its remote address is where the IKE SA began: the one that the peer hears us at. */
	struct path path;
	struct ike_id peer_id;
	struct ike_id wanted_id;      /* the IDr asked for; ID_NONE if none */
	struct traffic_selector peer; /* TSi: the Source's side */
	struct traffic_selector ours; /* TSr */
	struct selectors more_peer;   /* the others of TSi; lent, as those of TSr */
	struct selectors more_ours;
	bool is_single_pair;   /* one selector each, both single addresses, any protocol and port */
	enum ike_auth auth;    /* the method the peer used */
	bool peer_is_wildswan; /* our Vendor ID was seen (NAT-12) */
	bool peer_behind_nat;
	bool initial_contact;
	char ppk_id[IKE_PPK_ID_MAX + 1]; /* the PPK the peer used; "": none */
	bool is_childless; /* no CHILD SA is asked for, there are no selectors (RFC 6023) */
};

struct ike_established {
	struct path path;
	struct ike_id peer_id;
	enum ike_auth peer_auth; /* NULL: nobody knows who the peer is */
	struct pubkey peer_key;  /* PUBKEY_NONE unless it signed */
	bool by_certificate;     /* the key is that of a certificate it showed */
	bool is_initiator;
};

/* When the peer was heard by a CHILD SA last, and when we sent by it; 0: never. */
struct ike_traffic {
	struct instant last_in;
	struct instant last_out;
};

struct ike_owner {
	void *ctx;
	/* Responder, IKE_SA_INIT: how to deal with whoever calls from there, before anybody has
	 * said who he is. May be NULL, and may give NULL: the defaults. Borrowed until the event
	 * ends. */
	const struct ike_profile *(*profile)(void *ctx, const struct path *path);
	/* Responder, IKE_SA_INIT: may whoever calls from there show a certificate, and of which CAs
	 * (x509_trust_hashes())? May be NULL: no. Without it certificates are passed over. */
	bool (*wants_certificate)(void *ctx, const struct path *path, struct bytes *hashes);
	/* Responder: IKE_AUTH was opened. Ends with one ike_authorize(). */
	void (*auth_wanted)(void *ctx, ike_handle sa, const struct ike_claim *claim);
	/* Either role: the peer wants a CHILD SA on an established IKE SA. Ends with one
	 * ike_authorize_child(). claim->path, peer_behind_nat and the selectors are set; peer_id is
	 * the proven one. */
	void (*child_wanted)(void *ctx, ike_handle sa, const struct ike_claim *claim);
	/* AUTH is verified; before child_up of the first CHILD SA. */
	void (*sa_up)(void *ctx, ike_handle sa, const struct ike_established *up);
	/*
	 * A CHILD SA is complete: install it inbound and outbound before returning (TS-13). Keys
	 * are borrowed. One that replaces another is for the same traffic by the same right, and
	 * takes over from it as `start` says; the other one goes on receiving until child_gone.
	 * `tag` is the owner's from ike_initiate() or ike_create_child(), 0 if the
	 * peer made it.
	 */
	void (*child_up)(void *ctx, ike_handle sa, uint64_t tag, const struct child_sa *child);
	void (*child_gone)(void *ctx, ike_handle sa, uint32_t spi_in, enum ike_reason reason);
	/* The peer makes no successor of that CHILD SA on this IKE SA, or none of the IKE SA itself
	 * (NO_ADDITIONAL_SAS, NO_PROPOSAL_CHOSEN): a new IKE SA can begin with it, and this one go
	 * then (TS-16). May come again. May be NULL: the CHILD SA lives to its end. */
	void (*child_unrenewed)(void *ctx, ike_handle sa, uint32_t spi_in);
	/* A new IKE SA took over the handle. May be NULL. */
	void (*sa_rekeyed)(void *ctx, ike_handle sa);
	/* Initiator: the response to IKE_AUTH is there, and says who the peer claims to be; keys to
	 * check that are still missing. May be NULL. */
	void (*keys_wanted)(void *ctx, ike_handle sa, uint64_t tag, const struct ike_id *peer_id);
	/* Initiator: an answer to IKE_SA_INIT that anybody could have sent says why there will be
	 * no IKE SA. The attempt goes on (INI-7). Comes once. May be NULL. */
	void (*refused_unproven)(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason);
	/* What was asked for with `tag` will not come. `proven`: an authenticated peer said so. */
	void (*child_failed)(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason,
	                     bool proven);
	/*
	 * The IKE SA is no more; its children and what was asked for were reported before. Comes
	 * exactly once for every handle the owner has heard of, from ike_initiate() or from
	 * auth_wanted, also for one that was never up.
	 */
	void (*sa_gone)(void *ctx, ike_handle sa, enum ike_reason reason);
	/* The peer is elsewhere now, and a CHILD SA with it; its path in place of the former. */
	void (*child_moved)(void *ctx, uint32_t spi_in, const struct path *path);
	/* A question that is answered at once: its time is nearly over, is it still wanted (RKY-7)?
	 * May be NULL: yes. */
	bool (*wants_rekey)(void *ctx, ike_handle sa, uint32_t spi_in);
	/* A question that is answered at once: the peer of `sa`, which came up just now by `key`,
	 * says that it has no other IKE SA; is `other`, of the same names, one that it may end
	 * (IC-2)? May be NULL: yes. */
	bool (*may_replace)(void *ctx, ike_handle sa, const struct pubkey *key, ike_handle other);
	/* A question that is answered at once. May be NULL: then no CHILD SA was ever used. */
	struct ike_traffic (*traffic)(void *ctx, uint32_t spi_in);
};

struct ike_settings {
	struct log log;
	uint16_t port;     /* 500 */
	uint16_t nat_port; /* 4500 */
	unsigned tries;    /* sendings of one request (MID-10) */
	/* The additional key exchange that is offered and taken (crypto/kem.h); NULL: none. */
	const struct kem *kem;
	/* Octets of an IP datagram; longer messages are cut (FRG-8). 0: 1280. */
	uint16_t ip_size;
};

struct ike *ike_new(const struct ike_ports *ports, const struct ike_owner *owner,
                    const struct ike_settings *settings);
/* Forgets everything and says nothing to anybody; see ike_shutdown(). */
void ike_free(struct ike *ike);

struct ike_wish {
	struct path path; /* port 500 both; IKE_AUTH moves to 4500 (NAT-12) */
	struct ike_self self;
	struct ike_id expected_id; /* sent as IDr; ID_NONE sends none */
	enum ike_auth peer_auth;
	unsigned peer_psk;      /* PSK: index of the shared secret */
	struct ike_certs certs; /* signature: instead of keys */
	struct ike_ppk ppk;     /* used as the profile says */
	struct traffic_selector local;
	struct traffic_selector remote;
	struct selectors more_local; /* copied */
	struct selectors more_remote;
	/* Named before the selectors (TS-5). A peer that takes single pairs only, or only what was
	 * named, is asked once more for its addresses (TS-7). */
	struct ike_packet packet;
	uint64_t tag;                      /* the owner's, not 0 */
	const struct ike_profile *profile; /* copied; NULL: the defaults */
	bool is_restarting;    /* it was there a short while ago: IKE_SA_INIT is repeated often */
	bool is_opportunistic; /* gives up behind a NAT without showing the private address (OEN-2),
	                        * wants back exactly the selectors it asked for (OIN-9) */
	/* No CHILD SA: selectors are not read, and nothing is heard of `tag` once sa_up has come
	 * (RFC 6023). A peer that has not said it can do that ends the attempt (REFUSED, CHL-2). */
	bool is_childless;
};

/* Starts an IKE SA with one CHILD SA. 0: the table is full or this machine cannot. */
ike_handle ike_initiate(struct ike *ike, const struct ike_wish *wish, struct instant now);
/*
 * Initiator: the keys the peer may sign with and whether its IDr is fine. May come before or after
 * IKE_AUTH; count 0 ends the attempt (NO_KEYS).
 */
void ike_set_peer_keys(struct ike *ike, ike_handle sa, const struct pubkey *keys, size_t count,
                       struct instant now);

/* What the Responder's owner decides about a claim. */
enum ike_verdict {
	IKE_VERDICT_ACCEPT,
	IKE_VERDICT_UNAUTHENTICATED, /* AUTHENTICATION_FAILED: no IKE SA (AUZ-9) */
	IKE_VERDICT_NO_CHILD,        /* TS_UNACCEPTABLE: IKE SA without a child, if AUTH verifies */
};

struct ike_permission {
	enum ike_verdict verdict;
	struct ike_self self;      /* who we are towards this peer */
	const struct pubkey *keys; /* candidates for the peer's AUTH (signature) */
	size_t key_count;
	struct ike_certs certs;       /* instead of keys */
	struct ike_ppk ppk;           /* the one the claim names, if we have it */
	unsigned peer_psk;            /* PSK */
	struct traffic_selector peer; /* narrowed selectors to grant */
	struct traffic_selector ours;
	struct selectors more_peer; /* copied */
	struct selectors more_ours;
	uint64_t tag; /* comes back in child_up */
	/* Of the IKE SA from now on, and of this child; copied. NULL: what IKE_SA_INIT began
	 * with. An IKE SA whose algorithms it does not allow is refused. Not read for further
	 * children. */
	const struct ike_profile *profile;
};
void ike_authorize(struct ike *ike, ike_handle sa, const struct ike_permission *permission,
                   struct instant now);
void ike_authorize_child(struct ike *ike, ike_handle sa, const struct ike_permission *permission,
                         struct instant now);

/* CREATE_CHILD_SA on an established IKE SA; queued behind an outstanding request (MID-4). */
void ike_create_child(struct ike *ike, ike_handle sa, const struct traffic_selector *local,
                      const struct traffic_selector *remote, uint64_t tag, struct instant now);
/* The same with several selectors a side; `more` are those beyond the first, copied. */
struct more_selectors {
	struct selectors local;
	struct selectors remote;
	struct ike_packet packet; /* as in ike_wish */
};
void ike_create_wide_child(struct ike *ike, ike_handle sa, const struct traffic_selector *local,
                           const struct traffic_selector *remote, const struct more_selectors *more,
                           uint64_t tag, struct instant now);
/* Time for the next one, as its lifetime says or not: a new IKE SA under the same handle. */
void ike_rekey(struct ike *ike, ike_handle sa, struct instant now);
/* It was used up to its soft limit: time for the next one. */
void ike_rekey_child(struct ike *ike, ike_handle sa, uint32_t spi_in, struct instant now);
/* It was used up to its hard limit: gone for both directions, as at the end of its time (OUT-5). */
void ike_expire_child(struct ike *ike, ike_handle sa, uint32_t spi_in, struct instant now);
/* Delete to the peer; child_gone comes at once. */
void ike_delete_child(struct ike *ike, ike_handle sa, uint32_t spi_in, struct instant now);
/* Delete to the peer; children and the SA are reported gone at once. An SA that is up neither
 * here nor, as far as we know, at the peer is just forgotten. */
void ike_delete(struct ike *ike, ike_handle sa, struct instant now);
/* Deletes all SAs; new requests are ignored from now on. True once no answer is waited for. */
void ike_shutdown(struct ike *ike, struct instant now);
bool ike_is_quiet(const struct ike *ike);

/*
 * Somebody says that the peer at that address, or of that IKE SA, may have lost its SAs: an ICMP
 * error, cleartext where ESP should come. Nobody has proven it, so the peer is asked, once in a
 * minute (LIV-3).
 */
void ike_hint(struct ike *ike, const struct ip *peer, struct instant now);
void ike_hint_sa(struct ike *ike, ike_handle sa, struct instant now);
/* The peer at that address is there (again): what waits for an answer of it is asked at once. */
void ike_nudge(struct ike *ike, const struct ip *peer, struct instant now);

/* ESP came along `path` (ports 0: protocol 50) under an SPI that no SA has. The caller limits how
 * often; so does the endpoint (ERR-15, ERR-16). */
void ike_on_unknown_spi(struct ike *ike, const struct path *path, uint32_t spi, struct instant now);

/* The newest ESP of that IKE SA's came along another path than its own (NAT-9). */
void ike_peer_moved(struct ike *ike, ike_handle sa, const struct path *path, struct instant now);

/* `datagram` without the non-ESP marker. */
void ike_on_datagram(struct ike *ike, const struct path *path, struct bytes datagram,
                     struct instant now);
void ike_on_job_done(struct ike *ike, uint64_t job_id, struct bytes result, struct instant now);
void ike_on_deadline(struct ike *ike, struct instant now);
struct instant ike_deadline(const struct ike *ike);

/* One list: counter, name in metrics and in `ipsec status`, and what it says. */
#define IKE_DROPS(X)                                                                    \
	X(RUNT, "runt", "shorter than a header, or of another length than it says")     \
	X(VERSION, "version", "not IKEv2")                                              \
	X(NO_SA, "no-sa", "no IKE SA has these SPIs")                                   \
	X(MALFORMED, "malformed", "payloads that do not parse")                         \
	X(INTEGRITY, "integrity", "integrity check failed")                             \
	X(MESSAGE_ID, "message-id", "message ID outside the window")                    \
	X(STATE, "state", "a message that does not fit the state of its SA")            \
	X(COOKIE, "cookie", "IKE_SA_INIT without a good cookie: answered with one")     \
	X(CROWD, "crowd", "IKE_SA_INIT of a source or network with too many")           \
	X(PIECE, "piece", "a piece of a message that was cut otherwise or is too long") \
	X(FULL, "full", "the table of half-open SAs is full")                           \
	X(SHUTDOWN, "shutdown", "we are going away")

enum ike_drop {
#define X(name, word, text) IKE_DROP_##name,
	IKE_DROPS(X)
#undef X
	    IKE_DROP_COUNT
};
uint64_t ike_dropped(const struct ike *ike, enum ike_drop drop);
const char *ike_drop_name(enum ike_drop drop);

/* For listings. */
struct ike_sa_view {
	ike_handle handle;
	const char *state;
	struct path path;
	struct ike_id local_id;
	struct ike_id peer_id;
	bool is_initiator;
	uint64_t spi_i;
	uint64_t spi_r;
	size_t children;
};
/* Calls `see` for each IKE SA, in no order. */
void ike_list(const struct ike *ike, void (*see)(void *ctx, const struct ike_sa_view *view),
              void *ctx);
size_t ike_count(const struct ike *ike);
