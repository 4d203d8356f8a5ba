/* ipsec why: one pair, its evidence and its future. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "util/address.h"

/* ---- The words ---- */

static bool take_address(const char *word, struct ip *out)
{
	return word != NULL && ip_parse(word, out);
}

static bool take_number(const char *word, long max, json_int_t *out)
{
	char *end;
	long value;

	if (word == NULL || *word < '0' || *word > '9')
		return false;
	value = strtol(word, &end, 10);
	*out = value;
	return *end == '\0' && value <= max;
}

static bool take_protocol(const char *word, json_int_t *out)
{
	const struct protoent *known = word == NULL ? NULL : getprotobyname(word);

	if (known == NULL)
		return take_number(word, 255, out) && *out > 0;
	*out = known->p_proto;
	return true;
}

struct question {
	struct ip source;
	struct ip destination;
	json_int_t protocol; /* -1: any */
	json_int_t port;     /* -1: any */
};

/* One of "from ADDRESS", "proto P", "port N"; CLI_DONE or wrong words. */
static int take_clause(struct cli *cli, const char *word, struct question *q)
{
	const char *value;

	if (strcmp(word, "from") != 0 && strcmp(word, "proto") != 0 && strcmp(word, "port") != 0)
		return cli_wrong_words(cli, "%s is not understood", word);
	value = cli_word(cli);
	if (strcmp(word, "from") == 0 && !take_address(value, &q->source))
		return cli_wrong_words(cli, "from takes an address");
	if (strcmp(word, "proto") == 0 && !take_protocol(value, &q->protocol))
		return cli_wrong_words(cli, "proto takes a protocol's name or number");
	if (strcmp(word, "port") == 0 && !take_number(value, 65535, &q->port))
		return cli_wrong_words(cli, "port takes a number up to 65535");
	return CLI_DONE;
}

/* -1: read. */
static int read_question(struct cli *cli, struct question *q)
{
	const char *word = cli_word(cli);

	*q = (struct question){ .protocol = -1, .port = -1 };
	if (word == NULL && cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (word == NULL)
		return cli_wrong_words(cli, "about which address?");
	if (!take_address(word, &q->destination))
		return cli_wrong_words(cli, "%s is no address", word);
	while ((word = cli_word(cli)) != NULL) {
		int status = take_clause(cli, word, q);

		if (status != CLI_DONE)
			return status;
	}
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (q->source.family != IP_NONE && q->source.family != q->destination.family)
		return cli_wrong_words(cli, "both addresses must be of one family");
	if (q->port >= 0 && q->protocol < 0)
		return cli_wrong_words(cli, "port needs proto before it, such as proto tcp");
	return -1;
}

static json_t *request(const char *command, const struct question *q)
{
	json_t *json =
	    json_pack("{s:s, s:s}", "command", command, "destination", ip_text(&q->destination).s);

	if (q->source.family != IP_NONE)
		json_object_set_new(json, "source", json_string(ip_text(&q->source).s));
	if (q->protocol >= 0)
		json_object_set_new(json, "protocol", json_integer(q->protocol));
	if (q->port >= 0)
		json_object_set_new(json, "port", json_integer(q->port));
	return json;
}

/* ---- The answer, for people ---- */

static bool is_there(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return value != NULL && !json_is_null(value);
}

static void print_rule(const json_t *rule)
{
	if (json_is_null(rule)) {
		puts("  rule      none");
		return;
	}
	printf("  rule      %s", cli_text(rule, "name"));
	if (is_there(rule, "file"))
		printf(" (%s", cli_text(rule, "file"));
	if (is_there(rule, "line"))
		printf(":%lld", (long long)json_integer_value(json_object_get(rule, "line")));
	puts(is_there(rule, "file") ? ")" : "");
}

static void print_question(const json_t *q)
{
	printf("%s %s", cli_text(q, "type"), cli_text(q, "name"));
	if (is_there(q, "answer"))
		printf(": %s", cli_text(q, "answer"));
	if (is_there(q, "ttl"))
		printf(", ttl %lld s", (long long)json_integer_value(json_object_get(q, "ttl")));
	if (is_there(q, "security"))
		printf(", %s", cli_text(q, "security"));
	putchar('\n');
}

static void print_questions(const json_t *questions, bool would)
{
	json_t *q;
	size_t i;

	json_array_foreach(questions, i, q)
	{
		printf("  %-10s", i > 0 ? "" : would ? "would ask" : "asked");
		print_question(q);
	}
}

static void print_gateways(const json_t *gateways, bool would)
{
	json_t *g;
	size_t i;

	json_array_foreach(gateways, i, g)
	{
		bool is_call = would && !is_there(g, "result");

		printf("  %-10s%s%s",
		       is_call ? "would call"
		       : i > 0 ? ""
		               : "gateway",
		       is_call ? " " : "", cli_text(g, "address"));
		if (is_there(g, "result"))
			printf(": %s, %s", cli_text(g, "result"), cli_text(g, "at"));
		else if (!would)
			printf(": no answer yet");
		putchar('\n');
	}
}

static void print_identity(const json_t *why)
{
	if (!is_there(why, "identity"))
		return;
	printf("  peer      %s", cli_text(why, "identity"));
	if (is_there(why, "key"))
		printf(", proven by %s", cli_text(why, "key"));
	putchar('\n');
}

static void print_eroute(const json_t *eroute, bool would)
{
	const char *action = cli_text(eroute, "action");
	bool is_tunnel = strcmp(action, "tunnel") == 0;

	if (json_is_null(eroute))
		return;
	printf("  eroute    %s -> %s => %s%s", cli_text(eroute, "source"),
	       cli_text(eroute, "destination"), is_tunnel ? "" : "%",
	       is_tunnel ? cli_text(eroute, "said") : action);
	if (!would) {
		if (is_there(eroute, "age_s"))
			printf(" for %lld s,",
			       (long long)json_integer_value(json_object_get(eroute, "age_s")));
		printf(" %lld packets",
		       (long long)json_integer_value(json_object_get(eroute, "packets")));
		if (is_there(eroute, "strength"))
			printf(", strength %s", cli_text(eroute, "strength"));
		printf("\n  because   %s", cli_text(eroute, "reason"));
	}
	putchar('\n');
}

static bool has_security(const json_t *questions, const char *security)
{
	json_t *q;
	size_t i;

	json_array_foreach(questions, i, q)
	{
		if (strcmp(cli_text(q, "security"), security) == 0)
			return true;
	}
	return false;
}

/* What the evidence is worth, and what would make it better (TRU-6, TRU-8, SEC-15). */
static const char *note_on(const json_t *why)
{
	const json_t *eroute = json_object_get(why, "eroute");
	const json_t *questions = json_object_get(why, "questions");
	const char *action = cli_text(eroute, "action");

	if (has_security(questions, "bogus"))
		return "an answer was forged, or its zone or this machine's clock is wrong: ipsec "
		       "verify looks";
	if (strcmp(cli_text(eroute, "strength"), "dns") == 0)
		return "signed zones would make it dnssec; now it keeps eavesdroppers out, not "
		       "who forges DNS. With unsigned-delegation=self another gateway than the "
		       "address itself would need a signature";
	if (strcmp(action, "pass") == 0 && has_security(questions, "insecure"))
		return "the answer is not signed: who can forge it can have cleartext";
	return NULL;
}

static void print_next(const json_t *next)
{
	printf("  next      %s", cli_text(next, "what"));
	if (is_there(next, "at"))
		printf(" (%s)", cli_text(next, "at"));
	putchar('\n');
}

static void print_why(const json_t *why)
{
	bool would = json_is_true(json_object_get(why, "hypothetical"));

	printf("%s > %s%s\n", cli_text(why, "source"), cli_text(why, "destination"),
	       would ? ": nothing was decided yet, this is what would happen" : "");
	print_rule(json_object_get(why, "rule"));
	print_questions(json_object_get(why, "questions"), would);
	print_gateways(json_object_get(why, "gateways"), would);
	print_identity(why);
	print_eroute(json_object_get(why, "eroute"), would);
	if (note_on(why) != NULL)
		printf("  note      %s\n", note_on(why));
	print_next(json_object_get(why, "next"));
}

/* ---- Trying ---- */

/* Steps that were not told yet; `told` has those that were. */
static void print_steps(const json_t *steps, json_t *told)
{
	json_t *step;
	size_t i;

	json_array_foreach(steps, i, step)
	{
		char line[1200];

		snprintf(line, sizeof(line), "%8.3f s  %s",
		         json_real_value(json_object_get(step, "after_s")), cli_text(step, "what"));
		if (json_object_get(told, line) != NULL)
			continue;
		json_object_set_new(told, line, json_true());
		puts(line);
		fflush(stdout);
	}
}

/* The daemon decides whether or not somebody looks on; what is held waits 60 s at most. */
static int watch(const struct cli *cli, const struct question *q, bool is_silent, json_t **why)
{
	enum { STEPS = 1400 };
	static const struct timespec step = { .tv_nsec = 50000000 };
	json_t *told = json_object();
	int status = CLI_DONE;

	for (int i = 0; i < STEPS && status == CLI_DONE; i++) {
		json_t *question = request("why", q);

		json_object_set_new(question, "steps", json_true());
		if (!cli_ask(cli, question, why, &status))
			break;
		if (!is_silent)
			print_steps(json_object_get(*why, "steps"), told);
		if (json_is_true(json_object_get(*why, "decided")))
			break;
		if (i + 1 < STEPS)
			json_decref(*why);
		nanosleep(&step, NULL);
	}
	json_decref(told);
	return status;
}

/* A tunnel is not negotiated anew: what is told then are the steps by which it came. */
static int tell_if_tunnel(const struct cli *cli, const struct question *q)
{
	json_t *result;
	int status;

	if (!cli_ask(cli, request("why", q), &result, &status))
		return status;
	if (strcmp(cli_text(json_object_get(result, "eroute"), "action"), "tunnel") == 0)
		puts("It has a tunnel, which stays, and nothing is asked; this is how it came:");
	json_decref(result);
	return CLI_DONE;
}

static int try_now(const struct cli *cli, const struct question *q, bool wants_json)
{
	struct question asked = *q;
	json_t *result;
	int status = wants_json ? CLI_DONE : tell_if_tunnel(cli, q);

	if (status != CLI_DONE)
		return status;
	if (!cli_ask(cli, request("try", q), &result, &status))
		return status;
	(void)take_address(json_string_value(json_object_get(result, "source")), &asked.source);
	json_decref(result);
	status = watch(cli, &asked, wants_json, &result);
	if (status != CLI_DONE)
		return status;
	json_object_del(result, "decided");
	if (wants_json)
		cli_print_json(result);
	else
		print_why(result);
	json_decref(result);
	return CLI_DONE;
}

int why_command(struct cli *cli)
{
	bool wants_json = cli_option(cli, "--json");
	bool tries = cli_option(cli, "--try");
	struct question q;
	json_t *result;
	int status = read_question(cli, &q);

	if (status >= 0)
		return status;
	if (tries)
		return try_now(cli, &q, wants_json);
	if (!cli_ask(cli, request("why", &q), &result, &status))
		return status;
	if (wants_json)
		cli_print_json(result);
	else
		print_why(result);
	json_decref(result);
	return CLI_DONE;
}
