#include "opportunism/self.h"

#include <stdlib.h>

#include "opportunism/keysearch.h"

struct self_search {
	LIST_ENTRY(self_search) in_list;
	struct opportunism *opp;
	struct key_search search;
	char name[DNS_NAME_MAX];
};

static bool is_searched(const struct opportunism *opp, const char *name)
{
	const struct self_search *self;

	LIST_FOREACH (self, &opp->self_searches, in_list) {
		if (strcmp(self->name, name) == 0)
			return true;
	}
	return false;
}

/* Marks the host keys that were found; says so when our name publishes only strangers' keys. */
static void on_done(struct key_search *search)
{
	struct self_search *self = search->owner;
	struct opportunism *opp = self->opp;
	struct found_keys found = key_search_keys(search, DNSSEC_PREFER);
	size_t ours = 0;

	for (size_t i = 0; i < opp->host_key_count; i++) {
		for (size_t j = 0; j < found.count; j++) {
			if (!pubkey_equal(&opp->host_keys[i].key, &found.keys[j]))
				continue;
			opp->is_published[i] = true;
			ours++;
		}
	}
	if (found.count > 0 && ours == 0)
		log_line(&opp->log, LOG_WARNING,
		         "%s: the DNS publishes a key for us that is not in ipsec.secrets; publish "
		         "what ipsec showhostkey prints",
		         self->name);
	found_keys_wipe(&found);
}

static void look_for(struct opportunism *opp, const struct ip *address, const char *fqdn)
{
	struct dns_name reverse = { "" };
	const char *name = fqdn;
	struct self_search *self;

	if (address->family != IP_NONE) {
		reverse = reverse_name(address);
		name = reverse.s;
	}
	if (is_searched(opp, name))
		return;
	self = new_zeroed(sizeof(*self));
	self->opp = opp;
	string_copy(self->name, sizeof(self->name), name);
	LIST_INSERT_HEAD(&opp->self_searches, self, in_list);
	key_search_start(&self->search, &opp->lookups, address, fqdn, KEY_SEARCH_TXT | KEY_SEARCH_FRESH, on_done,
	                 self);
}

void self_look(struct opportunism *opp)
{
	static const struct ip no_address = { .family = IP_NONE };

	self_forget(opp);
	if (opp->host_key_count == 0)
		return;
	for (size_t i = 0; i < opp->conns.count; i++) {
		const struct conn_state *conn = &opp->conns.list[i];

		if (!conn->is_opportunistic || !conn->is_added || conn->ours.auth != CONN_RSASIG)
			continue;
		if (conn->ours.id.kind == CONF_ID_FQDN) {
			look_for(opp, &no_address, conn->ours.id.fqdn);
			continue;
		}
		for (size_t j = 0; j < opp->own.outer_count; j++)
			look_for(opp, &opp->own.outer[j], "");
	}
}

void self_forget(struct opportunism *opp)
{
	struct self_search *self;

	while ((self = LIST_FIRST(&opp->self_searches)) != NULL) {
		LIST_REMOVE(self, in_list);
		key_search_stop(&self->search, &opp->lookups);
		free(self);
	}
}

static int type_rank(enum pubkey_type type)
{
	return type == PUBKEY_ED25519 ? 2 : pubkey_is_ecdsa(type) ? 1 : 0;
}

/* Published before unpublished, Ed25519 before ECDSA before RSA (DS-9), the order of ipsec.secrets
 * last. A key made with --next never signs. */
static int key_rank(const struct opportunism *opp, size_t i)
{
	if (opp->host_keys[i].is_next)
		return -1;
	return (opp->is_published[i] ? 3 : 0) + type_rank(opp->host_keys[i].key.type);
}

/* The key that the conn itself names, by leftcert= or leftsigkey=. */
enum { CERTIFIED_RANK = 6 };

static bool choose_host_key(const struct opportunism *opp, const struct conn_state *conn,
                            struct ike_self *self)
{
	int best = -1;

	for (size_t i = 0; i < opp->host_key_count; i++) {
		int rank = key_rank(opp, i);

		if (conn->ours.has_key && pubkey_equal(&conn->ours.key, &opp->host_keys[i].key))
			rank = CERTIFIED_RANK;
		if (rank <= best)
			continue;
		best = rank;
		self->key = (unsigned)i;
		self->key_type = opp->host_keys[i].key.type;
	}
	/* A certificate is of no use without its own key. */
	return best >= 0 && (conn->ours.cert[0] == '\0' || best == CERTIFIED_RANK);
}

/* What goes along with a signature. */
static void take_certificates(const struct conn_state *conn, struct ike_self *self)
{
	static const enum ike_send_cert when[] = { [SEND_CERT_ASKED] = IKE_SEND_CERT_ASKED,
		                                   [SEND_CERT_ALWAYS] = IKE_SEND_CERT_ALWAYS,
		                                   [SEND_CERT_NEVER] = IKE_SEND_CERT_NEVER };

	self->chain = buf_view(&conn->ours.chain);
	self->send_cert = when[conn->ours.send_cert];
}

bool self_for_conn(const struct opportunism *opp, const struct conn_state *conn,
                   const struct ip *outer, struct ike_self *self)
{
	*self = (struct ike_self){ .id = conn_own_id(conn, outer),
		                   .auth = ike_auth_of(conn->ours.auth) };
	switch (self->auth) {
	case IKE_AUTH_SIGNATURE:
		take_certificates(conn, self);
		return choose_host_key(opp, conn, self);
	case IKE_AUTH_PSK:
		self->key = conn->psk < 0 ? 0 : (unsigned)conn->psk;
		return conn->psk >= 0;
	case IKE_AUTH_NULL:
		self->id = id_null();
		return true;
	}
	return false;
}
