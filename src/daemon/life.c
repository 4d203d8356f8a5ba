#include "daemon/life.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "daemon/clock.h"
#include "daemon/notify.h"
#include "daemon/peers.h"

enum { POLL_MS = 20 };

static json_t *kept_lines(const struct text *kept)
{
	json_t *lines = json_array();
	const char *at = kept->s != NULL ? kept->s : "";

	while (*at != '\0') {
		size_t len = strcspn(at, "\n");

		if (len > 0)
			json_array_append_new(lines, json_stringn(at, len));
		at += len;
		at += *at == '\n';
	}
	return lines;
}

static void finish(struct daemon *d)
{
	struct text kept = { 0 };
	json_t *result;

	peers_forget(d);
	engine_stop(d->engine, !d->stops_open, &kept);
	result = json_pack("{s:o}", "kept", kept_lines(&kept));
	if (kept.len > 0)
		log_line(&d->log, LOG_WARNING,
		         "stopped; private conns stay blocked (ipsec stop --open lets them go)");
	else
		log_line(&d->log, LOG_INFO, "stopped");
	control_server_answer(d->control, result);
	json_decref(result);
	text_free(&kept);
	event_base_loopbreak(d->base);
}

static void on_stop_poll(evutil_socket_t fd, short what, void *ctx)
{
	struct daemon *d = ctx;

	if (opportunism_is_quiet(d->core) || instant_reached(d->stop_deadline, clock_now())) {
		event_del(d->stop_poll);
		finish(d);
	}
}

void life_stop(struct daemon *d, bool open)
{
	static const struct timeval wait = { .tv_usec = POLL_MS * 1000 };

	d->stops_open = d->stops_open || open;
	if (d->is_stopping)
		return;
	d->is_stopping = true;
	notify_systemd("STOPPING=1");
	log_line(&d->log, LOG_INFO, "stopping");
	d->stop_deadline = instant_after(clock_now(), SECONDS(LIFE_STOP_WAIT_S));
	opportunism_shutdown(d->core, clock_now());
	event_add(d->stop_poll, &wait);
}

void life_crash(struct daemon *d, const char *why)
{
	if (d->is_stopping)
		return;
	log_line(&d->log, LOG_ERROR, "%s; giving up, traffic stays blocked until ipsec start", why);
	d->exit_status = 1;
	event_base_loopbreak(d->base);
}

static void on_signal(evutil_socket_t signal, short what, void *ctx)
{
	struct daemon *d = ctx;

	if (signal == SIGHUP)
		keeper_link_read(d->keeper);
	else
		life_stop(d, false);
}

/* What `ipsec` would print, line by line. */
static void log_lines(struct daemon *d, enum log_level level, const char *lines)
{
	while (*lines != '\0') {
		size_t len = strcspn(lines, "\n");

		if (len > 0)
			log_line(&d->log, level, "reload: %.*s", (int)len, lines);
		lines += len + (lines[len] == '\n');
	}
}

void life_on_trouble(void *ctx, const char *lines)
{
	struct daemon *d = ctx;

	log_lines(d, LOG_ERROR, lines);
	log_line(&d->log, LOG_ERROR, "reload: refused, the running configuration stays");
}

void life_on_files(void *ctx, int bundle, int secrets)
{
	struct daemon *d = ctx;
	json_t *json = start_unpack(bundle);
	struct text error = { 0 };
	struct configuration *conf = configuration_read(json, secrets, d->users.daemon, &error);

	json_decref(json);
	close(bundle);
	if (d->is_stopping)
		configuration_free(conf);
	else if (conf == NULL || !daemon_reload(d, conf, &error))
		life_on_trouble(d, error.s != NULL ? error.s : "refused");
	else
		log_lines(d, LOG_WARNING, d->conf->warnings);
	text_free(&error);
}

bool life_open(struct daemon *d)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		d->signals[i] = evsignal_new(d->base, signals[i], on_signal, d);
		if (d->signals[i] == NULL || event_add(d->signals[i], NULL) != 0)
			return false;
	}
	d->stop_poll = event_new(d->base, -1, EV_PERSIST, on_stop_poll, d);
	return d->stop_poll != NULL;
}

void life_close(struct daemon *d)
{
	for (size_t i = 0; i < ARRAY_LEN(d->signals); i++) {
		if (d->signals[i] != NULL)
			event_free(d->signals[i]);
	}
	if (d->stop_poll != NULL)
		event_free(d->stop_poll);
}
