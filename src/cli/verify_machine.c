/* What this machine must have, and what on it would work against us. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "cli/elsewhere.h"
#include "cli/nft.h"
#include "cli/sysctl.h"
#include "cli/verify.h"
#include "engine/steering/state.h"

/* ---- The kernel ---- */

static void check_tun(struct verify *v)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		verify_ok(v, "TUN", "the kernel has it");
		return;
	}
	verify_fail(v, "TUN", "modprobe tun, or allow /dev/net/tun in this container",
	            "/dev/net/tun: %s", strerror(errno));
}

static void check_nftables(struct verify *v, const struct site *g)
{
	struct text ruleset = { 0 };
	char error[1024];

	steering_ruleset(&ruleset, &g->plan->steering, &g->plan->policy);
	if (nft_load(ruleset.s, true, error, sizeof(error)))
		verify_ok(v, "nftables", "nft and the kernel take our rules");
	else
		verify_fail(v, "nftables",
		            strchr(error, ';') != NULL
		                ? NULL
		                : "the package nftables and a kernel with nf_tables are needed",
		            "%s", error);
	text_free(&ruleset);
}

/* A stop leaves private conns blocked, a crash more: why nothing goes, when nothing runs. */
static void check_leftover(struct verify *v, bool is_running)
{
	if (is_running || !nft_has_table())
		return;
	if (elsewhere_runs())
		verify_fail(v, "steering", "see ENVIRONMENT in ipsec(8)",
		            "a gateway with another IPSEC_RUNDIR runs in this network");
	else
		verify_warn(v, "steering", "ipsec start, or ipsec stop --open to open everything",
		            "no daemon runs, but rules of one are in place: what is private is "
		            "blocked, and after a crash the rest for daemon-down= seconds");
}

static void check_forwarding(struct verify *v, const struct site *g, enum ip_family family)
{
	const char *version = family == IP_V4 ? "IPv4" : "IPv6";

	if (sysctl_keeps_inside(g->plan, family))
		verify_fail(v, "forwarding",
		            family == IP_V4 ? "sysctl -w net.ipv4.ip_forward=1"
		                            : "sysctl -w net.ipv6.conf.all.forwarding=1",
		            "%s is not forwarded, and there are inside hosts of it", version);
	else if (sysctl_has_inside(g->plan, family))
		verify_ok(v, "forwarding", "%s is forwarded", version);
}

/* The stricter of `all` and the device's counts; what comes out of ipsec0 has its route elsewhere.
 */
static void check_rp_filter(struct verify *v, const struct site *g)
{
	const char *device = g->plan->steering.device;
	char name[64];
	int own, all = sysctl_net("ipv4/conf/all/rp_filter");

	snprintf(name, sizeof(name), "ipv4/conf/%s/rp_filter", device);
	own = sysctl_net(name);
	if (own < 0 || (own > all ? own : all) != 1)
		verify_ok(v, "rp_filter", "lets decrypted packets in");
	else
		verify_fail(v, "rp_filter", "sysctl -w net.ipv4.conf.ipsec0.rp_filter=2",
		            "strict on %s: decrypted packets are dropped", device);
}

/* ---- Other people's filters ---- */

struct finding {
	struct verify *v;
	bool any;
};

static void take_finding(void *ctx, enum log_level level, const char *text)
{
	struct finding *finding = ctx;

	finding->any = true;
	verify_warn(finding->v, "filters", NULL, "%s", text);
}

/* One table, as nft lists it: does it drop what comes in, and not speak of IKE at all? */
static void check_table(struct finding *finding, const char *table, size_t len)
{
	char *text = strndup(table, len);
	const char *input = text == NULL ? NULL : strstr(text, "hook input");
	const char *policy = input == NULL ? NULL : strstr(input, "policy ");

	if (policy != NULL && strncmp(policy, "policy drop", 11) == 0 &&
	    strstr(text, "500") == NULL) {
		finding->any = true;
		verify_warn(finding->v, "filters",
		            "add `udp dport { 500, 4500 } accept` and `meta l4proto esp accept`",
		            "%.*s drops by default what comes in, and no rule there names UDP 500",
		            (int)strcspn(text, "{\n") - 1, text);
	}
	free(text);
}

/* Whether a port is among what nft lists behind `udp dport`: 500, { 500, 4500 } or 400-600. */
static bool names_port(const char *ports, unsigned long port)
{
	const char *end = ports + strcspn(ports, *ports == '{' ? "}" : " ");

	while (ports < end) {
		unsigned long first, last;
		char *rest;

		if (*ports < '0' || *ports > '9') {
			ports++;
			continue;
		}
		first = last = strtoul(ports, &rest, 10);
		if (*rest == '-')
			last = strtoul(rest + 1, &rest, 10);
		if (first <= port && port <= last)
			return true;
		ports = rest;
	}
	return false;
}

/* A rule that refuses IKE of everybody; one with more conditions is meant so. */
static bool refuses_ike(const char *rule, size_t len)
{
	static const char *const verdicts[] = { "drop", "reject" };
	char text[512];

	if (len >= sizeof(text) ||
	    (strncmp(rule, "udp dport ", 10) != 0 && strncmp(rule, "udp sport ", 10) != 0))
		return false;
	memcpy(text, rule, len);
	text[len] = '\0';
	if (!names_port(text + 10, PLAN_PORT) && !names_port(text + 10, PLAN_NAT_PORT))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
		const char *verdict = strstr(text, verdicts[i]);

		if (verdict != NULL && verdict[-1] == ' ')
			return true;
	}
	return false;
}

/* The chains of one table that see what is ours; what is only forwarded is not. */
static void check_rules(struct finding *finding, const char *table, size_t len)
{
	const char *end = table + len;
	bool sees_ours = false;

	for (const char *line = table; line < end; line += strcspn(line, "\n") + 1) {
		const char *rule = line + strspn(line, "\t ");
		size_t rule_len = strcspn(rule, "\n");

		if (*rule == '}')
			sees_ours = false;
		else if (strncmp(rule, "type ", 5) == 0)
			sees_ours = memmem(rule, rule_len, "hook forward", 12) == NULL;
		else if (sees_ours && refuses_ike(rule, rule_len)) {
			finding->any = true;
			verify_warn(finding->v, "filters", "take that rule out",
			            "%.*s stops IKE: %.*s", (int)strcspn(table, "{\n") - 1, table,
			            (int)rule_len, rule);
		}
		if (line + strcspn(line, "\n") >= end)
			return;
	}
}

/* IKE and ESP from everywhere, or nobody can reach us. */
static void check_input(struct finding *finding)
{
	struct text all = { 0 };
	const char *table;

	nft_list(&all);
	table = all.s;
	while (table != NULL && *table != '\0') {
		const char *next = strstr(table, "\ntable ");
		size_t len = next == NULL ? strlen(table) : (size_t)(next - table);

		if (strncmp(table, "table inet " STEERING_TABLE " ",
		            strlen("table inet " STEERING_TABLE " ")) != 0) {
			check_table(finding, table, len);
			check_rules(finding, table, len);
		}
		table = next == NULL ? NULL : next + 1;
	}
	text_free(&all);
}

static void check_others_rules(struct verify *v, const struct site *g)
{
	struct finding finding = { .v = v };
	const struct log log = { &finding, LOG_WARNING, take_finding };
	char error[512];
	struct nft nft;

	if (!nft_open(&nft, error, sizeof(error))) {
		verify_warn(v, "filters", NULL, "%s", error);
		return;
	}
	if (check_has_flowtable(&nft)) {
		finding.any = true;
		verify_fail(v, "filters", "take it out of the firewall",
		            "a flowtable sends packets past every filter, and past us");
	}
	check_filters(&nft, &g->plan->steering, &log);
	nft_close(&nft);
	check_input(&finding);
	if (!finding.any)
		verify_ok(v, "filters", "none that would drop what is trapped, or keep peers out");
}

/* ---- Ports ---- */

static bool is_free(int family, uint16_t port)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { .any.sa_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int on = 1;
	bool ok;

	if (fd < 0)
		return true; /* nobody has a port of a family that is not there */
	if (family == AF_INET)
		a.v4.sin_port = htons(port);
	else
		a.v6.sin6_port = htons(port);
	if (family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	ok = bind(fd, &a.any, len) == 0 || errno != EADDRINUSE;
	close(fd);
	return ok;
}

static void check_ports(struct verify *v, bool is_running)
{
	static const uint16_t ports[] = { PLAN_PORT, PLAN_NAT_PORT };

	for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
		bool is_taken = !is_free(AF_INET, ports[i]) || !is_free(AF_INET6, ports[i]);

		if (is_running && is_taken)
			verify_ok(v, "ports", "UDP %u is ours", ports[i]);
		else if (is_running)
			verify_fail(v, "ports", "ipsec stop and ipsec start",
			            "the daemon runs, but nobody has UDP %u", ports[i]);
		else if (is_taken)
			verify_fail(v, "ports", "stop that program; ss -ulpn names it",
			            "another program has UDP %u", ports[i]);
		else
			verify_ok(v, "ports", "UDP %u is free", ports[i]);
	}
}

/* ---- The clock ---- */

/* Signatures have a beginning and an end: a clock that is years off makes all of them false. */
static void check_clock(struct verify *v)
{
	enum { YEAR_OF_THIS_PROGRAM = 2026 - 1900 };
	struct timex state = { 0 };
	time_t now = time(NULL);
	struct tm tm;
	char date[64];

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (tm.tm_year < YEAR_OF_THIS_PROGRAM)
		verify_fail(v, "clock", "set it: signed answers count as forged until then",
		            "%s is in the past", date);
	else if (adjtimex(&state) == TIME_ERROR)
		verify_warn(v, "clock", "run an NTP client, or look whether that is right",
		            "%s, and nothing keeps it in step", date);
	else
		verify_ok(v, "clock", "%s, kept in step", date);
}

void verify_machine(struct verify *v, const struct site *site, bool is_running)
{
	check_tun(v);
	check_ports(v, is_running);
	check_clock(v);
	check_leftover(v, is_running);
	if (site == NULL)
		return;
	check_nftables(v, site);
	check_forwarding(v, site, IP_V4);
	check_forwarding(v, site, IP_V6);
	check_rp_filter(v, site);
	check_others_rules(v, site);
}
