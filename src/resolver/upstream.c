#include "resolver/upstream.h"

#include <stdio.h>
#include <stdlib.h>
/* Needs the two above. */
#include <unbound-event.h>

/*
 * Options of every context. Reverse zones of private and documentation ranges are asked of the
 * forwarders (NEV-2), a server on this host may be one, and the defaults for ports, queries and
 * caches are those of a desktop. A forwarder that was silent is probed again soon: it may have
 * booted after us.
 */
static const char *const options[][2] = {
	{ "do-not-query-localhost:", "no" },
	{ "unblock-lan-zones:", "yes" },
	{ "insecure-lan-zones:", "yes" },
	{ "outgoing-range:", "4096" },
	{ "num-queries-per-thread:", "4096" },
	{ "jostle-timeout:", "4000" },
	{ "so-reuseport:", "yes" },
	{ "msg-cache-size:", "32m" },
	{ "rrset-cache-size:", "64m" },
	{ "key-cache-size:", "4m" },
	{ "neg-cache-size:", "4m" },
	{ "cache-max-ttl:", "86400" },
	{ "cache-max-negative-ttl:", "10800" },
	{ "edns-buffer-size:", "1232" },
	{ "infra-host-ttl:", "60" },
	{ "infra-keep-probing:", "yes" },
	{ "rrset-roundrobin:", "no" }, /* of a set that is too long the first ones count */
	{ "use-syslog:", "no" },
	{ "verbosity:", "0" },
};

/* What a context that asks few questions and soon goes has otherwise. */
static const char *const fresh_options[][2] = {
	{ "outgoing-range:", "128" },  { "num-queries-per-thread:", "128" },
	{ "msg-cache-size:", "1m" },   { "rrset-cache-size:", "2m" },
	{ "key-cache-size:", "256k" }, { "neg-cache-size:", "256k" },
};

static bool option_set(struct ub_ctx *ctx, const char *const option[2], char *error, size_t size)
{
	int result = ub_ctx_set_option(ctx, option[0], option[1]);

	if (result != 0)
		snprintf(error, size, "libunbound refuses %s %s (%s)", option[0], option[1],
		         ub_strerror(result));
	return result == 0;
}

static bool options_set(struct ub_ctx *ctx, unsigned kind, char *error, size_t size)
{
	const char *const modules[] = { "module-config:", kind & UPSTREAM_VALIDATING
		                                              ? "validator iterator"
		                                              : "iterator" };
	bool ok = option_set(ctx, modules, error, size);

	for (size_t i = 0; ok && i < ARRAY_LEN(options); i++)
		ok = option_set(ctx, options[i], error, size);
	for (size_t i = 0; ok && kind & UPSTREAM_FRESH && i < ARRAY_LEN(fresh_options); i++)
		ok = option_set(ctx, fresh_options[i], error, size);
	return ok;
}

static bool forwarders_set(struct ub_ctx *ctx, const struct resolver_settings *settings,
                           char *error, size_t size)
{
	for (size_t i = 0; i < settings->server_count; i++) {
		char address[64];

		snprintf(address, sizeof(address), "%s@%u", ip_text(&settings->servers[i]).s,
		         settings->port != 0 ? settings->port : 53u);
		if (ub_ctx_set_fwd(ctx, address) != 0) {
			snprintf(error, size, "libunbound refuses the name server %s", address);
			return false;
		}
	}
	return true;
}

/* The next line that is a record, without its comment; "" at the end. The caller frees. */
static char *anchor_line(const char **text)
{
	while (**text != '\0') {
		size_t line = strcspn(*text, "\n");
		size_t len = strcspn(*text, ";\n");
		const char *start = *text;

		*text += line + ((*text)[line] == '\n');
		while (len > 0 && strchr(" \t\r", start[len - 1]) != NULL)
			len--;
		if (len > 0)
			return strndup(start, len);
	}
	return NULL;
}

bool anchor_owner(const char *anchors, char out[DNS_NAME_MAX])
{
	char *line = anchors != NULL ? anchor_line(&anchors) : NULL;
	size_t len;
	bool ok;

	if (line == NULL)
		return false;
	len = strcspn(line, " \t");
	if (len > 0 && line[len - 1] == '.')
		len--;
	ok = len < DNS_NAME_MAX;
	if (ok)
		snprintf(out, DNS_NAME_MAX, "%.*s", (int)len, line);
	free(line);
	return ok;
}

static bool anchors_set(struct ub_ctx *ctx, const char *anchors, char *error, size_t size)
{
	char *line;
	bool ok = true;

	while (ok && (line = anchor_line(&anchors)) != NULL) {
		ok = ub_ctx_add_ta(ctx, line) == 0;
		if (!ok)
			snprintf(error, size, "libunbound refuses the trust anchor '%.80s'", line);
		free(line);
	}
	return ok;
}

/*
 * Ends the time of settings: only now the library reads the anchors. Names under test. are in use
 * in real labs; it would deny them.
 */
static bool settings_end(struct ub_ctx *ctx, char *error, size_t size)
{
	if (ub_ctx_zone_add(ctx, "test.", "transparent") == 0)
		return true;
	snprintf(error, size,
	         "the trust anchor file cannot be read as DS or DNSKEY records; put the "
	         "zone's there, or set dnssec=off");
	return false;
}

struct ub_ctx *upstream_new(const struct resolver_settings *settings, unsigned kind,
                            struct event_base *base, char *error, size_t size)
{
	struct ub_ctx *ctx = ub_ctx_create_event(base);

	if (ctx == NULL) {
		snprintf(error, size, "libunbound cannot be set up with this libevent");
		return NULL;
	}
	ub_ctx_debugout(ctx, NULL);
	if (!options_set(ctx, kind, error, size) ||
	    !forwarders_set(ctx, settings, error, size) ||
	    (kind & UPSTREAM_VALIDATING && !anchors_set(ctx, settings->trust_anchor, error, size)) ||
	    !settings_end(ctx, error, size)) {
		ub_ctx_delete(ctx);
		return NULL;
	}
	return ctx;
}
