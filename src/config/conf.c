#include "config/conf.h"

#include <assert.h>
#include <stdlib.h>

#include "config/dealings.h"
#include "config/certificates.h"
#include "config/groups.h"
#include "config/keys.h"
#include "crypto/x509.h"

enum { SHUNT_IDLE_S = 900, TUNNEL_IDLE_S = 600, DAEMON_DOWN_S = 30 };
enum { KEYINGTRIES = 3, WARNED_MAX = 64 };
enum { MARK_MASK = 0x0f000000 };

static const char default_trust_anchor[] = "/usr/share/dns/root.key";

struct parse {
	struct conf *out;
	struct sections sections;
	struct conf_messages *messages;
	const char *warned[WARNED_MAX]; /* keys that were warned of: one warning each */
	size_t warned_count;
	unsigned visit;
};

static void setup_init(struct conf_setup *setup)
{
	*setup = (struct conf_setup){
		.uses_defaultroute = true,
		.dnssec = DNSSEC_PREFER,
		.trust_anchor = new_string(default_trust_anchor),
		.shunt_idle_s = SHUNT_IDLE_S,
		.tunnel_idle_s = TUNNEL_IDLE_S,
		.daemon_down_s = DAEMON_DOWN_S,
		.mark_mask = MARK_MASK,
		.seccomp = true,
	};
}

static void setup_wipe(struct conf_setup *setup)
{
	free(setup->trust_anchor);
	free(setup->log);
	*setup = (struct conf_setup){ 0 };
}

static void warn_once(struct parse *p, const struct param *param)
{
	struct text subject = { 0 };

	for (size_t i = 0; i < p->warned_count; i++) {
		if (strcmp(p->warned[i], param->key) == 0)
			return;
	}
	assert(p->warned_count < WARNED_MAX); /* only known keys get here */
	p->warned[p->warned_count++] = param->key;
	subject = param_subject(param);
	message_warning(p->messages, param->at, subject.s,
	                "means nothing here and is ignored; take it out");
	text_free(&subject);
}

/* Says what came of one parameter. */
static void report(struct parse *p, const struct param *param, enum key_verdict verdict,
                   const struct text *why)
{
	struct text subject = { 0 };

	if (verdict == KEY_IGNORED)
		warn_once(p, param);
	if (verdict != KEY_WRONG && verdict != KEY_UNKNOWN)
		return;
	subject = param_subject(param);
	message_error(p->messages, param->at, subject.s, "%s", why->s);
	text_free(&subject);
}

static void apply_setup(struct parse *p, const struct section *section)
{
	for (size_t i = 0; i < section->count; i++) {
		struct text why = { 0 };
		const struct param *param = &section->params[i];

		report(p, param, setup_set(&p->out->setup, param, &why), &why);
		text_free(&why);
	}
}

static void check_also(struct parse *p, const struct param *param)
{
	struct text subject = param_subject(param);

	if (strcmp(param->value, "%default") == 0 ||
	    sections_find(&p->sections, param->value) == NULL)
		message_error(p->messages, param->at, subject.s,
		              "there is no such conn; write the name of one");
	text_free(&subject);
}

/* Each parameter once, wherever also= will carry it: so each mistake is told once. */
static void check_section(struct parse *p, const struct section *section)
{
	struct conn scratch = { 0 };

	for (size_t i = 0; i < section->count; i++) {
		struct text why = { 0 };
		const struct param *param = &section->params[i];

		if (strcmp(param->key, "also") == 0)
			check_also(p, param);
		else
			report(p, param, conn_set(&scratch, param, &why), &why);
		text_free(&why);
	}
}

/* The parameters that are in force for one conn: the first of each key. */
struct effective {
	const struct param *params[CONN_KEYS_MAX];
	size_t count;
};

static void effective_add(struct effective *e, const struct param *param)
{
	for (size_t i = 0; i < e->count; i++) {
		if (strcmp(e->params[i]->key, param->key) == 0)
			return;
	}
	if (e->count < CONN_KEYS_MAX) /* more are keys of the user's own */
		e->params[e->count++] = param;
}

static bool is_conn_key(const char *key)
{
	return strcmp(key, "also") != 0 && key[0] != 'x' && key[0] != 'X';
}

/*
 * A section's own parameters, then those of the sections it names, in order, each section once: a
 * circle ends where it began.
 */
static void collect(struct parse *p, struct section *section, struct effective *e)
{
	section->visit = p->visit;
	for (size_t i = 0; i < section->count; i++) {
		if (is_conn_key(section->params[i].key))
			effective_add(e, &section->params[i]);
	}
	for (size_t i = 0; i < section->count; i++) {
		struct section *also = NULL;

		if (strcmp(section->params[i].key, "also") == 0)
			also = sections_find(&p->sections, section->params[i].value);
		if (also != NULL && also->visit != p->visit)
			collect(p, also, e);
	}
}

static void conn_error(struct parse *p, const struct section *section, const char *what)
{
	struct text subject = { 0 };

	text_add(&subject, "conn %s", section->name);
	message_error(p->messages, section->at, subject.s, "%s", what);
	text_free(&subject);
}

static bool is_opportunistic(const struct conn *c)
{
	return c->left.kind == END_OPPORTUNISTIC || c->right.kind == END_OPPORTUNISTIC;
}

/* What is wrong between the parameters of a conn; NULL if nothing is. */
/* NUL-4; beside %opportunistic a subnet says which strangers are meant. */
static bool claims_without_proof(const struct conn_end *end)
{
	return end->auth == CONN_NULL && end->subnet_count > 0 && end->kind != END_OPPORTUNISTIC;
}

static const char *conn_fault(const struct conn *c)
{
	const struct conn_end *l = &c->left;
	const struct conn_end *r = &c->right;
	bool is_tunnel = c->type == CONN_TUNNEL;

	if (l->kind == END_UNSET)
		return "left= is missing; write left=%defaultroute or this gateway's address";
	if (r->kind == END_UNSET)
		return "right= is missing; write right=%opportunistic or the other gateway's "
		       "address";
	if (l->kind == r->kind && l->kind != END_ADDRESS)
		return "left and right are of the same kind; one of them is this gateway";
	if (l->kind == END_ADDRESS && r->kind == END_ADDRESS && ip_equal(&l->address, &r->address))
		return "left and right have one address; write the other gateway's";
	if (is_tunnel && l->kind == END_ADDRESS && r->kind == END_ADDRESS &&
	    l->address.family != r->address.family)
		return "left and right are of two address families; write both as IPv4 or as IPv6";
	if (is_opportunistic(c) && (l->kind == END_ANY || r->kind == END_ANY))
		return "%any says nothing beside %opportunistic; write %defaultroute";
	if (is_opportunistic(c) && is_tunnel && (l->auth == CONN_SECRET || r->auth == CONN_SECRET))
		return "strangers share no secret; write authby=rsasig";
	if (is_tunnel && (claims_without_proof(l) || claims_without_proof(r)))
		return "without a proof a gateway speaks for its own address alone; take the "
		       "subnet out, or write another authby=";
	if (conn_is_group(c) && is_tunnel && !is_opportunistic(c))
		return "nobody says who the gateways of these addresses are; write "
		       "right=%opportunisticgroup";
	if (conn_is_group(c) && (l->is_group ? l : r)->subnet_count > 0)
		return "the addresses of a group come from its file in ipsec.d/policies; take the "
		       "subnet out";
	if (c->has_negotiation_pass && (!is_tunnel || !is_opportunistic(c)))
		return "negotiationshunt=passthrough is for opportunism; take it out";
	if (c->has_negotiation_pass && c->failure != SHUNT_PASSTHROUGH)
		return "what may not pass when nothing can be negotiated may not pass before; "
		       "write negotiationshunt=hold, or failureshunt=passthrough";
	if (conn_is_group(c) && is_opportunistic(c) && c->type != CONN_PASSTHROUGH && !is_tunnel)
		return "with type=drop or reject nothing is negotiated; write right=%group";
	if (is_opportunistic(c) && !is_tunnel && !conn_is_group(c))
		return "with type=passthrough, drop or reject nothing is negotiated; write %any in "
		       "place of %opportunistic";
	if (c->auto_action == AUTO_START && (l->kind == END_ANY || r->kind == END_ANY) && is_tunnel)
		return "a tunnel to %any cannot be started from here; write auto=add";
	if (is_opportunistic(c) && (l->subnet_count > 1 || r->subnet_count > 1))
		return "an opportunistic conn has one subnet; write a conn for each";
	if ((l->nat.family != IP_NONE && l->subnet_count > 1) ||
	    (r->nat.family != IP_NONE && r->subnet_count > 1))
		return "leftnat translates one subnet; write a conn for each";
	if (c->dealings.transport &&
	    (l->subnet_count > 0 || r->subnet_count > 0 || l->nat.family != IP_NONE ||
	     r->nat.family != IP_NONE || is_opportunistic(c)))
		return "transport mode is for the two gateways themselves; write type=tunnel";
	return dealings_fault(&c->dealings);
}

static void settle_auth(struct conn *c)
{
	if (!c->left.has_auth)
		c->left.auth = c->auth;
	if (!c->right.has_auth)
		c->right.auth = c->auth;
}

/* Nothing in it says that the name of a group is used for another kind of conn. */
static bool is_of_group(const struct effective *e)
{
	for (size_t i = 0; i < e->count; i++) {
		const char *key = e->params[i]->key, *value = e->params[i]->value;

		if (strcmp(key, "right") == 0 && value[0] != '\0' &&
		    strcmp(value, "%group") != 0 && strcmp(value, "%opportunisticgroup") != 0)
			return false;
	}
	return true;
}

static void build_conn(struct parse *p, struct section *section, const struct section *defaults)
{
	struct effective e = { 0 };
	struct conn *conn;
	const char *fault;

	p->visit++;
	collect(p, section, &e);
	for (size_t i = 0; defaults != NULL && i < defaults->count; i++) {
		if (is_conn_key(defaults->params[i].key))
			effective_add(&e, &defaults->params[i]);
	}
	p->out->conns = grow_array(p->out->conns, p->out->conn_count + 1, sizeof(*conn));
	conn = &p->out->conns[p->out->conn_count++];
	*conn = (struct conn){ .name = new_string(section->name),
		               .file = new_string(section->at.file),
		               .line = section->at.line,
		               .keyingtries = KEYINGTRIES };
	if (is_of_group(&e))
		(void)!group_defaults(conn, section->name);
	for (size_t i = 0; i < e.count; i++) {
		struct text ignored = { 0 };

		(void)conn_set(conn, e.params[i], &ignored);
		text_free(&ignored);
	}
	if (!conn->has_failure)
		conn->failure = is_opportunistic(conn) ? SHUNT_PASSTHROUGH : SHUNT_DROP;
	settle_auth(conn);
	fault = conn_fault(conn);
	if (fault != NULL && conn->auto_action != AUTO_IGNORE)
		conn_error(p, section, fault);
}

static void check_all(struct parse *p)
{
	for (size_t i = 0; i < p->sections.count; i++) {
		const struct section *section = &p->sections.list[i];

		if (section->kind == SECTION_SETUP)
			apply_setup(p, section);
		else
			check_section(p, section);
	}
}

static void build_all(struct parse *p)
{
	const struct section *defaults = sections_find(&p->sections, "%default");

	for (size_t i = 0; i < p->sections.count; i++) {
		struct section *section = &p->sections.list[i];

		if (section->kind == SECTION_CONN && section != defaults)
			build_conn(p, section, defaults);
	}
}

static bool has_conns(const struct sections *sections)
{
	for (size_t i = 0; i < sections->count; i++)
		if (sections->list[i].kind == SECTION_CONN)
			return true;
	return false;
}

static bool parse(struct conf *out, const char *file, struct bytes text,
                  const struct conf_reader *reader, struct conf_messages *messages, bool is_start)
{
	struct parse p = { .out = out, .messages = messages };
	unsigned errors_before = messages->error_count;

	*out = (struct conf){ 0 };
	setup_init(&out->setup);
	sections_read(&p.sections, file, text, reader, messages);
	check_all(&p);
	if (messages->error_count == errors_before)
		build_all(&p);
	if (messages->error_count == errors_before)
		certificates_read(out, file, reader, messages);
	if (messages->error_count == errors_before)
		groups_read(out, file, has_conns(&p.sections), is_start, reader, messages);
	sections_wipe(&p.sections);
	if (messages->error_count != errors_before && !out->is_makeshift) {
		conf_wipe(out);
		return false;
	}
	return true;
}

bool conf_parse(struct conf *out, const char *file, struct bytes text,
                const struct conf_reader *reader, struct conf_messages *messages)
{
	return parse(out, file, text, reader, messages, false);
}

bool conf_parse_to_start(struct conf *out, const char *file, struct bytes text,
                         const struct conf_reader *reader, struct conf_messages *messages)
{
	return parse(out, file, text, reader, messages, true);
}

void conn_copy(struct conn *out, const struct conn *conn)
{
	*out = *conn;
	out->name = new_string(conn->name);
	out->file = conn->file == NULL ? NULL : new_string(conn->file);
	out->policy_file = conn->policy_file == NULL ? NULL : new_string(conn->policy_file);
	policy_entries_copy(&out->entries, &conn->entries);
	out->left.chain = buf_copy(buf_view(&conn->left.chain));
	out->left.issuer = buf_copy(buf_view(&conn->left.issuer));
	out->right.chain = buf_copy(buf_view(&conn->right.chain));
	out->right.issuer = buf_copy(buf_view(&conn->right.issuer));
}

void conn_wipe(struct conn *conn)
{
	free(conn->name);
	free(conn->file);
	free(conn->policy_file);
	policy_entries_wipe(&conn->entries);
	buf_free(&conn->left.chain);
	buf_free(&conn->left.issuer);
	buf_free(&conn->right.chain);
	buf_free(&conn->right.issuer);
	*conn = (struct conn){ 0 };
}

void conf_wipe(struct conf *conf)
{
	for (size_t i = 0; i < conf->conn_count; i++)
		conn_wipe(&conf->conns[i]);
	free(conf->conns);
	x509_trust_release(conf->trust);
	setup_wipe(&conf->setup);
	*conf = (struct conf){ 0 };
}

static struct conn *find_conn(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->conn_count; i++) {
		if (strcmp(conf->conns[i].name, name) == 0)
			return &conf->conns[i];
	}
	return NULL;
}

bool conf_take_conn(struct conf *into, struct conf *from, const char *name)
{
	struct conn *theirs = find_conn(from, name);
	struct conn *ours = find_conn(into, name);
	struct conn conn;

	if (theirs == NULL)
		return false;
	if (from->trust != NULL) {
		struct x509_trust *trust = into->trust;

		into->trust = from->trust;
		from->trust = trust;
	}
	conn = *theirs;
	if (ours != NULL) {
		*theirs = *ours;
		*ours = conn;
		return true;
	}
	*theirs = from->conns[--from->conn_count];
	into->conns = grow_array(into->conns, into->conn_count + 1, sizeof(conn));
	into->conns[into->conn_count++] = conn;
	return true;
}

void conf_messages_wipe(struct conf_messages *messages)
{
	text_free(&messages->errors);
	text_free(&messages->warnings);
	free(messages->first_file);
	*messages = (struct conf_messages){ 0 };
}

bool conn_end_contains(const struct conn_end *end, const struct ip *address)
{
	for (size_t i = 0; i < end->subnet_count; i++) {
		if (range_contains(&end->subnets[i], address))
			return true;
	}
	return false;
}

static bool is_own_end(const struct conn_end *end, const struct ip *own, size_t own_count)
{
	if (end->kind == END_DEFAULTROUTE)
		return true;
	for (size_t i = 0; end->kind == END_ADDRESS && i < own_count; i++) {
		if (ip_equal(&end->address, &own[i]))
			return true;
	}
	return false;
}

bool conn_is_ours(const struct conn *conn, const struct ip *own, size_t own_count)
{
	return is_own_end(&conn->left, own, own_count) || is_own_end(&conn->right, own, own_count);
}

const struct conn_end *conn_ours(const struct conn *conn, const struct ip *own, size_t own_count,
                                 const struct conn_end **theirs)
{
	bool is_right = !is_own_end(&conn->left, own, own_count) &&
	                (is_own_end(&conn->right, own, own_count) ||
	                 conn->left.kind == END_OPPORTUNISTIC || conn->left.kind == END_ANY);

	if (theirs != NULL)
		*theirs = is_right ? &conn->left : &conn->right;
	return is_right ? &conn->right : &conn->left;
}
