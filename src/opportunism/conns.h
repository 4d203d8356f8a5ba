#pragma once
/*
 * The conns as this gateway runs them: which side is ours, added or not, routed or not, and the
 * policy rows they make.
 */
#include "config/conf.h"
#include "config/secrets.h"
#include "ike/ike.h"
#include "opportunism/opportunism.h"
#include "opportunism/policy.h"

struct conn_state {
	struct conn conn;     /* a copy; name and file owned */
	struct conn_end ours; /* what they own is the conn's */
	struct conn_end theirs;
	bool is_opportunistic; /* its peers are found, or come, by their records */
	bool is_group;         /* its remote addresses are the entries of a policy file */
	bool is_added;                     /* answers peers */
	bool is_routed;                    /* traps packets */
	bool waits_for_address;            /* auto=start, and this machine had none to do it from */
	long psk;                          /* index of the shared secret, -1 without */
	struct ike_ppk ppk;                /* the post-quantum secret, if there is one */
	const struct ike_profile *profile; /* one of `profiles` */
};

/* An address of a name in a policy file. */
struct named_address {
	char name[DNS_NAME_MAX];
	struct ip address;
	bool is_secure; /* the answer was signed */
};

struct conns {
	struct conn_state *list;
	size_t count;
	struct named_address *named;
	size_t named_count;
	struct policy_table answering; /* rows of the added ones; empty where no group is */
	struct ike_profile **profiles; /* distinct ones, of all conns */
	size_t profile_count;
};

/* The same gateways, known by the same names in the same way? */
bool conn_ends_alike(const struct conn_state *a, const struct conn_state *b);
/* Would a failure under one be the same under the other, by all that they say? */
bool conn_decides_alike(const struct conn_state *a, const struct conn_state *b);

/* Several outer addresses of that family. */
bool own_has_choice(const struct own_addresses *own, enum ip_family family);

/* Deep copies; `secrets` may be NULL. */
void conns_load(struct conns *conns, const struct conf *conf, const struct secrets *secrets,
                const struct own_addresses *own);
void conns_wipe(struct conns *conns);
/* Added and routed or not as those of the same name `before`; new ones are neither. */
void conns_keep_states(struct conns *conns, const struct conns *before);
struct conn_state *conns_find(const struct conns *conns, const char *name);

/*
 * Rows of the routed conns; the caller frees `*rows`. `gives_way` (may be NULL) has one place for
 * each of `named`: set where its unsigned address would open what is closed, and has no row.
 */
size_t conns_rows(const struct conns *conns, const struct own_addresses *own,
                  struct policy_row **rows, bool *gives_way);

/* Makes `answering`, after any change of the conns; `routed` is what conns_rows() made of them, or
 * NULL. False: too many rows; nobody is answered for a group then. */
MUST_USE bool conns_index(struct conns *conns, const struct own_addresses *own,
                          const struct policy_row *routed, size_t routed_count);

/* Our outer address of a family for this conn, or IP_NONE. */
struct ip conn_outer(const struct conn_state *conn, enum ip_family family,
                     const struct own_addresses *own);
/* Whether that is an outer address of ours for this conn. */
bool conn_is_at(const struct conn_state *conn, const struct ip *address,
                const struct own_addresses *own);
/* Whether the conn protects this local address: an address of ours, or inside its subnet. */
bool conn_protects(const struct conn_state *conn, const struct ip *local,
                   const struct own_addresses *own);
/* The added conn that answers for (ours, theirs), most specific first, one that wants
 * this proof of the peer before its equals; NULL if none. */
struct conn_state *conns_answering(struct conns *conns, const struct ip *ours,
                                   const struct ip *theirs, const struct own_addresses *own,
                                   enum ike_auth auth);
/* The added conn by whose rules that gateway may have an IKE SA alone (RFC 6023), one that wants this
 * proof; NULL if none. */
struct conn_state *conns_answering_gateway(struct conns *conns, const struct ip *remote,
                                           enum ike_auth auth);
/* How somebody is dealt with who comes from this address and has not said who he is; NULL: by the
 * defaults. */
const struct ike_profile *conns_profile_towards(const struct conns *conns, const struct ip *remote);
/* Whether a conn for that address takes certificates of its peer. */
bool conns_take_certificates(const struct conns *conns, const struct ip *remote);
/* By which certificates the peer of the conn may be known; borrowed. */
struct ike_certs conn_certs(const struct conn_state *conn, const struct x509_trust *trust);
/* leftid, or the outer address. */
struct ike_id conn_own_id(const struct conn_state *conn, const struct ip *outer);
/* How far the conn believes unsigned answers; NULL: as config setup says. */
static inline enum dnssec_mode conn_dnssec(const struct conn_state *conn, enum dnssec_mode setup)
{
	return conn != NULL && conn->conn.trust.has_dnssec ? conn->conn.trust.dnssec : setup;
}
/* In IKE's words. */
enum ike_auth ike_auth_of(enum conn_auth auth);
/* ID_NONE for none. */
struct ike_id id_of_conf(const struct conf_id *id);
/* A configured tunnel that comes up although no name can be resolved. */
bool conn_needs_no_dns(const struct conn_state *conn);
/* A tunnel that both ends know of: it is made between one address here and one there. */
bool conn_is_arranged(const struct conn_state *conn);
/* What a tunnel's pair gets when the negotiation fails. */
bool conn_is_private(const struct conn_state *conn);
