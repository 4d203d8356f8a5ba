#pragma once
/*
 * One IKE SA (RFC 7296 section 2): its keys, its message IDs, its children, its place in life.
 *
 * Private to this folder; the exchanges (init, auth_exchange, create_child, informational) work
 * on it.
 *
 *   Initiator  INIT_SENT -> [INTERMEDIATE_SENT] -> AUTH_MAKING -> AUTH_SENT
 *                -> [KEYS_WANTED] -> RESPONSE_CHECKING -> UP
 *   Responder  INIT_ANSWERED -> AUTH_WANTED -> REQUEST_CHECKING -> RESPONSE_MAKING -> UP
 *   both       ... -> CLOSING (our last request is under way; the owner believes it gone)
 *              UP -> REPLACED (the peer rekeyed it; its Delete will come)
 *              ... -> LINGERING (only our last response is kept, for its retransmissions)
 *              ... -> DEAD (freed at the end of the event)
 */
#include "ike/auth.h"
#include "ike/child.h"
#include "ike/endpoint.h"
#include "ike/join.h"
#include "crypto/kem.h"
#include "ike/keys.h"
#include "ike/lifetime.h"
#include "ike/nat.h"
#include "ike/nonce.h"
#include "ike/own_kex.h"
#include "ike/profile.h"
#include "ike/retransmit.h"
#include "ike/sk.h"
#include "ike/ts.h"

struct request;
struct followup;

#define IKE_SA_STATES(X)                                        \
	X(INIT_SENT, "IKE_SA_INIT sent")                        \
	X(INTERMEDIATE_SENT, "IKE_INTERMEDIATE sent")           \
	X(AUTH_MAKING, "our AUTH is being made")                \
	X(AUTH_SENT, "IKE_AUTH sent")                           \
	X(KEYS_WANTED, "waiting for the peer's keys")           \
	X(RESPONSE_CHECKING, "checking the peer's AUTH")        \
	X(INIT_ANSWERED, "IKE_SA_INIT answered")                \
	X(AUTH_WANTED, "waiting for what DNS says of the peer") \
	X(REQUEST_CHECKING, "checking the peer's AUTH")         \
	X(RESPONSE_MAKING, "our AUTH is being made")            \
	X(UP, "up")                                             \
	X(CLOSING, "closing")                                   \
	X(LINGERING, "closed, last answer kept")                \
	X(REPLACED, "rekeyed, waiting for its Delete")          \
	X(DEAD, "gone")

enum ike_sa_state {
#define X(name, text) IKE_SA_##name,
	IKE_SA_STATES(X)
#undef X
};
const char *ike_sa_state_name(enum ike_sa_state state);

enum {
	IKE_SA_CHILDREN_MAX = 256, /* more: NO_ADDITIONAL_SAS, child_failed(NO_MORE_CHILDREN);
	                            * while they are rekeyed it may be twice as many */
	IKE_SA_REQUESTS_MAX = 256, /* queued to make children; more: child_failed(LOCAL) */
	IKE_SA_KEYS_MAX = 16,      /* candidates for one AUTH; more are not tried */
	IKE_SA_FORGERIES_MAX = 5,  /* failed integrity checks that end a half-open SA (DOS-6) */
	INNER_MAX = 6144,          /* payloads of one message of ours before sealing */
};

/* The peer's half of a CHILD SA under negotiation. */
struct child_terms {
	struct proposal_choice choice;
	struct ts_list ts_i;
	struct ts_list ts_r;
	bool has_transport; /* USE_TRANSPORT_MODE was in the message */
	/* CREATE_CHILD_SA as Responder */
	uint32_t replaces; /* spi_in of the one to be rekeyed; 0: none */
	struct nonce peer_nonce;
	struct buf peer_public;
};

/* An additional key exchange between IKE_SA_INIT and IKE_AUTH (intermediate.h). */
struct intermediate {
	const struct kem *kem; /* chosen in IKE_SA_INIT; NULL: there is no such exchange */
	bool is_done;
	struct secret seed;          /* Initiator: of its key pair */
	struct sk before;            /* Responder: the keys of repetitions of the request */
	uint8_t auth_i[PRF_LEN_MAX]; /* IntAuth_i and IntAuth_r, once there */
	uint8_t auth_r[PRF_LEN_MAX];
};

/* How far the PPK of a handshake is. */
enum ppk_step { PPK_UNUSED, PPK_PLAIN_AUTH, PPK_KEYS, PPK_USED };

/* What is needed only until the IKE SA is up. */
struct handshake {
	struct buf request;  /* RealMessage1: the last one sent (INI-6), without the marker */
	struct buf response; /* RealMessage2 */
	struct nonce nonce_i;
	struct nonce nonce_r;
	struct own_kex kex; /* Initiator; Responder whose keys wait (init_finish()) */
	hash_set peer_hashes;
	struct intermediate intermediate;
	/* Initiator */
	struct ike_wish wish;
	struct buf cookie;
	unsigned retries_left;     /* after COOKIE or INVALID_KE_PAYLOAD (INI-3, INI-4) */
	uint64_t kex_tried;        /* bits 1 << enum kex_id */
	uint16_t refusal;          /* an unprotected error that came (INI-7); 0: none */
	uint32_t spi_in;           /* of the first child */
	bool peer_takes_childless; /* said so in IKE_SA_INIT */
	bool has_keys;             /* ike_set_peer_keys() was called */
	/* Responder */
	struct buf child_offer;           /* body of SAi2 */
	struct ike_permission permission; /* without its keys */
	/* Both */
	bool initial_contact;   /* the peer's */
	struct pubkey *keys;    /* candidates for the peer's AUTH */
	struct pubkey peer_key; /* the one it was */
	size_t key_count;
	struct buf id_body;      /* our ID payload's */
	struct buf peer_id_body; /* as received (AUT-4) */
	/* ppk.h */
	enum ppk_step ppk_step;
	bool peer_takes_ppk; /* and so do we */
	uint8_t peer_method; /* of the AUTH payload */
	char ppk_id[IKE_PPK_ID_MAX + 1];
	struct buf plain_auth;
	struct secret plain_d, plain_pi, plain_pr; /* the keys before it */
	struct buf own_chain;     /* certificates of wish.self or permission.self */
	struct buf peer_chain;    /* that the peer sent, as they came */
	bool peer_wants_cert;     /* CERTREQ */
	struct x509_trust *trust; /* what the peer's chain is checked with; NULL: keys do */
	struct buf peer_ca;
	struct buf token; /* ours, that proves our crash */
	enum signature_id own_signature;
	enum signature_id peer_signature;
	struct buf peer_proof;     /* signature or MAC of the peer's AUTH payload */
	struct child_terms *child; /* NULL: there will be none, and child_error says why */
	uint16_t child_error;
};

/* A CHILD SA; its keys are with the packet engine. */
struct child {
	struct child *next;
	uint32_t spi_in;
	uint32_t spi_out;
	struct traffic_selector local;
	struct traffic_selector remote;
	struct selectors more_local; /* owned */
	struct selectors more_remote;
	struct lifetime life;
	struct instant since;
	bool is_deleting;      /* our Delete has no answer yet (DEL-5, COL-4) */
	bool is_reported;      /* gone, as the owner knows */
	bool is_rekeying;      /* our request to rekey it has no answer yet */
	uint32_t heir;         /* spi_in of what the peer made in its place; 0: none */
	struct buf heir_nonce; /* the lowest of that exchange (COL-20) */
};

/* What a sealed message of ours says, as long as it may have to be cut into smaller pieces. */
struct uncut {
	struct buf inner; /* empty: it is small enough */
	uint8_t first;
	uint16_t ip_size; /* it was cut for */
	uint8_t times;    /* it was sent again */
};

struct ike_sa {
	/* settled at creation */
	struct ike *ike;
	ike_handle handle;
	bool is_initiator; /* the original initiator (HDR-5) */
	uint64_t spi_i;
	struct instant created;
	/* The peer's, which IKE_SA_INIT went to and came back from. Everybody can send from any
	 * address; this is the one that it has shown to hear us at. */
	struct ip home;
	bool has_origin;             /* entered in by_init, not the fruit of a rekey */
	struct endpoint init_source; /* Responder: where IKE_SA_INIT came from (INI-8) */
	/* tables */
	struct hash_node spi_node;
	struct hash_node handle_node;
	struct hash_node init_node;
	struct hash_node job_node;
	struct hash_node token_node;
	LIST_ENTRY(ike_sa) at_address;
	LIST_ENTRY(ike_sa) with_names;
	struct heap_node deadline;
	struct ike_sa *next_ended;
	/* changing */
	enum ike_sa_state state;
	uint64_t spi_r;        /* the Initiator learns it from IKE_SA_INIT */
	uint64_t job;          /* 0: none under way */
	uint64_t token_job;    /* the same (crash.h) */
	struct buf peer_token; /* that proves its crash; empty: it gave none */
	struct path path;
	struct instant up_since;
	struct instant expires; /* end of this state, unless something happens */
	struct buf local_id; /* id_kept() */
	struct buf peer_id;
	enum ike_auth peer_auth; /* how the peer proved its ID, or says it does */
	bool by_certificate;
	bool is_known_to_owner;      /* sa_gone is due */
	struct half_open *half_open; /* Responder, until it is up; then NULL */
	struct nat_findings nat;
	bool peer_is_wildswan; /* by its Vendor ID */
	bool has_address;      /* entered in the tables of peers.h */
	bool has_names;
	bool is_opportunistic;
	unsigned forgeries;
	const struct ike_profile *profile; /* held in ike->profiles, never NULL */
	const struct kem *kem; /* both have it, for this SA and those after it; NULL: none */
	struct handshake *hs;              /* NULL once up */
	struct suite suite;
	uint64_t owed_tag; /* CLOSING: the failure of this wish is still to be reported; 0: none */
	enum ike_reason owed_reason;
	struct ike_keys keys; /* only sk_d once up */
	struct sk sk;
	/* its successor (successor.h) */
	struct lifetime life;
	struct instant rekeyed;  /* when it came up by a rekey, or one was not followed up; or 0 */
	bool is_worn;            /* by its counters; said once */
	struct ike_sa *rival;    /* what the peer made while ours is being made; NULL: none */
	struct ike_sa *rival_of; /* the old one of this rival */
	struct buf rival_nonce;  /* the lowest of the rival's exchange (COL-20) */
	uint64_t heir_spi;       /* REPLACED: ours, of the one that took over */
	/* The peer made it by a rekey and may not have our answer yet: what we asked by it would be
	 * for an SA it does not know, and its answer would reveal the token of a living one
	 * (RFC 6290 section 9.2). */
	bool is_unheard;
	/* is the peer there (liveness.h) */
	struct instant heard;  /* last on this SA */
	struct instant hinted; /* when somebody made us ask; 0: never */
	struct instant look;
	struct instant complained; /* of the message IDs of the peer; 0: never */
	struct instant gives_up;   /* at a silence as long as the profile says */
	bool cuts;                 /* both can join pieces (FRG-1) */
	uint16_t ip_size;          /* of the datagrams we cut messages for; shrinks, never grows */
	struct instant keepalive;  /* for our NAT (nat_path.h) */
	/* our requests */
	uint32_t own_next_id;
	struct buf sent; /* the request without an answer, whole or cut; empty: none */
	uint8_t sent_exchange;
	struct uncut sent_uncut;
	struct join *sent_join; /* its response, as it comes in pieces */
	struct retransmit retransmit;
	struct instant nudged; /* sent again before its time, or for the first time */
	struct instant lost;   /* the peer said that it has lost a child; 0: never */
	struct request *current; /* what `sent` is about, after IKE_AUTH */
	struct request *queue;
	/* the peer's requests */
	uint32_t peer_next_id;
	bool is_answering; /* the one before peer_next_id waits for its response (MID-15) */
	uint8_t answering_exchange;
	struct path answering_path;
	struct buf response; /* to the one before peer_next_id (MID-8) */
	struct uncut response_uncut;
	struct join *request_join; /* the next one, as it comes in pieces */
	struct child_terms *asked; /* CREATE_CHILD_SA the owner thinks about */
	struct followup *followup; /* CREATE_CHILD_SA of the peer that waits for its second part */
	/* */
	struct child *children;
	size_t child_count;
	struct instant used; /* up to then it had children, or was for them (LIFE-7) */
};

/* Both are entered in the tables, DEAD objects excepted. NULL: the table is full. */
struct ike_sa *ike_sa_new(struct ike *ike, bool is_initiator, const struct path *path,
                          struct instant now);
/* In place of `old`, up but for its keys; ike_sa_inherit() when it takes over. The owner knows
 * nothing of it. */
struct ike_sa *ike_sa_new_successor(const struct ike_sa *old, bool is_initiator, uint64_t spi_i,
                                    uint64_t spi_r, struct instant now);
uint64_t ike_free_spi(struct ike *ike);
/* Takes it out of the tables and frees it with all it owns; tells nobody. */
void ike_sa_free(struct ike_sa *sa);
/* Frees it at the end of the event; tells nobody. */
void ike_sa_forget(struct ike_sa *sa);
/* The handshake succeeded: its secrets go, the owner hears sa_up. */
void ike_sa_up(struct ike_sa *sa, struct instant now);
void ike_sa_drop_handshake(struct ike_sa *sa);
/*
 * After a rekey, both SPIs of `heir` are known: who the peer is, where it is and how it is dealt
 * with come from `old`; liveness and keepalives begin anew, and the peer is given a token for the
 * new SPIs. Handle, children and requests are the caller's to move.
 */
void ike_sa_inherit(struct ike_sa *heir, const struct ike_sa *old, struct instant now);
/* SK_* from g^ir and both nonces of IKE_SA_INIT. False: the crypto library refused. */
MUST_USE bool ike_sa_make_keys(struct ike_sa *sa, const struct secret *shared);
/* SK_p* and the copies of SK_e* have done their work (KDF-8). */
void ike_sa_drop_handshake_keys(struct ike_sa *sa);

/*
 * The end, as the owner sees it: requests for children fail, children are gone, the SA is gone.
 * What becomes of the memory the caller says after it: ike_sa_forget(), _close() or _linger().
 */
void ike_sa_report_end(struct ike_sa *sa, enum ike_reason reason, bool proven);
/* The end without a word to the peer. */
void ike_sa_end(struct ike_sa *sa, enum ike_reason reason, bool proven);
/* The end with one last request: Delete, or with `notify` != 0 that error (ERR-8). */
void ike_sa_close(struct ike_sa *sa, enum ike_reason reason, uint16_t notify, struct instant now);
/*
 * The same for an Initiator whose peer proved the wrong thing: the peer believes in the CHILD SA
 * and drops cleartext of its pair. The owner, who may release held packets in the clear, hears of
 * the failure when the peer has answered our report, or after 2 s.
 */
void ike_sa_close_rejected(struct ike_sa *sa, enum ike_reason reason, uint16_t notify,
                           struct instant now);
/* Keeps the last response for its retransmissions for 30 s (ERR-7); reported gone before. */
void ike_sa_linger(struct ike_sa *sa, struct instant now);

/* The path as a claim says it: wherever the peer is now, it speaks for its home alone (AUZ-5). */
struct path ike_sa_proven_path(const struct ike_sa *sa);

/* From now on it is dealt with by `profile`; NULL: by the defaults. */
void ike_sa_set_profile(struct ike_sa *sa, const struct ike_profile *profile);

uint64_t ike_sa_own_spi(const struct ike_sa *sa);

/* Starts the one job this SA waits for. */
void ike_sa_start_job(struct ike_sa *sa, const struct crypto_job *job);
/* The earliest thing this SA has to do. */
struct instant ike_sa_due(const struct ike_sa *sa);

/* A header of ours with the message ID of our next request or of the request being answered. */
struct ike_header ike_sa_request_header(const struct ike_sa *sa, uint8_t exchange);
struct ike_header ike_sa_response_header(const struct ike_sa *sa);

void child_terms_free(struct child_terms *terms);
