#pragma once
/*
 * ipsec.conf in FreeS/WAN's format, parsed into plain structs.
 *
 * The parser is given text and a function that reads an included file; it touches nothing itself.
 * It reports every error it finds, each with file, line, what is wrong and what to write.
 */
#include "config/policies.h"
#include "crypto/pubkey.h"
#include "dns/record.h"
#include "util/address.h"
#include "util/text.h"

enum end_kind {
	END_UNSET,
	END_ADDRESS,
	END_ANY,           /* %any */
	END_DEFAULTROUTE,  /* %defaultroute */
	END_OPPORTUNISTIC, /* %opportunistic */
};

enum conf_id_kind {
	CONF_ID_NONE,
	CONF_ID_ADDRESS,
	CONF_ID_FQDN,
	CONF_ID_MAIL, /* user@host */
	CONF_ID_KEY,  /* @#hex: octets that mean something to both ends */
	CONF_ID_DN,   /* "C=CH, O=Example, CN=west" */
};

enum { CONF_ID_OCTETS_MAX = 255 };

struct conf_id {
	enum conf_id_kind kind;
	struct ip address;
	char fqdn[DNS_NAME_MAX]; /* FQDN without the @; MAIL with it */
	uint8_t len;
	uint8_t octets[CONF_ID_OCTETS_MAX]; /* KEY; DN in DER */
};

/* The same identity? FQDNs are normalised already. */
bool conf_id_equal(const struct conf_id *a, const struct conf_id *b);

/* More than that many is an error that says so; nothing is cut in silence. */
enum {
	CONF_DNS_MAX = 8,
	CONF_DNS_USERS_MAX = 16,
	CONF_INTERFACES_MAX = 16,
	CONF_CONNS_MAX = 4096,
	CONF_SUBNETS_MAX = 8,
	CONF_DEVICE_MAX = 16,
	CONF_USER_MAX = 33,
	CONF_FILE_MAX = 128,   /* name of a certificate's file, or of a CA */
	CONF_SUITES_MAX = 256, /* ike= and esp= as written */
};

enum send_cert { SEND_CERT_ASKED, SEND_CERT_ALWAYS, SEND_CERT_NEVER };

enum conn_auth {
	CONN_RSASIG, /* a signature, whatever the kind of key */
	CONN_SECRET,
	CONN_NULL, /* no proof at all (RFC 7619) */
};

struct conn_end {
	enum end_kind kind;
	bool is_group; /* %group (kind ANY), %opportunisticgroup (OPPORTUNISTIC) */
	struct ip address;                         /* END_ADDRESS */
	struct ip_range subnets[CONF_SUBNETS_MAX]; /* leftsubnet=, one or several */
	size_t subnet_count;                       /* 0: the gateway itself */
	struct conf_id id;
	bool has_key;
	struct pubkey key;   /* leftrsasigkey=0s..., leftsigkey=0s... */
	bool has_auth;       /* leftauth= was given */
	enum conn_auth auth; /* how this end proves who it is: leftauth=, else authby= */
	struct ip nat; /* leftnat=: the inside range is translated to it in tunnels; or IP_NONE */
	char cert[CONF_FILE_MAX]; /* leftcert=: a file; "": none */
	char ca[CONF_FILE_MAX];   /* leftca=: a distinguished name, or %same; "": any */
	enum send_cert send_cert;
	bool wants_dns;    /* leftsigkey=%dns was written */
	bool wants_cert;   /* leftsigkey=%cert was written */
	struct buf chain;  /* of leftcert=, see crypto/x509.h; owned by the conn */
	struct buf issuer; /* leftca= in DER; owned by the conn */
	bool takes_cert;   /* this end is known by a certificate that it shows */
};

enum conn_type { CONN_TUNNEL, CONN_PASSTHROUGH, CONN_DROP, CONN_REJECT };
enum conn_auto { AUTO_IGNORE, AUTO_ADD, AUTO_ROUTE, AUTO_START };
enum shunt_choice { SHUNT_PASSTHROUGH, SHUNT_DROP, SHUNT_REJECT, SHUNT_NONE };
enum ppk_use { PPK_USE_NO, PPK_USE_PROPOSE, PPK_USE_INSIST };
enum dpd_action { DPD_HOLD, DPD_CLEAR, DPD_RESTART };

/* How the peer of a conn is dealt with. A time of 0: not given. */
struct conn_dealings {
	unsigned ikelifetime_s;
	unsigned keylife_s;
	unsigned rekeymargin_s;
	uint64_t life_octets; /* of a CHILD SA in one direction; 0: not given */
	uint64_t life_packets;
	bool has_rekeyfuzz;
	unsigned rekeyfuzz_percent;
	bool has_no_rekey;
	bool has_no_pfs;
	unsigned dpddelay_s;
	unsigned dpdtimeout_s;
	enum dpd_action dpdaction;
	bool encapsulation;
	bool copies_dscp; /* copy-dscp= */
	enum ppk_use ppk;
	bool transport;            /* type=transport */
	char ike[CONF_SUITES_MAX]; /* as written; "": ours */
	char esp[CONF_SUITES_MAX];
};

enum dnssec_mode { DNSSEC_PREFER, DNSSEC_REQUIRE, DNSSEC_OFF };

/* How far a conn believes the DNS. */
struct conn_trust {
	bool has_dnssec; /* dnssec= was given; else config setup's counts */
	enum dnssec_mode dnssec;
	bool unsigned_self;   /* unsigned-delegation=self: unsigned, only for oneself */
	bool try_destination; /* without a record the Destination itself is tried */
	bool sticky;          /* unsigned answers take no protection away */
};

/*
 * A connection. Settled when conf_parse() returns: both ends are set, at most one of them is
 * %opportunistic, %any or %defaultroute each. `failure` is passthrough by default where an end is
 * %opportunistic, drop for arranged tunnels: those were never meant to go in the clear.
 */
struct conn {
	char *name;
	struct conn_end left;
	struct conn_end right;
	enum conn_type type;
	enum conn_auth auth; /* authby= */
	enum conn_auto auto_action;
	enum shunt_choice failure;
	bool has_failure;     /* failureshunt= was given */
	bool has_negotiation_pass; /* negotiationshunt=passthrough */
	unsigned keyingtries; /* 0: %forever */
	struct conn_dealings dealings;
	struct conn_trust trust;
	char *file; /* where the section starts */
	unsigned line;
	/* A policy group: one of its ends is_group, and the remote addresses are these. */
	struct policy_entries entries;
	char *policy_file;    /* ipsec.d/policies/NAME; NULL: no group */
	bool is_implied;      /* no section of ipsec.conf made it */
	bool is_makeshift;    /* stands for what files say that cannot be used; see groups.h */
};

enum { CONF_TUNNEL_IDLE_LEAST_S = 40 };

struct conf_setup {
	bool uses_defaultroute;                                /* interfaces=%defaultroute */
	char interfaces[CONF_INTERFACES_MAX][CONF_DEVICE_MAX]; /* device names of "ipsec0=eth0" */
	size_t interface_count;
	struct ip dns[CONF_DNS_MAX]; /* empty: resolv.conf */
	size_t dns_count;
	bool has_dns_users; /* dns-users= was given; else the usual resolvers' users where they
	                       exist */
	char dns_users[CONF_DNS_USERS_MAX][CONF_USER_MAX];
	size_t dns_user_count;
	enum dnssec_mode dnssec;
	char *trust_anchor; /* file name; never NULL after conf_parse */
	unsigned shunt_idle_s;
	bool overload_passes;   /* overload=passthrough */
	unsigned tunnel_idle_s; /* of opportunistic tunnels; see opportunism/life.c */
	unsigned daemon_down_s;
	bool route_bypass;    /* what has a route of its own goes past us */
	uint32_t mark_mask;   /* mark-mask=: the bits of packet marks that are ours */
	bool seccomp;         /* the daemon may make only the system calls it needs */
	bool has_strict_crls; /* strictcrlpolicy=yes: a CA without a CRL counts for nothing */
	bool skips_key_records; /* key-records=no */
	bool has_shared_ids;  /* uniqueids=no: several peers may have one identity */
	char *log;            /* file name, or NULL: stderr or the journal */
};

struct x509_trust;

/* Files of policies were wrong at the start: what is said there counts in part, see groups.h. */
struct conf {
	bool is_makeshift;
	struct conf_setup setup;
	struct x509_trust *trust; /* CAs and CRLs; NULL: no conn takes certificates */
	struct conn *conns;       /* without %default */
	size_t conn_count;
};

/*
 * Lines of text, one message each, ready to print: `FILE:LINE: KEY=VALUE: what is wrong; what to
 * write`. Of more than CONF_ERRORS_SHOWN errors the rest is only counted.
 */
struct conf_messages {
	struct text errors;
	struct text warnings;
	unsigned error_count;
	unsigned warning_count;
	char *first_file; /* where the first error is, or NULL; its line may be 0: the whole file */
	unsigned first_line;
};
enum { CONF_ERRORS_SHOWN = 50 };

struct conf_reader {
	void *ctx;
	/*
	 * Files that match `pattern` (a path, perhaps with globs, relative to the including file's
	 * directory `base`; a `base` of "" is the directory of ipsec.conf), sorted: for each,
	 * `add(add_ctx, name, text)`, `name` being `base`/match. False if a plain name does not
	 * exist or cannot be read; a glob that matches nothing is no error.
	 */
	bool (*read)(void *ctx, const char *base, const char *pattern,
	             void (*add)(void *add_ctx, const char *name, struct bytes text),
	             void *add_ctx);
};

/*
 * `file` is the name messages use and the directory includes are relative to ("ipsec.conf").
 * False if there was an error; `out` is then empty. `out` and `messages` are wiped by the caller.
 */
MUST_USE bool conf_parse(struct conf *out, const char *file, struct bytes text,
                         const struct conf_reader *reader, struct conf_messages *messages);
/*
 * The same for the start of a machine, where no running configuration could stay instead: mistakes
 * in files of policies do not make it fail. Then `out` is makeshift, and they stand among the
 * errors.
 */
MUST_USE bool conf_parse_to_start(struct conf *out, const char *file, struct bytes text,
                                  const struct conf_reader *reader, struct conf_messages *messages);
void conf_wipe(struct conf *conf);
/* A conn of its own with all it owns. */
void conn_copy(struct conn *out, const struct conn *conn);
void conn_wipe(struct conn *conn);
/*
 * Moves the conn of that name from one configuration into another; one of the same name there comes
 * back in exchange. False: `from` has none.
 */
MUST_USE bool conf_take_conn(struct conf *into, struct conf *from, const char *name);
void conf_messages_wipe(struct conf_messages *messages);

/* Whether one of the end's subnets has this address in it. */
bool conn_end_contains(const struct conn_end *end, const struct ip *address);

/*
 * Which side of a conn is this gateway? By the addresses in `own`, or %defaultroute; failing that
 * the left. `theirs` may be NULL.
 */
const struct conn_end *conn_ours(const struct conn *conn, const struct ip *own, size_t own_count,
                                 const struct conn_end **theirs);
/* Is one end an address of this machine? Not always while its network is not up yet; conn_ours()
 * then takes the left one. */
bool conn_is_ours(const struct conn *conn, const struct ip *own, size_t own_count);
