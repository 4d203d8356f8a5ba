#include "opportunism/self.h"

#include <stdlib.h>

#include "opportunism/keysearch.h"

/* A name at which our keys should be: an outer address's reverse name, or a leftid=@fqdn. */
struct self_place {
	LIST_ENTRY(self_place) in_list;
	struct opportunism *opp;
	struct key_search search;
	struct ip address; /* IP_NONE: a name */
	char name[DNS_NAME_MAX];
	bool *holds; /* for each host key */
	enum finding { FINDING_UNKNOWN, FINDING_OURS, FINDING_OTHERS, FINDING_NOTHING } finding;
};

static struct self_place *place_find(const struct opportunism *opp, const char *name)
{
	struct self_place *place;

	LIST_FOREACH (place, &opp->self_places, in_list)
		if (strcmp(place->name, name) == 0)
			return place;
	return NULL;
}

/* Silence and failure leave it as it was. */
static bool is_answered(const struct key_search *search)
{
	const struct record_set *sets[] = { &search->ipseckey, &search->key, &search->txt };

	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		if (sets[i]->status == DNS_FAILED || sets[i]->status == DNS_TIMED_OUT ||
		    sets[i]->trust == DNS_BOGUS)
			return false;
	return true;
}

static bool is_among(const struct pubkey *key, const struct found_keys *found)
{
	for (size_t i = 0; i < found->count; i++)
		if (pubkey_equal(key, &found->keys[i]))
			return true;
	return false;
}

static enum finding look_at_keys(struct self_place *place, const struct found_keys *found)
{
	const struct opportunism *opp = place->opp;
	enum finding finding = found->count > 0 ? FINDING_OTHERS : FINDING_NOTHING;

	for (size_t i = 0; i < opp->host_key_count; i++) {
		place->holds[i] = is_among(&opp->host_keys[i].key, found);
		if (place->holds[i])
			finding = FINDING_OURS;
	}
	return finding;
}

/* Once, not every hour. */
static void tell(const struct self_place *place, enum finding before)
{
	const struct log *log = &place->opp->log;

	if (place->finding == before)
		return;
	if (place->finding == FINDING_OTHERS)
		log_line(log, LOG_WARNING,
		         "%s: the DNS publishes a key for us that is not in ipsec.secrets; publish "
		         "what ipsec showhostkey prints",
		         place->name);
	else if (before == FINDING_OURS)
		log_line(log, LOG_WARNING,
		         "%s: the DNS publishes our key no more; publish what ipsec showhostkey "
		         "prints",
		         place->name);
	else if (before != FINDING_UNKNOWN)
		log_line(log, LOG_INFO, "%s: the DNS publishes our key now", place->name);
}

static void on_done(struct key_search *search)
{
	struct self_place *place = search->owner;
	struct opportunism *opp = place->opp;
	struct found_keys found = key_search_keys(search, DNSSEC_PREFER);
	enum finding before = place->finding;

	if (found.count > 0 || is_answered(search)) {
		place->finding = look_at_keys(place, &found);
		tell(place, before);
	} else {
		timer_set(opp, &opp->self_timer, instant_after(opp->now, SELF_RETRY_TIME));
	}
	found_keys_wipe(&found);
}

/* Past the cache: a key published a moment ago counts. */
static void ask(struct self_place *place)
{
	struct opportunism *opp = place->opp;

	key_search_stop(&place->search, &opp->lookups);
	key_search_start(&place->search, &opp->lookups, &place->address, place->name,
	                 KEY_SEARCH_TXT | KEY_SEARCH_FRESH, on_done, place);
}

static void self_fire(struct opportunism *opp, struct timer *timer)
{
	struct self_place *place;

	timer_set(opp, timer, instant_after(opp->now, SELF_LOOK_TIME));
	LIST_FOREACH (place, &opp->self_places, in_list)
		ask(place);
}

static void look_for(struct opportunism *opp, const struct ip *address, const char *fqdn)
{
	struct dns_name reverse = { "" };
	const char *name = fqdn;
	struct self_place *place;

	if (address->family != IP_NONE) {
		reverse = reverse_name(address);
		name = reverse.s;
	}
	if (place_find(opp, name) != NULL)
		return;
	place = new_zeroed(sizeof(*place));
	place->opp = opp;
	place->address = *address;
	place->holds = new_array(opp->host_key_count, sizeof(bool));
	string_copy(place->name, sizeof(place->name), name);
	LIST_INIT(&place->search.client.lookups);
	LIST_INSERT_HEAD(&opp->self_places, place, in_list);
	ask(place);
}

void self_look(struct opportunism *opp)
{
	static const struct ip no_address = { .family = IP_NONE };

	self_forget(opp);
	for (size_t i = 0; i < opp->conns.count && opp->host_key_count > 0; i++) {
		const struct conn_state *conn = &opp->conns.list[i];

		if (!conn->is_opportunistic || !conn->is_added || conn->ours.auth != CONN_RSASIG)
			continue;
		if (conn->ours.id.kind == CONF_ID_FQDN)
			look_for(opp, &no_address, conn->ours.id.fqdn);
		for (size_t j = 0; j < opp->own.outer_count; j++)
			look_for(opp, &opp->own.outer[j], "");
	}
	opp->self_timer.fire = self_fire;
	if (!LIST_EMPTY(&opp->self_places))
		timer_set(opp, &opp->self_timer, instant_after(opp->now, SELF_LOOK_TIME));
}

void self_forget(struct opportunism *opp)
{
	struct self_place *place;

	while ((place = LIST_FIRST(&opp->self_places)) != NULL) {
		LIST_REMOVE(place, in_list);
		key_search_stop(&place->search, &opp->lookups);
		free(place->holds);
		free(place);
	}
	heap_remove(&opp->timers, &opp->self_timer.node);
}

/* ---- Who we are ---- */

static const struct self_place *place_of_id(const struct opportunism *opp, const struct ike_id *id)
{
	struct ip address = id_address(id);
	char fqdn[DNS_NAME_MAX];

	if (address.family != IP_NONE)
		return place_find(opp, reverse_name(&address).s);
	if (id->type != ID_FQDN || !dns_name_normalise(BYTES(id->data, id->len), fqdn))
		return NULL;
	return place_find(opp, fqdn);
}

static bool publishes_ours(const struct opportunism *opp, const struct ike_id *id)
{
	const struct self_place *place = place_of_id(opp, id);

	return place != NULL && place->finding == FINDING_OURS;
}

static bool speaks_for_others(const struct opportunism *opp)
{
	for (size_t i = 0; i < opp->conns.count; i++)
		if (opp->conns.list[i].is_opportunistic && opp->conns.list[i].is_added &&
		    opp->conns.list[i].ours.subnet_count > 0)
			return true;
	return false;
}

/*
 * OIN-3: the outer address where its reverse name holds our key, since that proves more than a
 * name. But the records of hosts behind us may name us by leftid=@fqdn, and one IKE SA serves
 * them all: then the name, as long as it holds a key of ours.
 */
static struct ike_id choose_id(const struct opportunism *opp, const struct conn_state *conn,
                               const struct ip *outer)
{
	struct ike_id name = conn_own_id(conn, outer);
	struct ike_id address = id_of_ip(outer);

	if (!conn->is_opportunistic || name.type != ID_FQDN || outer->family == IP_NONE ||
	    !publishes_ours(opp, &address))
		return name;
	return publishes_ours(opp, &name) && speaks_for_others(opp) ? name : address;
}

static int type_rank(enum pubkey_type type)
{
	return type == PUBKEY_ED25519 ? 2 : pubkey_is_ecdsa(type) ? 1 : 0;
}

/* Published before unpublished, Ed25519 before ECDSA before RSA (DS-9), the order of ipsec.secrets
 * last. A key made with --next never signs. */
static int key_rank(const struct opportunism *opp, const struct self_place *place, size_t i)
{
	if (opp->host_keys[i].is_next)
		return -1;
	return (place != NULL && place->holds[i] ? 3 : 0) +
	       type_rank(opp->host_keys[i].key.type);
}

/* The key that the conn itself names, by leftcert= or leftsigkey=. */
enum { CERTIFIED_RANK = 6 };

static bool choose_host_key(const struct opportunism *opp, const struct conn_state *conn,
                            struct ike_self *self)
{
	const struct self_place *place = place_of_id(opp, &self->id);
	int best = -1;

	for (size_t i = 0; i < opp->host_key_count; i++) {
		int rank = key_rank(opp, place, i);

		if (conn->ours.has_key && pubkey_equal(&conn->ours.key, &opp->host_keys[i].key))
			rank = CERTIFIED_RANK;
		if (rank <= best)
			continue;
		best = rank;
		self->key = opp->host_keys[i].place;
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
	*self = (struct ike_self){ .secret_set = opp->secret_set,
		                   .id = choose_id(opp, conn, outer),
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
