#include "daemon/commands.h"

#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/core.h"
#include "daemon/life.h"
#include "daemon/listing.h"
#include "daemon/why.h"

static json_t *status(void *ctx, const json_t *request, struct text *error)
{
	return listing_status(ctx);
}

static json_t *eroute(void *ctx, const json_t *request, struct text *error)
{
	return listing_eroutes(ctx);
}

static json_t *look(void *ctx, const json_t *request, struct text *error)
{
	return json_pack("{s:o, s:o, s:o}", "eroutes", listing_eroutes(ctx), "ike_sas",
	                 listing_ike_sas(ctx), "conns", listing_conns(ctx));
}

static json_t *conns(void *ctx, const json_t *request, struct text *error)
{
	return listing_conns(ctx);
}

static json_t *why(void *ctx, const json_t *request, struct text *error)
{
	return why_json(ctx, request, error);
}

static json_t *try_now(void *ctx, const json_t *request, struct text *error)
{
	return why_try(ctx, request, error);
}

typedef bool conn_fn(struct opportunism *opp, const char *name, struct text *error,
                     struct instant now);

/* One that is not there is as good as deleted. */
static bool conn_replace(struct opportunism *opp, const char *name, struct text *error,
                         struct instant now)
{
	struct text ignored = { 0 };
	bool was_there = opportunism_conn_delete(opp, name, &ignored, now);

	(void)was_there; /* told by the next line, if it matters */
	text_free(&ignored);
	return opportunism_conn_add(opp, name, error, now);
}

/* --add and --replace bring what the files say now. */
static bool take_conn(struct daemon *d, const json_t *request, const char *name, struct text *error)
{
	if (json_object_get(request, "conf") == NULL)
		return true;
	if (!configuration_take_conn(d->conf, request, name, d->users.daemon, error))
		return false;
	core_reconfigure(d);
	return true;
}

static const struct {
	const char *name;
	conn_fn *run;
} actions[] = {
	{ "add", opportunism_conn_add },
	{ "delete", opportunism_conn_delete },
	{ "replace", conn_replace },
	{ "route", opportunism_conn_route },
	{ "unroute", opportunism_conn_unroute },
	{ "up", opportunism_conn_up },
	{ "down", opportunism_conn_down },
};

static conn_fn *action_find(const char *name)
{
	for (size_t i = 0; name != NULL && i < ARRAY_LEN(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return actions[i].run;
	}
	return NULL;
}

static bool is_reread(const json_t *request)
{
	const char *action = json_string_value(json_object_get(request, "action"));

	return action != NULL && strcmp(action, "rereadgroups") == 0;
}

/* POL-5: at once, and all of it or nothing. */
static bool reread_groups(struct daemon *d, const json_t *request, struct text *error)
{
	bool was_makeshift;

	if (!configuration_take_groups(d->conf, request, d->users.daemon, &was_makeshift, error))
		return false;
	if (was_makeshift)
		core_configure(d);
	else
		core_reconfigure(d);
	log_line(&d->log, LOG_INFO, "policy groups read again");
	return true;
}

static json_t *run_auto(void *ctx, const json_t *request, struct text *error)
{
	struct daemon *d = ctx;
	const char *name = json_string_value(json_object_get(request, "name"));
	conn_fn *run = action_find(json_string_value(json_object_get(request, "action")));
	bool ok;

	if (is_reread(request))
		return reread_groups(d, request, error) ? json_null() : NULL;
	if (run == NULL || name == NULL) {
		text_add(error, "auto: an action and the name of a conn are needed");
		return NULL;
	}
	ok = take_conn(d, request, name, error) && run(d->core, name, error, clock_now());
	core_settle(d);
	return ok ? json_null() : NULL;
}

static json_t *reload(void *ctx, const json_t *request, struct text *error)
{
	struct daemon *d = ctx;
	struct configuration *conf;
	int secrets = control_server_take_fd(d->control);

	if (d->is_stopping) {
		text_add(error, "the daemon is stopping");
		if (secrets >= 0)
			close(secrets);
		return NULL;
	}
	conf = configuration_read(request, secrets, d->users.daemon, error);
	if (conf == NULL || !daemon_reload(d, conf, error))
		return NULL;
	return json_pack("{s:s, s:s}", "warnings", d->conf->warnings, "notes",
	                 d->notes.s != NULL ? d->notes.s : "");
}

static json_t *forget(void *ctx, const json_t *request, struct text *error)
{
	struct daemon *d = ctx;
	const char *word = json_string_value(json_object_get(request, "address"));
	struct ip address;

	if (word == NULL || !ip_parse(word, &address)) {
		text_add(error, "forget: an address is needed");
		return NULL;
	}
	if (!opportunism_forget(d->core, &address)) {
		text_add(error, "%s is not among those that were protected in the last 30 days",
		         word);
		return NULL;
	}
	core_settle(d);
	return json_null();
}

static json_t *stop(void *ctx, const json_t *request, struct text *error)
{
	life_stop(ctx, json_is_true(json_object_get(request, "open")));
	return CONTROL_LATER;
}

static json_t *change_pair(struct daemon *d, const char *action, const struct ip *source,
                           const struct ip *destination, struct text *error)
{
	bool ok = false;

	if (strcmp(action, "delete") == 0)
		ok = opportunism_eroute_delete(d->core, source, destination, error, clock_now());
	else if (strcmp(action, "try") == 0)
		ok = opportunism_eroute_try(d->core, source, destination, error, clock_now());
	else
		text_add(error, "eroute-change: delete, clear or try");
	return ok ? json_null() : NULL;
}

static json_t *change_eroutes(void *ctx, const json_t *request, struct text *error)
{
	struct daemon *d = ctx;
	const char *action = json_string_value(json_object_get(request, "action"));
	const char *source = json_string_value(json_object_get(request, "source"));
	const char *destination = json_string_value(json_object_get(request, "destination"));
	struct ip from, to;
	json_t *result = NULL;

	if (action != NULL && strcmp(action, "clear") == 0)
		result = json_integer((json_int_t)opportunism_eroute_clear(d->core, clock_now()));
	else if (action != NULL && source != NULL && destination != NULL &&
	         ip_parse(source, &from) && ip_parse(destination, &to))
		result = change_pair(d, action, &from, &to, error);
	else
		text_add(error, "eroute-change: an action, a source and a destination are needed");
	core_settle(d);
	return result;
}

const struct control_command daemon_commands[] = {
	{ "status", false, status }, { "eroute", false, eroute },
	{ "look", false, look },     { "conns", false, conns },
	{ "why", false, why },       { "try", true, try_now },
	{ "auto", true, run_auto },  { "reload", true, reload },
	{ "forget", true, forget },
	{ "stop", true, stop },      { "eroute-change", true, change_eroutes },
	{ 0 },
};
