#include "opportunism/group_names.h"

#include <stdlib.h>

#include "dns/record.h"

/* Of one name; further ones are ignored. */
enum { NAME_ADDRESSES_MAX = 32 };
/* Names are asked for in so many a step, so that flows find room for their own questions. */
enum { NAMES_A_STEP = 16 };

#define NAME_STEP      MILLISECONDS(100)
#define NAME_TTL_LEAST 60
#define NAME_TTL_MOST  86400
#define NAME_RETRY     SECONDS(15) /* nobody answered */

enum slot { SLOT_A, SLOT_AAAA };

struct addresses {
	struct ip list[NAME_ADDRESSES_MAX];
	bool is_secure[NAME_ADDRESSES_MAX];
	size_t count;
};

struct group_name {
	LIST_ENTRY(group_name) in_list;
	struct timer timer;
	struct opportunism *opp;
	struct lookup_client client;
	char name[DNS_NAME_MAX];
	const char *group; /* of the conn that says it; for messages */
	struct addresses known;
	struct addresses found;
	struct addresses last; /* found the time before */
	bool is_closed;        /* its group is private, or blocks */
	uint32_t ttl_s;        /* the smallest of this time's answers */
	bool is_failure;       /* somebody did not answer, or lied */
	enum dns_status status;
	bool is_reported;
	bool is_told; /* that it gives way */
	bool is_wanted;
};

/* ---- What is known ---- */

static void fill(struct opportunism *opp)
{
	struct conns *conns = &opp->conns;
	struct group_name *name;
	size_t count = 0;

	LIST_FOREACH (name, &opp->group_names, in_list)
		count += name->known.count;
	free(conns->named);
	conns->named = new_array(count, sizeof(*conns->named));
	conns->named_count = 0;
	LIST_FOREACH (name, &opp->group_names, in_list) {
		for (size_t i = 0; i < name->known.count; i++) {
			struct named_address *named = &conns->named[conns->named_count++];

			string_copy(named->name, sizeof(named->name), name->name);
			named->address = name->known.list[i];
			named->is_secure = name->known.is_secure[i];
		}
	}
}

static bool has(const struct addresses *addresses, const struct ip *address)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (ip_equal(&addresses->list[i], address))
			return true;
	return false;
}

static bool has_proof(const struct addresses *addresses, const struct ip *address)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (ip_equal(&addresses->list[i], address))
			return addresses->is_secure[i];
	return false;
}

static bool is_same(const struct addresses *a, const struct addresses *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (!has(b, &a->list[i]) || has_proof(b, &a->list[i]) != a->is_secure[i])
			return false;
	return a->count == b->count;
}

/* ---- Asking ---- */

static void ask(struct group_name *name)
{
	struct lookups *lookups = &name->opp->lookups;

	name->found.count = 0;
	name->is_failure = false;
	name->ttl_s = NAME_TTL_MOST;
	name->status = DNS_FOUND;
	lookup_start(lookups, &name->client, SLOT_A, name->name, DNS_TYPE_A);
	lookup_start(lookups, &name->client, SLOT_AAAA, name->name, DNS_TYPE_AAAA);
}

static void report(struct group_name *name)
{
	const char *why = name->is_failure ? "the DNS does not say" : dns_status_name(name->status);

	if (name->is_reported)
		return;
	name->is_reported = true;
	log_line(&name->opp->log, LOG_WARNING, "group %s: %s has no address (%s); %s", name->group,
	         name->name, why,
	         name->known.count > 0 ? "those it had go on to count"
	                               : "until it has one its line means nothing");
}

static void take(struct group_name *name)
{
	struct opportunism *opp = name->opp;

	name->is_reported = false;
	if (is_same(&name->known, &name->found))
		return;
	name->known = name->found;
	opp->has_new_names = true;
	log_line(&opp->log, LOG_INFO, "group %s: %s is %s%s", name->group, name->name,
	         ip_text(&name->known.list[0]).s, name->known.count > 1 ? " and others" : "");
}

static struct duration until_next(const struct group_name *name)
{
	uint32_t ttl = name->ttl_s;

	if (name->is_failure)
		return NAME_RETRY;
	ttl = ttl < NAME_TTL_LEAST ? NAME_TTL_LEAST : ttl;
	return SECONDS(ttl > NAME_TTL_MOST ? NAME_TTL_MOST : ttl);
}

static void add_all(struct addresses *addresses, const struct addresses *more)
{
	for (size_t i = 0; i < more->count; i++) {
		if (has(addresses, &more->list[i]) || addresses->count == NAME_ADDRESSES_MAX)
			continue;
		addresses->is_secure[addresses->count] = more->is_secure[i];
		addresses->list[addresses->count++] = more->list[i];
	}
}

static bool is_proven(const struct addresses *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		if (!addresses->is_secure[i])
			return false;
	return true;
}

/* One forged answer does not open what was closed: what it leaves out stays for a TTL more. */
static void keep_closed(struct group_name *name)
{
	struct addresses found = name->found;

	if (name->is_closed && name->is_failure)
		add_all(&name->found, &name->known);
	else if (name->is_closed && !is_proven(&found))
		add_all(&name->found, &name->last);
	name->last = found;
}

static void settle(struct group_name *name)
{
	if (name->found.count > 0) {
		keep_closed(name);
		take(name);
	} else {
		report(name);
	}
	timer_set(name->opp, &name->timer, instant_after(name->opp->now, until_next(name)));
}

static void add_addresses(struct group_name *name, const struct dns_answer *answer)
{
	for (size_t i = 0; i < answer->count; i++) {
		struct ip address = ip_from_octets(answer->rdata[i]);

		if (address.family == IP_NONE || has(&name->found, &address) ||
		    name->found.count == NAME_ADDRESSES_MAX)
			continue;
		name->found.is_secure[name->found.count] = answer->trust == DNS_SECURE;
		name->found.list[name->found.count++] = address;
	}
}

static void on_answer(struct lookup_client *client, unsigned slot, const struct dns_answer *answer)
{
	struct group_name *name = CONTAINER_OF(client, struct group_name, client);
	bool is_answer = answer->status == DNS_FOUND || answer->status == DNS_NO_DATA ||
	                 answer->status == DNS_NO_NAME;

	(void)slot;
	if (!is_answer || answer->trust == DNS_BOGUS)
		name->is_failure = true;
	else if (answer->status == DNS_FOUND)
		add_addresses(name, answer);
	else
		name->status = answer->status;
	if (is_answer && answer->ttl_s < name->ttl_s)
		name->ttl_s = answer->ttl_s;
	if (client->pending == 0)
		settle(name);
}

static void on_due(struct opportunism *opp, struct timer *timer)
{
	(void)opp;
	ask(CONTAINER_OF(timer, struct group_name, timer));
}

/* ---- All of them ---- */

static struct group_name *find(struct opportunism *opp, const char *name)
{
	struct group_name *known;

	LIST_FOREACH (known, &opp->group_names, in_list)
		if (strcmp(known->name, name) == 0)
			return known;
	return NULL;
}

static struct group_name *add(struct opportunism *opp, const char *name)
{
	struct group_name *new = new_zeroed(sizeof(*new));

	new->opp = opp;
	string_copy(new->name, sizeof(new->name), name);
	new->timer.fire = on_due;
	new->client.on_answer = on_answer;
	LIST_INIT(&new->client.lookups);
	LIST_INSERT_HEAD(&opp->group_names, new, in_list);
	return new;
}

static void want(struct opportunism *opp, const struct conn_state *conn, const char *text,
                 unsigned *new_count)
{
	struct group_name *name = find(opp, text);
	struct duration wait = NAME_STEP;

	if (name == NULL) {
		name = add(opp, text);
		wait.ns *= *new_count / NAMES_A_STEP;
		++*new_count;
		timer_set(opp, &name->timer, instant_after(opp->now, wait));
	}
	if (!name->is_wanted)
		name->is_closed = false;
	name->is_closed |=
	    conn_is_private(conn) || conn->conn.type == CONN_DROP || conn->conn.type == CONN_REJECT;
	name->group = conn->conn.name;
	name->is_wanted = true;
}

static void forget(struct group_name *name)
{
	lookup_cancel(&name->opp->lookups, &name->client);
	heap_remove(&name->opp->timers, &name->timer.node);
	LIST_REMOVE(name, in_list);
	free(name);
}

static void forget_unwanted(struct opportunism *opp)
{
	struct group_name *name = LIST_FIRST(&opp->group_names), *next;

	for (; name != NULL; name = next) {
		next = LIST_NEXT(name, in_list);
		if (!name->is_wanted)
			forget(name);
		else
			name->is_wanted = false;
	}
}

void group_names_take(struct opportunism *opp)
{
	unsigned new_count = 0;

	for (size_t i = 0; i < opp->conns.count; i++) {
		const struct conn_state *conn = &opp->conns.list[i];

		for (size_t j = 0; j < conn->conn.entries.count; j++)
			if (conn->conn.entries.list[j].name != NULL)
				want(opp, conn, conn->conn.entries.list[j].name, &new_count);
	}
	forget_unwanted(opp);
	fill(opp);
}

void group_names_refill(struct opportunism *opp)
{
	fill(opp);
}

void group_names_tell(struct opportunism *opp, const bool *gives_way)
{
	for (size_t i = 0; i < opp->conns.named_count; i++) {
		const struct named_address *named = &opp->conns.named[i];
		struct group_name *name = gives_way[i] ? find(opp, named->name) : NULL;

		if (name == NULL || name->is_told)
			continue;
		name->is_told = true;
		log_line(&opp->log, LOG_WARNING,
		         "group %s: that %s is %s is not signed; what is private or blocked there "
		         "stays so",
		         name->group, name->name, ip_text(&named->address).s);
	}
}

void group_names_free(struct opportunism *opp)
{
	struct group_name *name;

	while ((name = LIST_FIRST(&opp->group_names)) != NULL)
		forget(name);
}

void opportunism_list_unresolved(const struct opportunism *opp,
                                 void (*see)(void *ctx, const char *group, const char *name),
                                 void *ctx)
{
	const struct group_name *name;

	LIST_FOREACH (name, &opp->group_names, in_list)
		if (name->known.count == 0)
			see(ctx, name->group, name->name);
}
