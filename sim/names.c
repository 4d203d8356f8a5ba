/*
 * The virtual DNS: records by name, and rules about how questions end.
 */
#include <stdlib.h>

#include "dns/record.h"
#include "sim/world.h"

#define USUAL_DELAY MILLISECONDS(5)
#define USUAL_TTL_S 300
#define SILENCE     SECONDS(5) /* then the resolver says that nobody answered */

static struct dns_name name_of(const char *text)
{
	struct dns_name name = { "" };
	struct ip address;

	if (ip_parse(text, &address))
		return reverse_name(&address);
	snprintf(name.s, sizeof(name.s), "%s", text);
	return name;
}

static void add_record(struct sim *sim, const char *owner, enum dns_type type, struct bytes rdata)
{
	struct names *names = &sim->names;

	names->records =
	    grow_array(names->records, names->record_count + 1, sizeof(*names->records));
	names->records[names->record_count++] =
	    (struct sim_record){ .name = name_of(owner), .type = type, .rdata = buf_copy(rdata),
		               .seen_by = names->is_cached ? SEEN_FRESH
		                                           : SEEN_BY_CACHE | SEEN_FRESH };
}

static void publish(struct sim *sim, const char *owner, const struct delegation *d)
{
	uint8_t octets[RDATA_MAX];
	struct writer w = writer_on(octets, sizeof(octets));

	if (!ipseckey_write(d, &w))
		sim_fail(sim, "%s: cannot write its IPSECKEY", owner);
	add_record(sim, owner, DNS_TYPE_IPSECKEY, writer_view(&w));
}

void sim_delegate_with(struct sim *sim, const char *address, unsigned precedence,
                       struct gateway *gateway, struct gateway *whose_key)
{
	struct delegation d = { .precedence = (uint16_t)precedence,
		                .kind = GATEWAY_ADDRESS,
		                .address = gateway->address };

	if (whose_key != NULL) {
		d.has_key = true;
		d.key = whose_key->key;
	}
	publish(sim, address, &d);
}

void sim_delegate_to(struct sim *sim, const char *address, const char *somebody,
                     struct gateway *whose_key)
{
	struct delegation d = { .precedence = 10,
		                .kind = GATEWAY_ADDRESS,
		                .address = sim_ip(somebody),
		                .has_key = true,
		                .key = whose_key->key };

	publish(sim, address, &d);
}

void sim_delegate_to_name(struct sim *sim, const char *address, const char *name,
                          struct gateway *whose_key)
{
	struct delegation d = { .precedence = 10,
		                .kind = GATEWAY_NAME,
		                .has_key = true,
		                .key = whose_key->key };

	snprintf(d.name, sizeof(d.name), "%s", name);
	publish(sim, address, &d);
}

void sim_delegate(struct sim *sim, const char *address, struct gateway *gateway)
{
	sim_delegate_with(sim, address, 10, gateway, gateway);
}

void sim_publish_key_at(struct sim *sim, const char *name, struct gateway *gateway)
{
	struct delegation d = {
		.precedence = 10, .kind = GATEWAY_NONE, .has_key = true, .key = gateway->key
	};

	publish(sim, name, &d);
}

void sim_publish_key(struct sim *sim, struct gateway *gateway)
{
	sim_publish_key_at(sim, ip_text(&gateway->address).s, gateway);
}

void sim_publish_txt(struct sim *sim, const char *owner, const char *text)
{
	uint8_t octets[256];
	struct writer w = writer_on(octets, sizeof(octets));

	write_u8(&w, (uint8_t)strlen(text));
	write_bytes(&w, BYTES_STR(text));
	add_record(sim, owner, DNS_TYPE_TXT, writer_view(&w));
}

void sim_authorise_name(struct sim *sim, const char *address, const char *fqdn)
{
	char text[128];

	snprintf(text, sizeof(text), "X-IPsec-Server(10)=@%s", fqdn);
	sim_publish_text(sim, address, text);
}

void sim_publish_text(struct sim *sim, const char *address, const char *text)
{
	uint8_t octets[256];
	struct writer w = writer_on(octets, sizeof(octets));

	write_u8(&w, (uint8_t)strlen(text));
	write_bytes(&w, BYTES_STR(text));
	add_record(sim, address, DNS_TYPE_TXT, writer_view(&w));
}

void sim_publish_address(struct sim *sim, const char *name, const char *address)
{
	struct ip ip = sim_ip(address);

	add_record(sim, name, ip.family == IP_V4 ? DNS_TYPE_A : DNS_TYPE_AAAA, ip_octets(&ip));
}

void sim_withdraw(struct sim *sim, const char *address)
{
	struct dns_name name = name_of(address);

	for (size_t i = 0; i < sim->names.record_count; i++)
		if (strcmp(sim->names.records[i].name.s, name.s) == 0)
			sim->names.records[i].seen_by &= sim->names.is_cached ? SEEN_BY_CACHE : 0;
}

void sim_cache(struct sim *sim, bool is_cached)
{
	sim->names.is_cached = is_cached;
	for (size_t i = 0; i < sim->names.record_count && !is_cached; i++)
		sim->names.records[i].seen_by =
		    sim->names.records[i].seen_by & SEEN_FRESH ? SEEN_BY_CACHE | SEEN_FRESH : 0;
}

static struct sim_rule *find_rule(const struct names *names, const struct dns_name *name)
{
	for (size_t i = 0; i < names->rule_count; i++)
		if (strcmp(names->rules[i].name.s, name->s) == 0)
			return &names->rules[i];
	return NULL;
}

static struct sim_rule *rule_for(struct sim *sim, const char *address)
{
	struct names *names = &sim->names;
	struct dns_name name = name_of(address);
	struct sim_rule *rule = find_rule(names, &name);

	if (rule != NULL)
		return rule;
	names->rules = grow_array(names->rules, names->rule_count + 1, sizeof(*names->rules));
	rule = &names->rules[names->rule_count++];
	*rule = (struct sim_rule){ .name = name, .delay = USUAL_DELAY, .ttl_s = USUAL_TTL_S };
	return rule;
}

void sim_dns_fails(struct sim *sim, const char *address, enum dns_status status)
{
	struct sim_rule *rule = rule_for(sim, address);

	rule->fails = true;
	rule->status = status;
}

void sim_dns_trust(struct sim *sim, const char *address, enum dns_trust trust)
{
	rule_for(sim, address)->trust = trust;
}

void sim_dns_delay(struct sim *sim, const char *address, struct duration delay)
{
	rule_for(sim, address)->delay = delay;
}

void sim_dns_delay_txt(struct sim *sim, const char *address, struct duration delay)
{
	rule_for(sim, address)->txt_delay = delay;
}

void sim_dns_ttl(struct sim *sim, const char *address, unsigned seconds)
{
	rule_for(sim, address)->ttl_s = seconds;
}

void sim_dns_recovers(struct sim *sim, const char *address)
{
	rule_for(sim, address)->fails = false;
}

void sim_dns_slow(struct sim *sim, struct duration delay)
{
	sim->names.slow = delay;
}

struct question {
	struct gateway *gateway;
	unsigned generation;
	uint64_t query;
	struct dns_name name;
	enum dns_type type;
	enum lookup_how how;
};

static void answer(struct sim *sim, void *what)
{
	struct question *q = what;
	const struct sim_rule *rule = find_rule(&sim->names, &q->name);
	struct dns_answer answer = { .status = DNS_NO_NAME, .ttl_s = USUAL_TTL_S };
	unsigned seen_by = q->how == LOOKUP_FRESH ? SEEN_FRESH : SEEN_BY_CACHE;
	struct bytes rdata[64];

	for (size_t i = 0; i < sim->names.record_count; i++) {
		const struct sim_record *record = &sim->names.records[i];

		if (strcmp(record->name.s, q->name.s) != 0 || (record->seen_by & seen_by) == 0)
			continue;
		if (answer.status == DNS_NO_NAME)
			answer.status = DNS_NO_DATA;
		if (record->type == q->type && answer.count < ARRAY_LEN(rdata)) {
			answer.status = DNS_FOUND;
			rdata[answer.count++] = buf_view(&record->rdata);
		}
	}
	answer.rdata = rdata;
	if (rule != NULL) {
		answer.trust = rule->trust;
		answer.ttl_s = rule->ttl_s;
	}
	if (rule != NULL && rule->fails)
		answer = (struct dns_answer){ .status = rule->status, .trust = rule->trust };
	if (q->gateway->generation == q->generation && !q->gateway->is_down) {
		sim_say(sim, q->gateway->name, "dns %s type %d: %s, %zu records", q->name.s,
		        q->type, dns_status_name(answer.status), answer.count);
		opportunism_on_answer(q->gateway->core, q->query, &answer, sim->now);
	}
	free(q);
}

static void lookup(void *ctx, uint64_t query, const char *name, enum dns_type type,
                   enum lookup_how how)
{
	struct gateway *gateway = ctx;
	struct sim *sim = gateway->sim;
	struct question *q = new_zeroed(sizeof(*q));
	const struct sim_rule *rule;

	*q = (struct question){ .gateway = gateway,
		                .generation = gateway->generation,
		                .query = query,
		                .name = name_of(name),
		                .type = type,
		                .how = how };
	rule = find_rule(&sim->names, &q->name);
	if (rule != NULL && rule->fails && rule->status == DNS_TIMED_OUT)
		sim_later(sim, SILENCE, answer, q);
	else
		sim_later(sim,
		          rule != NULL && type == DNS_TYPE_TXT && rule->txt_delay.ns > 0
		              ? rule->txt_delay
		          : rule != NULL         ? rule->delay
		          : sim->names.slow.ns > 0 ? sim->names.slow
		                                   : USUAL_DELAY,
		          answer, q);
}

struct resolver_port resolver_port_of(struct gateway *gateway)
{
	return (struct resolver_port){ .ctx = gateway, .lookup = lookup };
}

/* ---- The truth ---- */

static bool record_read(const struct sim_record *record, struct delegation *out)
{
	struct bytes rdata = buf_view(&record->rdata);

	if (record->type == DNS_TYPE_IPSECKEY)
		return ipseckey_parse(rdata, out) == RECORD_OK;
	if (record->type == DNS_TYPE_TXT)
		return txt_parse(rdata, out) == RECORD_OK;
	return false;
}

static bool names_gateway(const struct delegation *d, const struct gateway *gateway)
{
	if (d->kind == GATEWAY_ADDRESS)
		return ip_equal(&d->address, &gateway->address);
	return d->kind == GATEWAY_NAME && strcmp(d->name, gateway->fqdn) == 0;
}

/* Is there a record at `name` that names the gateway, or that holds its key? */
static void search(const struct sim *sim, const struct dns_name *name,
                   const struct gateway *gateway, bool *is_named, bool *has_key)
{
	for (size_t i = 0; i < sim->names.record_count; i++) {
		const struct sim_record *record = &sim->names.records[i];
		struct delegation d;

		if (strcmp(record->name.s, name->s) != 0 || record->seen_by == 0 ||
		    !record_read(record, &d))
			continue;
		*is_named |= names_gateway(&d, gateway);
		*has_key |= d.has_key && pubkey_equal(&d.key, &gateway->key);
	}
}

bool names_allow(const struct sim *sim, const struct gateway *gateway, const struct ip *address)
{
	struct dns_name at_address = reverse_name(address);
	struct dns_name at_gateway = reverse_name(&gateway->address);
	struct dns_name at_name = { "" };
	bool is_named = ip_equal(address, &gateway->address), has_key = false, ignored = false;

	snprintf(at_name.s, sizeof(at_name.s), "%s", gateway->fqdn);
	search(sim, &at_address, gateway, &is_named, &has_key);
	search(sim, &at_gateway, gateway, &ignored, &has_key);
	if (at_name.s[0] != '\0')
		search(sim, &at_name, gateway, &ignored, &has_key);
	return is_named && has_key;
}

void names_wipe(struct names *names)
{
	for (size_t i = 0; i < names->record_count; i++)
		buf_free(&names->records[i].rdata);
	free(names->records);
	free(names->rules);
}
