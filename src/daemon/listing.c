#include "daemon/listing.h"

#include <stdio.h>
#include <unistd.h>

#include "daemon/clock.h"

static const char *action_name(enum eroute_action action)
{
	static const char *const names[] = {
		[EROUTE_TRAP] = "trap", [EROUTE_HOLD] = "hold",     [EROUTE_PASS] = "pass",
		[EROUTE_DROP] = "drop", [EROUTE_REJECT] = "reject", [EROUTE_TUNNEL] = "tunnel",
	};

	return names[action];
}

static json_t *string_or_null(const char *s)
{
	return s != NULL && *s != '\0' ? json_string(s) : json_null();
}

/* What peers wrote may be no UTF-8; a listing that says '?' is better than none. */
static json_t *foreign_string(const char *s)
{
	json_t *json = json_string(s);

	return json != NULL ? json : json_string("?");
}

static json_t *said(const struct eroute_view *view)
{
	char text[80];

	if (view->action != EROUTE_TUNNEL)
		return json_null();
	snprintf(text, sizeof(text), "tun0x%x@%s", view->spi_out, ip_text(&view->gateway).s);
	return json_string(text);
}

struct eroute_listing {
	json_t *rows;
	struct instant now;
};

/* Seconds until then, never less than none. */
static json_t *seconds_until(struct instant at, struct instant now)
{
	int64_t ns = instant_since(at, now).ns;

	return at.ns == INSTANT_NEVER.ns ? json_null() : json_integer(ns < 0 ? 0 : ns / 1000000000);
}

static json_t *seconds_since(struct instant at, struct instant now)
{
	return at.ns == 0 ? json_null() : json_integer(instant_since(now, at).ns / 1000000000);
}

json_t *listing_eroute(const struct eroute_view *view, struct instant now)
{
	bool is_tunnel = view->action == EROUTE_TUNNEL;

	return json_pack(
	    "{s:o, s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "traffic", string_or_null(traffic_text(&view->traffic).s), "source",
	    range_text(&view->source).s, "destination", range_text(&view->destination).s, "packets",
	    (json_int_t)view->packets, "action", action_name(view->action), "said", said(view),
	    "conn", string_or_null(view->conn), "strength",
	    is_tunnel ? string_or_null(strength_name(view->strength)) : json_null(), "reason",
	    string_or_null(view->reason), "age_s", seconds_since(view->since, now), "idle_s",
	    seconds_since(view->last, now), "confirmed_s", seconds_since(view->confirmed, now),
	    "expires_s", seconds_until(view->expires, now), "next", string_or_null(view->next),
	    "next_s", seconds_until(view->next_at, now));
}

static void see_eroute(void *ctx, const struct eroute_view *view)
{
	struct eroute_listing *listing = ctx;

	json_array_append_new(listing->rows, listing_eroute(view, listing->now));
}

json_t *listing_eroutes(struct daemon *d)
{
	struct eroute_listing listing = { .rows = json_array(), .now = clock_now() };

	engine_refresh_use(d->engine);
	opportunism_list_eroutes(d->core, see_eroute, &listing);
	return listing.rows;
}

static json_t *hex64(uint64_t v)
{
	char text[20];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)v);
	return json_string(text);
}

static void see_ike_sa(void *ctx, const struct ike_sa_view *view)
{
	json_array_append_new(
	    ctx, json_pack("{s:s, s:b, s:s, s:s, s:o, s:o, s:o, s:o, s:I}", "state", view->state,
	                   "initiator", (int)view->is_initiator, "local",
	                   endpoint_text(&view->path.local).s, "remote",
	                   endpoint_text(&view->path.remote).s, "local_id",
	                   foreign_string(id_text(&view->local_id).s), "peer_id",
	                   foreign_string(id_text(&view->peer_id).s), "spi_i", hex64(view->spi_i),
	                   "spi_r", hex64(view->spi_r), "children", (json_int_t)view->children));
}

json_t *listing_ike_sas(struct daemon *d)
{
	json_t *rows = json_array();

	ike_list(opportunism_ike(d->core), see_ike_sa, rows);
	return rows;
}

static json_t *end_text(const struct conn_end *end)
{
	switch (end->kind) {
	case END_ADDRESS:
		return json_string(ip_text(&end->address).s);
	case END_ANY:
		return json_string(end->is_group ? "%group" : "%any");
	case END_DEFAULTROUTE:
		return json_string("%defaultroute");
	case END_OPPORTUNISTIC:
		return json_string(end->is_group ? "%opportunisticgroup" : "%opportunistic");
	case END_UNSET:
		break;
	}
	return json_null();
}

static json_t *end_subnet(const struct conn_end *end)
{
	CLEANUP(text_free) struct text list = { 0 };

	for (size_t i = 0; i < end->subnet_count; i++)
		text_add(&list, "%s%s", i == 0 ? "" : ",", range_text(&end->subnets[i]).s);
	return list.len > 0 ? json_string(list.s) : json_null();
}

static void see_conn(void *ctx, const struct conn_view *view)
{
	static const char *const types[] = { "tunnel", "passthrough", "drop", "reject" };
	static const char *const autos[] = { "ignore", "add", "route", "start" };
	static const char *const failures[] = { "passthrough", "drop", "reject", "none" };
	const struct conn *c = view->conn;

	json_array_append_new(
	    ctx, json_pack("{s:s, s:b, s:b, s:b, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:I, s:s}",
	                   "name", view->name, "added", (int)view->is_added, "routed",
	                   (int)view->is_routed, "up", (int)(view->progress == CONN_UP), "progress",
	                   conn_progress_name(view->progress), "reason",
	                   view->reason == NULL || view->progress < CONN_FAILED ||
	                           view->progress > CONN_NEGOTIATING
	                       ? json_null()
	                       : json_string(view->reason),
	                   "type", types[c->type], "left", end_text(&c->left), "leftsubnet",
	                   end_subnet(&c->left), "right", end_text(&c->right), "rightsubnet",
	                   end_subnet(&c->right), "auto", autos[c->auto_action], "keyingtries",
	                   (json_int_t)c->keyingtries, "failureshunt", failures[c->failure]));
}

json_t *listing_conns(struct daemon *d)
{
	json_t *rows = json_array();

	opportunism_list_conns(d->core, see_conn, rows);
	return rows;
}

/* Only what happened: most reasons never do. */
static void add_count(json_t *object, const char *name, uint64_t count)
{
	if (count > 0)
		json_object_set_new(object, name, json_integer((json_int_t)count));
}

static json_t *dropped(struct daemon *d)
{
	json_t *ike = json_object();
	json_t *esp = json_object();

	for (int i = 0; i < IKE_DROP_COUNT; i++)
		add_count(ike, ike_drop_name((enum ike_drop)i),
		          ike_dropped(opportunism_ike(d->core), (enum ike_drop)i));
	for (int i = 0; i < ENGINE_DROP_COUNT; i++)
		add_count(esp, engine_drop_name((enum engine_drop)i),
		          engine_dropped(d->engine, (enum engine_drop)i));
	return json_pack("{s:o, s:o}", "ike", ike, "esp", esp);
}

static void count_action(void *ctx, const struct eroute_view *view)
{
	unsigned *counts = ctx;

	counts[view->action]++;
}

static json_t *eroute_counts(struct daemon *d)
{
	unsigned counts[EROUTE_TUNNEL + 1] = { 0 };
	json_t *json = json_object();

	opportunism_list_eroutes(d->core, count_action, counts);
	for (int i = EROUTE_TRAP; i <= EROUTE_TUNNEL; i++)
		json_object_set_new(json, action_name((enum eroute_action)i),
		                    json_integer(counts[i]));
	return json;
}

static json_t *host_keys(const struct daemon *d)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < d->host_key_count; i++)
		json_array_append_new(rows, json_pack("{s:s, s:b}", "key",
		                                      pubkey_text(&d->host_keys[i].key).s, "next",
		                                      (int)d->host_keys[i].is_next));
	return rows;
}

static json_t *addresses(const struct ip *list, size_t count)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < count; i++) {
		if (list[i].family != IP_NONE)
			json_array_append_new(rows, json_string(ip_text(&list[i]).s));
	}
	return rows;
}

static void count_conn(void *ctx, const struct conn_view *view)
{
	++*(json_int_t *)ctx;
}

/* TRU-8, TRU-9 */
static json_t *trust_counts(const struct daemon *d)
{
	struct opportunism_counts counts = opportunism_counts(d->core);

	return json_pack("{s:I, s:I, s:I}", "unsigned_absences",
	                 (json_int_t)counts.unsigned_absences, "downgrades",
	                 (json_int_t)counts.downgrades, "protected",
	                 (json_int_t)counts.protected_hosts);
}

static json_t *lines_of(const char *text)
{
	json_t *lines = json_array();

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0)
			json_array_append_new(lines, json_stringn(text, len));
		text += len + (text[len] == '\n');
	}
	return lines;
}

static void see_unresolved(void *ctx, const char *group, const char *name)
{
	json_array_append_new(ctx, json_pack("{s:s, s:s}", "group", group, "name", name));
}

static json_t *unresolved(const struct daemon *d)
{
	json_t *names = json_array();

	opportunism_list_unresolved(d->core, see_unresolved, names);
	return names;
}

json_t *listing_status(struct daemon *d)
{
	static const char *const trusts[] = { "off", "unprimed", "primed" };
	const struct plan *plan = &d->conf->plan;
	json_int_t uptime_s = instant_since(clock_now(), d->started).ns / 1000000000;
	json_int_t conns = 0;

	opportunism_list_conns(d->core, count_conn, &conns);
	return json_pack("{s:o, s:o, s:s, s:I, s:I, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o}",
	                 "unresolved", unresolved(d), "trouble", lines_of(d->conf->trouble),
	                 "version", WILDSWAN_VERSION, "pid", (json_int_t)getpid(), "uptime_s",
	                 uptime_s, "dnssec", trusts[resolver_trust_state(d->resolver)], "outer",
	                 addresses(plan->outer, plan->outer_count), "name_servers",
	                 addresses(d->conf->servers, d->conf->server_count), "host_keys",
	                 host_keys(d), "eroutes", eroute_counts(d), "ike_sas",
	                 (json_int_t)ike_count(opportunism_ike(d->core)), "conns", conns, "dropped",
	                 dropped(d), "trust", trust_counts(d));
}
