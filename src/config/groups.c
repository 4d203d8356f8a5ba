#include "config/groups.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/message.h"

/* The strict ones first: where two names turn out to be one address, the earlier wins. */
static const struct {
	const char *name;
	enum conn_type type;
	enum end_kind kind;
	enum shunt_choice failure;
} known[] = {
	{ "private", CONN_TUNNEL, END_OPPORTUNISTIC, SHUNT_DROP },
	{ "block", CONN_DROP, END_ANY, SHUNT_DROP },
	{ "private-or-clear", CONN_TUNNEL, END_OPPORTUNISTIC, SHUNT_PASSTHROUGH },
	{ "clear-or-private", CONN_PASSTHROUGH, END_OPPORTUNISTIC, SHUNT_PASSTHROUGH },
	{ "clear", CONN_PASSTHROUGH, END_ANY, SHUNT_PASSTHROUGH },
};
enum { GROUP_KEYINGTRIES = 3 };

bool conn_is_group(const struct conn *conn)
{
	return conn->left.is_group || conn->right.is_group;
}

const char *group_known(size_t i)
{
	return i < ARRAY_LEN(known) ? known[i].name : NULL;
}

bool group_defaults(struct conn *conn, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcmp(known[i].name, name) != 0)
			continue;
		conn->left.kind = END_DEFAULTROUTE;
		conn->right.kind = known[i].kind;
		conn->right.is_group = true;
		conn->type = known[i].type;
		conn->failure = known[i].failure;
		conn->has_failure = true;
		conn->auto_action = AUTO_ROUTE;
		return true;
	}
	return false;
}

/* The end that is this gateway, with what is inside of it. */
static const struct conn_end *our_end(const struct conn *conn)
{
	return conn->left.is_group || conn->left.kind == END_OPPORTUNISTIC ||
	               (conn->left.kind == END_ANY && conn->right.kind != END_ANY)
	           ? &conn->right
	           : &conn->left;
}

/* ---- Reading ---- */

struct reading {
	struct conf *conf;
	const struct conf_reader *reader;
	struct conf_messages *messages;
	const char *base; /* directory of ipsec.conf */
	bool all_read;    /* every file to its end */
};

struct one_file {
	struct reading *reading;
	struct conn *conn;
	bool is_there;
};

static void take_file(void *ctx, const char *name, struct bytes text)
{
	struct one_file *f = ctx;

	f->is_there = true;
	free(f->conn->policy_file);
	f->conn->policy_file = new_string(name);
	(void)!policies_parse(&f->conn->entries, name, text, f->reading->messages);
}

/* Whether there is a file for it. The first letter stands in brackets so that a file which is not
 * there is no error. */
static bool read_file(struct reading *r, struct conn *conn)
{
	struct one_file file = { .reading = r, .conn = conn };
	const char *name = conn->name;
	char pattern[128];

	snprintf(pattern, sizeof(pattern), "ipsec.d/policies/[%c]%s", name[0], name + 1);
	if (asprintf(&conn->policy_file, "%s%sipsec.d/policies/%s", r->base,
	             r->base[0] == '\0' ? "" : "/", name) < 0)
		abort();
	if (!r->reader->read(r->reader->ctx, r->base, pattern, take_file, &file)) {
		message_error(r->messages, (struct place){ conn->policy_file, 0 }, NULL,
		              "this file cannot be read; make it a plain file of root's");
		r->all_read = false;
		file.is_there = true;
	}
	return file.is_there;
}

static struct conn *find_conn(struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->conn_count; i++)
		if (strcmp(conf->conns[i].name, name) == 0)
			return &conf->conns[i];
	return NULL;
}

static void add_conn(struct conf *conf, const struct conn *conn)
{
	conf->conns = grow_array(conf->conns, conf->conn_count + 1, sizeof(*conn));
	conf->conns[conf->conn_count++] = *conn;
}

static void add_range(struct conn *conn, const struct ip_range *range)
{
	struct policy_entries *entries = &conn->entries;

	entries->list = grow_array(entries->list, entries->count + 1, sizeof(*entries->list));
	entries->list[entries->count++] = (struct policy_entry){ .range = *range };
}

static void add_everything(struct conn *conn)
{
	struct ip_range v4 = range_any(IP_V4), v6 = range_any(IP_V6);

	add_range(conn, &v4);
	add_range(conn, &v6);
}

static struct conn implied(const char *name, const char *file)
{
	struct conn conn = { .name = new_string(name),
		             .file = new_string(file),
		             .line = 1,
		             .is_implied = true,
		             .keyingtries = GROUP_KEYINGTRIES };
	bool is_known = group_defaults(&conn, name);

	(void)is_known;
	return conn;
}

/* Those of the five without a section that have something to say. */
static void read_implied(struct reading *r, const char *file, bool has_sections)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		struct conn conn;
		unsigned errors_before = r->messages->error_count;
		bool has_file, is_default;

		if (find_conn(r->conf, known[i].name) != NULL)
			continue;
		conn = implied(known[i].name, file);
		has_file = read_file(r, &conn);
		is_default =
		    !has_file && !has_sections && strcmp(conn.name, "private-or-clear") == 0;
		if (is_default)
			add_everything(&conn);
		if (conn.entries.count > 0 || r->messages->error_count != errors_before)
			add_conn(r->conf, &conn);
		else
			conn_wipe(&conn);
	}
}

/* ---- Two groups for the same ---- */

struct said {
	struct ip_range local; /* IP_NONE: our own address on the default route */
	struct policy_entry *entry;
	const struct conn *conn;
};

struct saids {
	struct said *list;
	size_t count;
};

static int compare_range(const struct ip_range *a, const struct ip_range *b)
{
	int order = ip_compare(&a->first, &b->first);

	return order != 0 ? order : ip_compare(&a->last, &b->last);
}

/* 0: they say it of the same. */
static int compare_place(const struct said *a, const struct said *b)
{
	const struct policy_entry *x = a->entry, *y = b->entry;
	int order = compare_range(&a->local, &b->local);

	if (order == 0)
		order = compare_range(&x->range, &y->range);
	if (order == 0)
		order = memcmp(&x->traffic, &y->traffic, sizeof(x->traffic));
	if (order == 0)
		order = strcmp(x->name == NULL ? "" : x->name, y->name == NULL ? "" : y->name);
	return order;
}

static int compare_said(const void *x, const void *y)
{
	const struct said *a = x, *b = y;
	int order = compare_place(a, b);

	if (order == 0)
		order = (a->conn > b->conn) - (a->conn < b->conn);
	return order != 0 ? order : (a->entry > b->entry) - (a->entry < b->entry);
}

static void say_all(struct saids *all, const struct conn *conn, const struct ip_range *local)
{
	for (size_t i = 0; i < conn->entries.count; i++)
		all->list[all->count++] = (struct said){ *local, &conn->entries.list[i], conn };
}

static void collect(struct saids *all, const struct conf *conf)
{
	size_t room = 0;

	for (size_t i = 0; i < conf->conn_count; i++)
		room += conf->conns[i].entries.count * (our_end(&conf->conns[i])->subnet_count + 1);
	all->list = new_array(room, sizeof(*all->list));
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn *conn = &conf->conns[i];
		const struct conn_end *ours = our_end(conn);
		struct ip_range local = { ours->address, ours->address };

		if (!conn_is_group(conn) || conn->auto_action == AUTO_IGNORE)
			continue;
		if (ours->subnet_count == 0)
			say_all(all, conn, &local);
		for (size_t j = 0; j < ours->subnet_count; j++)
			say_all(all, conn, &ours->subnets[j]);
	}
}

static bool is_strict(const struct conn *conn)
{
	return conn->type == CONN_TUNNEL ? conn->failure != SHUNT_PASSTHROUGH
	                                 : conn->type != CONN_PASSTHROUGH;
}

/* What is taken out of a makeshift configuration: it has no addresses any more. */
static void kill_entry(struct policy_entry *entry)
{
	free(entry->name);
	entry->name = NULL;
	entry->range = (struct ip_range){ 0 };
}

static void refuse_both(struct reading *r, struct said *first, struct said *second, bool is_start)
{
	message_error(r->messages, (struct place){ second->conn->policy_file, second->entry->line },
	              policy_entry_text(second->entry).s,
	              "also in %s:%u, for group %s; one group for one address: take one of the "
	              "two lines out",
	              first->conn->policy_file, first->entry->line, first->conn->name);
	if (is_start)
		kill_entry(is_strict(first->conn) ? second->entry : first->entry);
}

static void find_clashes(struct reading *r, bool is_start)
{
	struct saids all = { 0 };
	struct said *last = NULL;

	collect(&all, r->conf);
	qsort(all.list, all.count, sizeof(*all.list), compare_said);
	for (size_t i = 0; i < all.count; i++) {
		struct said *said = &all.list[i];
		bool is_same = last != NULL && compare_place(last, said) == 0;

		if (is_same && last->conn != said->conn)
			refuse_both(r, last, said, is_start);
		if (!is_same || (is_start && last->conn != said->conn && !is_strict(last->conn)))
			last = said;
	}
	free(all.list);
}

/* ---- Makeshift ---- */

static bool has_our_end(const struct conf *conf, const struct conn_end *ours)
{
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn_end *end = &conf->conns[i].left;

		if (!conf->conns[i].is_makeshift || end->kind != ours->kind ||
		    !ip_equal(&end->address, &ours->address) ||
		    end->subnet_count != ours->subnet_count)
			continue;
		if (memcmp(end->subnets, ours->subnets,
		           ours->subnet_count * sizeof(ours->subnets[0])) == 0)
			return true;
	}
	return false;
}

/*
 * All that no usable line speaks of, from behind that end. Its place is that of the first mistake:
 * what is to be mended before it goes.
 */
static void add_makeshift(struct conf *conf, const struct conn_end *ours,
                          const struct conf_messages *messages)
{
	struct conn conn = implied("private", messages->first_file);

	if (has_our_end(conf, ours)) {
		conn_wipe(&conn);
		return;
	}
	free(conn.name);
	if (asprintf(&conn.name, "makeshift-%zu", conf->conn_count) < 0)
		abort();
	conn.policy_file = new_string("ipsec.d/policies");
	conn.line = messages->first_line;
	conn.is_makeshift = true;
	conn.left.kind = ours->kind;
	conn.left.address = ours->address;
	conn.left.subnet_count = ours->subnet_count;
	memcpy(conn.left.subnets, ours->subnets, sizeof(conn.left.subnets));
	add_everything(&conn);
	add_conn(conf, &conn);
}

static const struct conn_end *their_end(const struct conn *conn)
{
	return our_end(conn) == &conn->left ? &conn->right : &conn->left;
}

/* Not for one peer or network: what opportunism or a group decides. */
static bool is_wide(const struct conn *conn)
{
	const struct conn_end *theirs = their_end(conn);

	return theirs->kind == END_OPPORTUNISTIC ||
	       (theirs->kind == END_ANY && theirs->subnet_count == 0 && conn->type != CONN_TUNNEL);
}

static void make_makeshift(struct reading *r)
{
	struct conf *conf = r->conf;
	size_t count = conf->conn_count;

	conf->is_makeshift = true;
	for (size_t i = 0; i < count; i++) {
		struct conn *conn = &conf->conns[i];
		struct conn_end ours = *our_end(conn);
		bool is_clear = conn->type == CONN_PASSTHROUGH && their_end(conn)->kind == END_ANY;

		if (conn->auto_action == AUTO_IGNORE || !is_wide(conn))
			continue;
		if (!is_strict(conn) && conn_is_group(conn) && !(is_clear && r->all_read))
			policy_entries_wipe(&conn->entries);
		else if (!is_strict(conn) && !conn_is_group(conn))
			conn->auto_action = AUTO_IGNORE;
		add_makeshift(conf, &ours, r->messages);
	}
}

/* ---- All of it ---- */

/* Each is asked for as long as the gateway runs. */
static void count_names(struct reading *r)
{
	unsigned count = 0;

	for (size_t i = 0; i < r->conf->conn_count; i++) {
		const struct conn *conn = &r->conf->conns[i];

		for (size_t j = 0; j < conn->entries.count; j++) {
			const struct policy_entry *entry = &conn->entries.list[j];

			if (entry->name == NULL || ++count != GROUP_NAMES_MAX + 1)
				continue;
			message_error(r->messages, (struct place){ conn->policy_file, entry->line },
			              entry->name, "more than %d names; write addresses",
			              GROUP_NAMES_MAX);
		}
	}
}

void groups_read(struct conf *conf, const char *file, bool has_sections, bool is_start,
                 const struct conf_reader *reader, struct conf_messages *messages)
{
	struct reading r = {
		.conf = conf, .reader = reader, .messages = messages, .all_read = true
	};
	const char *slash = strrchr(file, '/');
	char *base = new_string(file);
	unsigned errors_before = messages->error_count;

	base[slash == NULL ? 0 : slash == file ? 1 : slash - file] = '\0';
	r.base = base;
	for (size_t i = 0; i < conf->conn_count; i++)
		if (conn_is_group(&conf->conns[i]))
			(void)read_file(&r, &conf->conns[i]);
	read_implied(&r, file, has_sections);
	count_names(&r);
	find_clashes(&r, is_start);
	if (is_start && messages->error_count != errors_before)
		make_makeshift(&r);
	free(base);
}

/* ---- Name servers ---- */

/* The most specific entry for this host that has the address in it, and its conn. */
static const struct conn *group_of(const struct conf *conf, const struct ip *address)
{
	const struct policy_entry *best = NULL;
	const struct conn *found = NULL;

	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn *conn = &conf->conns[i];

		if (our_end(conn)->subnet_count > 0 || conn->is_makeshift)
			continue;
		for (size_t j = 0; j < conn->entries.count; j++) {
			const struct policy_entry *entry = &conn->entries.list[j];

			if (!range_contains(&entry->range, address) ||
			    (best != NULL && range_compare_size(&entry->range, &best->range) >= 0))
				continue;
			best = entry;
			found = conn;
		}
	}
	return found;
}

/* A conn that names the address, or the network it is in. */
static bool is_configured(const struct conf *conf, const struct ip *address)
{
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn_end *theirs = their_end(&conf->conns[i]);

		if (conf->conns[i].auto_action != AUTO_IGNORE &&
		    (conn_end_contains(theirs, address) ||
		     (theirs->kind == END_ADDRESS && ip_equal(&theirs->address, address))))
			return true;
	}
	return false;
}

/* This host's traffic to anybody is somebody's to decide. */
static bool has_opportunism(const struct conf *conf)
{
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn *conn = &conf->conns[i];

		if (conn->auto_action != AUTO_IGNORE && !conn_is_group(conn) &&
		    their_end(conn)->kind == END_OPPORTUNISTIC && !is_strict(conn) &&
		    our_end(conn)->subnet_count == 0)
			return true;
	}
	return false;
}

static bool wants_clear(const struct conf *conf, const struct ip *server)
{
	const struct conn *group = group_of(conf, server);

	if (ip_is_never_peer(server) || is_configured(conf, server))
		return false;
	if (group == NULL)
		return has_opportunism(conf);
	return !is_strict(group) && strcmp(group->name, "clear") != 0;
}

void groups_add_name_servers(struct conf *conf, const struct ip *servers, size_t count)
{
	for (size_t i = 0; i < count && !conf->is_makeshift; i++) {
		struct conn *clear = find_conn(conf, "clear");
		struct ip_range range = range_of_ip(&servers[i]);

		if (!wants_clear(conf, &servers[i]))
			continue;
		if (clear == NULL) {
			struct conn conn = implied("clear", "");

			conn.policy_file = new_string("ipsec.d/policies/clear");
			add_conn(conf, &conn);
			clear = &conf->conns[conf->conn_count - 1];
		}
		if (conn_is_group(clear))
			add_range(clear, &range);
	}
}
