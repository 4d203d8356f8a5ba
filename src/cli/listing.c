/* ipsec eroute, look and status: what the daemon says, as tables or as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"

/* What a listing prints for people. */
typedef void print_fn(const json_t *result);

static int list(struct cli *cli, const char *request, print_fn *print)
{
	bool wants_json = cli_option(cli, "--json");
	json_t *result;
	int status;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (!cli_ask(cli, json_pack("{s:s}", "command", request), &result, &status))
		return status;
	if (wants_json)
		cli_print_json(result);
	else
		print(result);
	json_decref(result);
	return CLI_DONE;
}

static bool is_v6(const json_t *row)
{
	return strchr(cli_text(row, "source"), ':') != NULL;
}

/* The widths of the HowTo's table; rows of IPv6 take what they need. */
static int selector_width(const json_t *rows, bool v6)
{
	static const char *const keys[] = { "source", "destination" };
	size_t width = 18;
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		for (size_t k = 0; k < 2 && is_v6(row) == v6; k++) {
			size_t len = strlen(cli_text(row, keys[k]));

			width = len > width ? len : width;
		}
	}
	return (int)width;
}

static bool is_number(const json_t *object, const char *key)
{
	return json_is_integer(json_object_get(object, key));
}

static long long number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

/* Age, cause, strength, expiry and what comes next, below the row. */
static void print_details(const json_t *row)
{
	fputs("           ", stdout);
	if (is_number(row, "age_s"))
		printf("since %lld s ", number(row, "age_s"));
	printf("by %s: %s", cli_text(row, "conn"), cli_text(row, "reason"));
	if (json_is_string(json_object_get(row, "strength")))
		printf("; strength %s", cli_text(row, "strength"));
	if (is_number(row, "idle_s"))
		printf("; used %lld s ago", number(row, "idle_s"));
	if (is_number(row, "confirmed_s"))
		printf("; confirmed %lld s ago", number(row, "confirmed_s"));
	if (is_number(row, "expires_s"))
		printf("; expires in %lld s", number(row, "expires_s"));
	if (json_is_string(json_object_get(row, "next")))
		printf("; next: %s", cli_text(row, "next"));
	if (is_number(row, "next_s"))
		printf(", in %lld s", number(row, "next_s"));
	putchar('\n');
}

static void print_table(const json_t *rows, bool is_verbose)
{
	int widths[2] = { selector_width(rows, false), selector_width(rows, true) };
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const char *action = cli_text(row, "action");
		bool is_tunnel = strcmp(action, "tunnel") == 0;
		int width = widths[is_v6(row)];

		printf("%-10lld %-*s -> %-*s => %s%s",
		       (long long)json_integer_value(json_object_get(row, "packets")), width,
		       cli_text(row, "source"), width, cli_text(row, "destination"),
		       is_tunnel ? "" : "%", is_tunnel ? cli_text(row, "said") : action);
		if (json_is_string(json_object_get(row, "traffic")))
			printf("  (%s)", cli_text(row, "traffic"));
		putchar('\n');
		if (is_verbose)
			print_details(row);
	}
}

static void print_eroutes(const json_t *rows)
{
	print_table(rows, false);
}

static void print_verbose(const json_t *rows)
{
	print_table(rows, true);
}

int eroute_command(struct cli *cli)
{
	bool is_verbose = cli_option(cli, "--verbose");
	int status;

	if (eroute_order(cli, &status))
		return status;
	return list(cli, "eroute", is_verbose ? print_verbose : print_eroutes);
}

static void print_ike_sa(const json_t *sa)
{
	printf("ike 0x%s %s -> %s %s, %s, %s <-> %s, %lld children\n", cli_text(sa, "spi_i"),
	       cli_text(sa, "local"), cli_text(sa, "remote"), cli_text(sa, "state"),
	       json_is_true(json_object_get(sa, "initiator")) ? "initiator" : "responder",
	       cli_text(sa, "local_id"), cli_text(sa, "peer_id"),
	       (long long)json_integer_value(json_object_get(sa, "children")));
}

static void print_look(const json_t *result)
{
	json_t *sa;
	size_t i;

	print_eroutes(json_object_get(result, "eroutes"));
	putchar('\n');
	json_array_foreach(json_object_get(result, "ike_sas"), i, sa)
	{
		print_ike_sa(sa);
	}
}

int look_command(struct cli *cli)
{
	return list(cli, "look", print_look);
}

static void print_age(long long seconds)
{
	if (seconds >= 172800)
		printf("%lld days", seconds / 86400);
	else if (seconds >= 7200)
		printf("%lld hours", seconds / 3600);
	else if (seconds >= 120)
		printf("%lld minutes", seconds / 60);
	else
		printf("%lld s", seconds);
}

static void print_words(const char *title, const json_t *array)
{
	json_t *word;
	size_t i;

	printf("%s", title);
	if (json_array_size(array) == 0)
		printf(" none");
	json_array_foreach(array, i, word)
	{
		printf(" %s", json_string_value(word) != NULL ? json_string_value(word) : "?");
	}
	putchar('\n');
}

static void print_host_keys(const json_t *keys)
{
	json_t *key;
	size_t i;

	printf("host keys:   ");
	if (json_array_size(keys) == 0)
		printf(" none; make one with ipsec newhostkey");
	json_array_foreach(keys, i, key)
	{
		printf("%s %s%s", i == 0 ? "" : ",", cli_text(key, "key"),
		       json_is_true(json_object_get(key, "next")) ? " (next)" : "");
	}
	putchar('\n');
}

/* Numbers by name, those above zero; "none" if no one is. */
static void print_counts(const char *title, const json_t *counts)
{
	const char *key;
	json_t *value;
	bool any = false;

	printf("%s", title);
	json_object_foreach((json_t *)counts, key, value)
	{
		if (json_integer_value(value) <= 0)
			continue;
		printf("%s %lld %s", any ? "," : "", (long long)json_integer_value(value), key);
		any = true;
	}
	puts(any ? "" : " none");
}

/* TRU-1: that answers are not validated is said loudly. */
static const char *dnssec_meaning(const char *state)
{
	if (strcmp(state, "unprimed") == 0)
		return "the trust anchor could not be verified yet, all answers count as insecure";
	if (strcmp(state, "off") == 0)
		return "answers are not validated";
	return "answers are validated from the trust anchor down";
}

/* Before anything else: what the administrator wrote is not what happens. */
static void print_trouble(const json_t *lines)
{
	json_t *line;
	size_t i;

	if (json_array_size(lines) == 0)
		return;
	puts("MAKESHIFT POLICY: files of policies cannot be used. What they do not clearly\n"
	     "protect, block or clear is dropped. Correct them, then ipsec auto --rereadgroups:");
	json_array_foreach(lines, i, line)
		printf("  %s\n", json_string_value(line));
}

static void print_unresolved(const json_t *names)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		printf("no address:   %s, in group %s\n", cli_text(name, "name"),
		       cli_text(name, "group"));
}

static void print_status(const json_t *s)
{
	json_t *dropped = json_object_get(s, "dropped");

	print_trouble(json_object_get(s, "trouble"));
	printf("wildswan %s is running, process %lld, since ", cli_text(s, "version"),
	       (long long)json_integer_value(json_object_get(s, "pid")));
	print_age((long long)json_integer_value(json_object_get(s, "uptime_s")));
	putchar('\n');
	print_words("addresses:   ", json_object_get(s, "outer"));
	print_words("name servers:", json_object_get(s, "name_servers"));
	printf("dnssec:       %s: %s\n", cli_text(s, "dnssec"),
	       dnssec_meaning(cli_text(s, "dnssec")));
	print_host_keys(json_object_get(s, "host_keys"));
	print_unresolved(json_object_get(s, "unresolved"));
	printf("conns:        %lld\n", (long long)json_integer_value(json_object_get(s, "conns")));
	print_counts("eroutes:     ", json_object_get(s, "eroutes"));
	printf("IKE SAs:      %lld\n",
	       (long long)json_integer_value(json_object_get(s, "ike_sas")));
	print_counts("trust:       ", json_object_get(s, "trust"));
	print_counts("dropped IKE: ", json_object_get(dropped, "ike"));
	print_counts("dropped ESP: ", json_object_get(dropped, "esp"));
}

int status_command(struct cli *cli)
{
	return list(cli, "status", print_status);
}
