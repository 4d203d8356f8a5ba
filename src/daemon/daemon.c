#include "daemon/daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crypto/selftest.h"
#include "daemon/clock.h"
#include "daemon/commands.h"
#include "daemon/core.h"
#include "daemon/life.h"
#include "daemon/peers.h"
#include "daemon/privileges.h"

/* TTL-5: what a question may cost. */
enum { QUESTION_S = 4 };

static bool fail(char *error, size_t size, const char *text)
{
	snprintf(error, size, "%s", text);
	return false;
}

static bool open_log(struct daemon *d, char *error, size_t size)
{
	const char *path = d->conf->conf.setup.log;

	if (path == NULL || daemon_log_to_file(d->log_to, path))
		return true;
	snprintf(error, size, "log=%s: cannot be written", path);
	return false;
}

static bool open_engine(struct daemon *d, char *error, size_t size)
{
	struct engine_settings settings = d->conf->plan.engine;

	settings.log = d->log;
	d->engine = engine_open(&settings, error, size);
	return d->engine != NULL;
}

static bool open_signer(struct daemon *d, char *error, size_t size)
{
	const char *confs = start_directory("IPSEC_CONFS", START_CONFS);
	int stream;

	d->keeper = keeper_link_spawn(confs, d->run.crash_secret, &d->users, &stream, error, size);
	if (d->keeper == NULL)
		return false;
	d->signer = signer_link_new(stream);
	return true;
}

bool daemon_open(struct daemon *d, const char *rundir, bool keeps_state, struct configuration *conf,
                 char *error, size_t size)
{
	d->conf = conf;
	d->started = clock_now();
	if (!rundir_open(&d->run, rundir, keeps_state, d->users.daemon, d->users.daemon_group,
	                 error, size) ||
	    !open_log(d, error, size))
		return false;
	d->base = event_base_new();
	if (d->base == NULL)
		return fail(error, size, "no event loop can be made");
	if (!open_engine(d, error, size))
		return false;
	d->control_fd = control_listen(rundir, error, size);
	if (d->control_fd < 0)
		return false;
	return open_signer(d, error, size);
}

static void on_signer_gone(void *ctx)
{
	life_crash(ctx, "the signer ended");
}

static void on_keeper_gone(void *ctx)
{
	life_crash(ctx, "the keeper ended");
}

static bool start_jobs(struct daemon *d, char *error, size_t size)
{
	const struct keeper_events events = {
		.ctx = d, .files = life_on_files, .trouble = life_on_trouble, .gone = on_keeper_gone
	};

	d->results = results_new(d->base, core_on_job_done, d);
	d->pool = pool_new(d->base, d->results);
	if (d->pool == NULL ||
	    !signer_link_attach(d->signer, d->base, d->results, on_signer_gone, d) ||
	    !keeper_link_attach(d->keeper, d->base, &events))
		return fail(error, size, "no thread for public-key work can be made");
	return true;
}

/* The secrets go to the signer and nowhere else; the token is let go either way. */
static bool load_secrets(struct daemon *d, struct configuration *conf, struct text *error)
{
	struct host_key *keys = NULL;
	size_t count = 0;
	uint32_t set;
	bool ok = signer_link_load(d->signer, d->keeper, conf->secrets_token, &conf->secrets, &keys,
	                           &count, &set, error);

	close(conf->secrets_token);
	conf->secrets_token = -1;
	if (!ok)
		return false;
	free(d->host_keys);
	d->host_keys = keys;
	d->host_key_count = count;
	d->secret_set = set;
	return true;
}

static bool start_secrets(struct daemon *d, char *error, size_t size)
{
	struct text reason = { 0 };
	bool ok = load_secrets(d, d->conf, &reason);

	if (!ok)
		snprintf(error, size, "%s", reason.s);
	text_free(&reason);
	return ok;
}

static struct resolver *resolver_of(struct daemon *d, const struct configuration *conf, char *error,
                                    size_t size)
{
	struct resolver_events events = core_resolver_events(d);
	struct resolver_settings settings = {
		.log = d->log,
		.servers = conf->servers,
		.server_count = conf->server_count,
		.dnssec = conf->conf.setup.dnssec,
		.trust_anchor = conf->anchor,
		.was_primed = rundir_was_primed(&d->run, BYTES_STR(conf->anchor)),
		.timeout = SECONDS(QUESTION_S),
	};

	if (settings.server_count == 0) {
		snprintf(error, size,
		         "no name server is known; set dns=ADDRESS or fill /etc/resolv.conf");
		return NULL;
	}
	return resolver_new(&settings, d->base, &events, error, size);
}

static bool test_crypto(char *error, size_t size)
{
	const char *wrong = crypto_selftest();

	if (wrong == NULL)
		return true;
	snprintf(error, size,
	         "the crypto library fails its known answer for %s; install Debian's libssl3 again "
	         "and look into openssl.cnf",
	         wrong);
	return false;
}

bool daemon_start(struct daemon *d, char *error, size_t size)
{
	struct engine_events events = core_engine_events(d);

	if (!test_crypto(error, size) || !start_jobs(d, error, size) ||
	    !start_secrets(d, error, size))
		return false;
	d->resolver = resolver_of(d, d->conf, error, size);
	if (d->resolver == NULL)
		return false;
	if (!core_open(d) || !life_open(d))
		return fail(error, size, "no timers can be made");
	d->control = control_server_new(d->base, d->control_fd, daemon_commands, d);
	d->control_fd = -1;
	if (d->control == NULL)
		return fail(error, size, "the control socket cannot be served");
	if (!engine_start(d->engine, d->base, &events))
		return fail(error, size, "the packet engine did not start; look into the log");
	core_configure(d);
	if (!peers_open(d))
		return fail(error, size, "no thread can be made");
	peers_recover(d);
	core_settle(d);
	d->interfaces = interfaces_open(d);
	return d->interfaces != NULL || fail(error, size, "changes of addresses cannot be watched");
}

int daemon_run(struct daemon *d)
{
	event_base_dispatch(d->base);
	return d->exit_status;
}

static bool same_resolver(const struct configuration *a, const struct configuration *b)
{
	if (a->server_count != b->server_count || a->conf.setup.dnssec != b->conf.setup.dnssec ||
	    strcmp(a->anchor, b->anchor) != 0)
		return false;
	for (size_t i = 0; i < a->server_count; i++) {
		if (!ip_equal(&a->servers[i], &b->servers[i]))
			return false;
	}
	return true;
}

/* The one that the new configuration wants: the old one, if nothing about it has changed. */
static struct resolver *next_resolver(struct daemon *d, const struct configuration *conf,
                                      struct text *error)
{
	struct resolver *next;
	char reason[256];

	if (same_resolver(d->conf, conf))
		return d->resolver;
	next = resolver_of(d, conf, reason, sizeof(reason));
	if (next == NULL)
		text_add(error, "%s", reason);
	return next;
}

/* The new one is in place before questions of the old one fail: the core may ask again at once. */
static void change_resolver(struct daemon *d, struct resolver *next)
{
	struct resolver *old = d->resolver;

	d->resolver = next;
	if (old != next)
		resolver_free(old);
}

static bool same_users(const struct plan *a, const struct plan *b)
{
	return a->dns_uid_count == b->dns_uid_count &&
	       memcmp(a->dns_uids, b->dns_uids, a->dns_uid_count * sizeof(a->dns_uids[0])) == 0;
}

/* What only a new start can change is said, in the log and to whoever asked for the reload. */
static void note(struct daemon *d, const char *what)
{
	log_line(&d->log, LOG_WARNING, "reload: %s; ipsec stop and ipsec start will use it", what);
	text_add(&d->notes, "%s; ipsec stop and ipsec start will use it\n", what);
}

static void note_what_stays(struct daemon *d, const struct configuration *conf)
{
	const struct plan *before = &d->conf->plan, *after = &conf->plan;

	text_free(&d->notes);
	if (before->steering.marks.mask != after->steering.marks.mask)
		note(d, "mark-mask= has changed");
	if (before->steering.daemon_down_s != after->steering.daemon_down_s)
		note(d, "daemon-down= has changed");
	if (!same_users(before, after))
		note(d, "dns-users= has changed");
}

/* The secrets come last of what may fail: once the signer has them there is no way back. */
bool daemon_reload(struct daemon *d, struct configuration *conf, struct text *error)
{
	struct resolver *next = next_resolver(d, conf, error);

	if (next == NULL || !load_secrets(d, conf, error)) {
		if (next != d->resolver)
			resolver_free(next);
		configuration_free(conf);
		return false;
	}
	change_resolver(d, next);
	note_what_stays(d, conf);
	configuration_free(d->conf);
	d->conf = conf;
	engine_set_inside(d->engine, conf->plan.inside, conf->plan.inside_count);
	core_configure(d);
	log_line(&d->log, LOG_INFO, "reloaded: %zu conns", conf->conf.conn_count);
	return true;
}

void daemon_free(struct daemon *d)
{
	if (d->control != NULL)
		control_server_finish(d->control);
	life_close(d);
	peers_close(d);
	interfaces_free(d->interfaces);
	text_free(&d->notes);
	resolver_free(d->resolver);
	d->resolver = NULL;
	pool_free(d->pool);
	core_close(d);
	engine_free(d->engine);
	signer_link_free(d->signer);
	keeper_link_free(d->keeper);
	results_free(d->results);
	rundir_close(&d->run);
	free(d->host_keys);
	configuration_free(d->conf);
	if (d->control_fd >= 0)
		close(d->control_fd);
	/* Clients see the end of their connections when the process ends, and not before. */
}
