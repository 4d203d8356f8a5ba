#include "daemon/configuration.h"

#include <stdlib.h>
#include <unistd.h>

#include "config/groups.h"
#include "control/handover.h"
#include "control/start.h"

static bool read_conf(struct configuration *c, const struct bundle *bundle, bool is_start,
                      struct text *error)
{
	struct conf_messages messages = { 0 };
	struct bytes anchor;
	bool ok = start_replay_conf(bundle, is_start, &c->conf, &messages);

	if (ok) {
		c->server_count = start_name_servers(bundle, &c->conf, c->servers);
		anchor = start_trust_anchor(bundle, &c->conf);
		c->anchor = new_zeroed(anchor.len + 1);
		if (anchor.len > 0)
			memcpy(c->anchor, anchor.data, anchor.len);
		c->trouble = new_string(messages.errors.s != NULL ? messages.errors.s : "");
		c->warnings = new_string(messages.warnings.s != NULL ? messages.warnings.s : "");
	} else {
		text_add(error, "%s", messages.errors.s != NULL ? messages.errors.s : "refused");
	}
	conf_messages_wipe(&messages);
	return ok;
}

/* A gateway without secrets runs: it can still pass, drop and reject. */
static bool read_secrets(struct configuration *c, const json_t *json, struct text *error)
{
	if (c->secrets_token >= 0 && handover_described(json, &c->secrets))
		return true;
	text_add(error, "no secrets were handed over; are ipsec and wildswand of one version?");
	return false;
}

/* On a failure the plan there was stays. Made twice, since a plan cannot be moved. */
static bool read_plan(struct configuration *c, uid_t daemon_uid, struct text *error)
{
	struct network *network = new_zeroed(sizeof(*network));
	struct plan *trial = new_zeroed(sizeof(*trial));
	char reason[512] = "";
	bool ok = network_read(network, reason, sizeof(reason)) &&
	          plan_make(trial, &c->conf, network, daemon_uid, reason, sizeof(reason));

	if (ok) {
		plan_wipe(trial);
		plan_wipe(&c->plan);
		ok = plan_make(&c->plan, &c->conf, network, daemon_uid, reason, sizeof(reason));
	}
	free(trial);
	free(network);
	if (!ok)
		text_add(error, "%s", reason);
	return ok;
}

bool configuration_look(struct configuration *c, uid_t daemon_uid, bool *has_changed,
                        struct text *error)
{
	struct network *network = new_zeroed(sizeof(*network));
	struct plan *trial = new_zeroed(sizeof(*trial));
	char reason[512] = "";
	bool ok = network_read(network, reason, sizeof(reason)) &&
	          plan_make(trial, &c->conf, network, daemon_uid, reason, sizeof(reason));

	*has_changed = ok && !plan_is_same_machine(trial, &c->plan);
	if (ok)
		plan_wipe(trial);
	if (*has_changed) {
		plan_wipe(&c->plan);
		ok = plan_make(&c->plan, &c->conf, network, daemon_uid, reason, sizeof(reason));
	}
	free(trial);
	free(network);
	if (!ok)
		text_add(error, "%s", reason);
	return ok;
}

struct configuration *configuration_read(const json_t *json, int secrets_token, uid_t daemon_uid,
                                         struct text *error)
{
	struct configuration *c = new_zeroed(sizeof(*c));
	struct bundle *conf = bundle_from_json(json_object_get(json, "conf"));
	bool ok = conf != NULL;

	c->secrets_token = secrets_token;
	if (!ok)
		text_add(error, "no configuration was handed over");
	ok = ok && read_conf(c, conf, json_is_true(json_object_get(json, "is_start")), error) &&
	     read_secrets(c, json_object_get(json, "secrets"), error) &&
	     read_plan(c, daemon_uid, error);
	bundle_free(conf);
	if (ok)
		return c;
	configuration_free(c);
	return NULL;
}

bool configuration_take_conn(struct configuration *c, const json_t *json, const char *name,
                             uid_t daemon_uid, struct text *error)
{
	struct configuration *files = new_zeroed(sizeof(*files));
	struct bundle *bundle = bundle_from_json(json_object_get(json, "conf"));
	bool ok = bundle != NULL;

	files->secrets_token = -1;
	if (!ok)
		text_add(error, "no configuration was handed over");
	ok = ok && read_conf(files, bundle, false, error);
	bundle_free(bundle);
	if (ok && !conf_take_conn(&c->conf, &files->conf, name)) {
		text_add(error, "ipsec.conf has no conn %s", name);
		ok = false;
	} else if (ok && !read_plan(c, daemon_uid, error)) {
		ok = !conf_take_conn(&files->conf, &c->conf, name);
	}
	configuration_free(files);
	return ok;
}

/* What the files say of groups, where the conns of ipsec.conf stay as they were read last. */
static void take_group(struct conn *into, struct conn *from)
{
	struct policy_entries entries = into->entries;

	into->entries = from->entries;
	from->entries = entries;
}

static struct conn *find_group(struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->conn_count; i++)
		if (conn_is_group(&conf->conns[i]) && strcmp(conf->conns[i].name, name) == 0)
			return &conf->conns[i];
	return NULL;
}

static void take_groups(struct conf *into, struct conf *from)
{
	for (size_t i = 0; i < into->conn_count; i++) {
		struct conn *ours = &into->conns[i];
		struct conn *theirs = find_group(from, ours->name);

		if (!conn_is_group(ours))
			continue;
		if (theirs != NULL)
			take_group(ours, theirs);
		else
			policy_entries_wipe(&ours->entries);
	}
	for (size_t i = 0; i < from->conn_count; i++) {
		struct conn *theirs = &from->conns[i];

		if (!theirs->is_implied || find_group(into, theirs->name) != NULL)
			continue;
		into->conns =
		    grow_array(into->conns, into->conn_count + 1, sizeof(*into->conns));
		conn_copy(&into->conns[into->conn_count++], theirs);
	}
}

static void swap_conns(struct conf *a, struct conf *b)
{
	struct conf was = *a;

	a->conns = b->conns;
	a->conn_count = b->conn_count;
	a->is_makeshift = b->is_makeshift;
	b->conns = was.conns;
	b->conn_count = was.conn_count;
	b->is_makeshift = was.is_makeshift;
}

static void copy_conns(struct conf *out, const struct conf *conf)
{
	*out = (struct conf){ .is_makeshift = conf->is_makeshift,
		              .conns = new_array(conf->conn_count, sizeof(*conf->conns)),
		              .conn_count = conf->conn_count };
	for (size_t i = 0; i < conf->conn_count; i++)
		conn_copy(&out->conns[i], &conf->conns[i]);
}

bool configuration_take_groups(struct configuration *c, const json_t *json, uid_t daemon_uid,
                               bool *was_makeshift, struct text *error)
{
	struct configuration *files = new_zeroed(sizeof(*files));
	struct bundle *bundle = bundle_from_json(json_object_get(json, "conf"));
	struct conf before = { 0 };
	bool ok = bundle != NULL;

	files->secrets_token = -1;
	*was_makeshift = c->conf.is_makeshift;
	if (!ok)
		text_add(error, "no configuration was handed over");
	ok = ok && read_conf(files, bundle, false, error);
	bundle_free(bundle);
	if (ok) {
		copy_conns(&before, &c->conf);
		if (*was_makeshift)
			swap_conns(&c->conf, &files->conf);
		else
			take_groups(&c->conf, &files->conf);
		ok = read_plan(c, daemon_uid, error);
		if (!ok)
			swap_conns(&c->conf, &before);
		else
			c->trouble[0] = '\0';
		conf_wipe(&before);
	}
	configuration_free(files);
	return ok;
}

void configuration_free(struct configuration *c)
{
	if (c == NULL)
		return;
	if (c->secrets_token >= 0)
		close(c->secrets_token);
	conf_wipe(&c->conf);
	secrets_wipe(&c->secrets);
	plan_wipe(&c->plan);
	free(c->anchor);
	free(c->warnings);
	free(c->trouble);
	free(c);
}
