#include "daemon/why.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/clock.h"
#include "daemon/core.h"
#include "daemon/listing.h"
#include "opportunism/why.h"

/* ---- The request ---- */

static bool take_address(const json_t *request, const char *key, struct ip *out)
{
	const char *text = json_string_value(json_object_get(request, key));

	return text == NULL || ip_parse(text, out);
}

static bool take_number(const json_t *request, const char *key, json_int_t max, json_int_t none,
                        json_int_t *out)
{
	const json_t *value = json_object_get(request, key);

	*out = value == NULL ? none : json_integer_value(value);
	return value == NULL || (json_is_integer(value) && *out >= 0 && *out <= max);
}

static bool take_request(const json_t *request, struct why_request *out, struct text *error)
{
	json_int_t protocol, port;

	*out = (struct why_request){ 0 };
	if (take_address(request, "source", &out->source) &&
	    take_address(request, "destination", &out->destination) &&
	    take_number(request, "protocol", 255, 0, &protocol) &&
	    take_number(request, "port", 65535, -1, &port) && out->destination.family != IP_NONE &&
	    (out->source.family == IP_NONE || out->source.family == out->destination.family)) {
		out->protocol = (uint8_t)protocol;
		out->port = (int32_t)port;
		return true;
	}
	text_add(error, "why: two addresses of one family, and perhaps protocol and port");
	return false;
}

/* ---- Its answer ---- */

struct clocks {
	struct instant monotonic;
	struct timespec wall;
};

static struct clocks clocks_now(void)
{
	struct clocks clocks = { .monotonic = clock_now() };

	clock_gettime(CLOCK_REALTIME, &clocks.wall);
	return clocks;
}

/* "2026-02-03T04:05:06.789Z", or null. */
static json_t *time_json(const struct clocks *clocks, struct instant at)
{
	int64_t ns = clocks->wall.tv_nsec + instant_since(at, clocks->monotonic).ns;
	time_t second = clocks->wall.tv_sec + ns / 1000000000;
	struct tm tm;
	char date[32], text[48];

	if (at.ns == INSTANT_NEVER.ns)
		return json_null();
	ns %= 1000000000;
	if (ns < 0) {
		ns += 1000000000;
		second--;
	}
	gmtime_r(&second, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text, sizeof(text), "%s.%03dZ", date, (int)(ns / 1000000));
	return json_string(text);
}

static json_t *text_json(const char *s)
{
	json_t *json = s == NULL || *s == '\0' ? json_null() : json_string(s);

	return json != NULL ? json : json_string("?");
}

static json_t *ip_json(const struct ip *address)
{
	return address->family == IP_NONE ? json_null() : json_string(ip_text(address).s);
}

static json_t *rule_json(const struct why *why)
{
	if (!why->has_rule)
		return json_null();
	return json_pack("{s:s, s:o, s:o}", "name", why->rule, "file", text_json(why->file), "line",
	                 why->line > 0 ? json_integer(why->line) : json_null());
}

static const char *answer_text(const struct evidence_question *question)
{
	if (question->records != NULL)
		return question->records;
	if (question->status == NULL || strcmp(question->status, "found") != 0)
		return question->status;
	return question->trust == DNS_BOGUS ? "not read, it is bogus" : "nothing of use";
}

static bool is_answered(const struct evidence_question *question)
{
	return question->answered.ns != INSTANT_NEVER.ns;
}

static json_t *question_json(const struct evidence_question *question)
{
	const char *security = dns_trust_name((enum dns_trust)question->trust);

	return json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", question->name, "type",
	                 evidence_type(question->type), "answer", text_json(answer_text(question)),
	                 "ttl", question->is_proven ? json_integer(question->ttl_s) : json_null(),
	                 "security", question->is_proven ? json_string(security) : json_null());
}

static json_t *questions_json(const struct evidence_log *log)
{
	const struct evidence_question *question;
	json_t *rows = json_array();

	STAILQ_FOREACH(question, &log->questions, next)
	json_array_append_new(rows, question_json(question));
	return rows;
}

static json_t *gateway_address(const struct evidence_gateway *gateway)
{
	return gateway->address.family != IP_NONE ? json_string(ip_text(&gateway->address).s)
	                                          : text_json(gateway->name);
}

static json_t *refusal_json(const struct refusal *refused, const struct clocks *clocks)
{
	char result[REFUSAL_WHY_MAX + 32];

	snprintf(result, sizeof(result), "came here and was refused: %s", refused->why);
	return json_pack("{s:s, s:s, s:o}", "address", ip_text(&refused->gateway).s, "result",
	                 result, "at", time_json(clocks, refused->at));
}

static json_t *gateways_json(const struct why *why, const struct clocks *clocks)
{
	const struct evidence_log *log = why->evidence;
	const struct evidence_gateway *gateway;
	json_t *rows = json_array();

	STAILQ_FOREACH(gateway, &log->gateways, next)
	json_array_append_new(
	    rows, json_pack("{s:o, s:o, s:o}", "address", gateway_address(gateway), "result",
	                    text_json(gateway->result), "at", time_json(clocks, gateway->at)));
	if (why->refused != NULL)
		json_array_append_new(rows, refusal_json(why->refused, clocks));
	return rows;
}

/* ---- Step by step ---- */

static void add_step(json_t *steps, const struct why *why, struct instant at, const char *what)
{
	double after_s = (double)instant_since(at, why->began).ns / 1e9;
	size_t place = json_array_size(steps);

	while (place > 0 && json_real_value(json_object_get(json_array_get(steps, place - 1),
	                                                    "after_s")) > after_s)
		place--;
	json_array_insert_new(steps, place,
	                      json_pack("{s:f, s:o}", "after_s", after_s, "what", text_json(what)));
}

static void add_questions(json_t *steps, const struct why *why)
{
	const struct evidence_question *q;
	char what[1024];

	STAILQ_FOREACH(q, &why->evidence->questions, next)
	{
		snprintf(what, sizeof(what), "ask for %s %s", evidence_type(q->type), q->name);
		add_step(steps, why, q->asked, what);
		if (!is_answered(q))
			continue;
		snprintf(what, sizeof(what), "%s %s: %s%s%s", evidence_type(q->type), q->name,
		         answer_text(q), q->is_proven ? ", " : "",
		         q->is_proven ? dns_trust_name((enum dns_trust)q->trust) : "");
		add_step(steps, why, q->answered, what);
	}
}

static void add_gateways(json_t *steps, const struct why *why)
{
	const struct evidence_gateway *g;
	char what[1024];

	STAILQ_FOREACH(g, &why->evidence->gateways, next)
	{
		struct ip_text address = ip_text(&g->address);
		const char *name = g->name[0] != '\0' ? g->name : address.s;

		snprintf(what, sizeof(what), "call gateway %s", name);
		add_step(steps, why, g->tried, what);
		if (g->result == NULL)
			continue;
		snprintf(what, sizeof(what), "gateway %s: %s", name, g->result);
		add_step(steps, why, g->at, what);
	}
}

static json_t *steps_json(const struct why *why)
{
	json_t *steps = json_array();

	if (why->is_hypothetical)
		return steps;
	add_questions(steps, why);
	add_gateways(steps, why);
	return steps;
}

json_t *why_json(struct daemon *d, const json_t *request, struct text *error)
{
	struct clocks clocks = clocks_now();
	struct why_request asked;
	struct why why;
	json_t *json;

	if (!take_request(request, &asked, error))
		return NULL;
	core_refresh_use(d);
	opportunism_why(d->core, &asked, &why);
	json =
	    json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:b}", "source",
	              ip_json(&why.pair.source), "destination", ip_text(&why.pair.destination).s,
	              "rule", rule_json(&why), "questions", questions_json(why.evidence),
	              "gateways", gateways_json(&why, &clocks), "identity",
	              text_json(why.identity.s), "key", text_json(why.key.s), "eroute",
	              why.has_eroute ? listing_eroute(&why.eroute, clocks.monotonic) : json_null(),
	              "next", "what", text_json(why.next), "at", time_json(&clocks, why.next_at),
	              "hypothetical", (int)why.is_hypothetical);
	if (json_is_true(json_object_get(request, "steps"))) {
		json_object_set_new(json, "steps", steps_json(&why));
		json_object_set_new(json, "decided", json_boolean(why.is_decided));
	}
	why_wipe(&why);
	return json;
}

json_t *why_try(struct daemon *d, const json_t *request, struct text *error)
{
	struct why_request asked;
	struct ip_pair pair;
	bool ok;

	if (!take_request(request, &asked, error))
		return NULL;
	ok = opportunism_try(d->core, &asked, &pair, error, clock_now());
	core_settle(d);
	if (!ok)
		return NULL;
	return json_pack("{s:o, s:s}", "source", ip_json(&pair.source), "destination",
	                 ip_text(&pair.destination).s);
}
