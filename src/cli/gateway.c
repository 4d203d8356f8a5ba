#include "cli/gateway.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/hostkey.h"
#include "opportunism/conns.h"

static bool told(const char *error)
{
	cli_fail("%s", error);
	return false;
}

static bool wants_host_key(const struct conf *conf)
{
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn *c = &conf->conns[i];

		if (c->auto_action != AUTO_IGNORE && c->type == CONN_TUNNEL && !c->is_implied &&
		    c->left.auth == CONN_RSASIG && c->right.auth == CONN_RSASIG)
			return true;
	}
	return false;
}

/* A machine where nothing was configured yet starts, and all that it could protect is clear. */
static bool has_implied_groups(const struct conf *conf)
{
	for (size_t i = 0; i < conf->conn_count; i++)
		if (conf->conns[i].is_implied && conf->conns[i].type == CONN_TUNNEL)
			return true;
	return false;
}

static bool has_key(const struct hostkey *keys, size_t count, const struct conn_end *end)
{
	for (size_t i = 0; i < count; i++) {
		if (pubkey_equal(&keys[i].key, &end->key))
			return true;
	}
	return false;
}

/* One of a conn's certificates is ours; which end that is may not be known yet. */
static bool check_certificates(const struct conf *conf, const struct hostkey *keys, size_t count)
{
	for (size_t i = 0; i < conf->conn_count; i++) {
		const struct conn *c = &conf->conns[i];
		bool is_certified = c->left.chain.len > 0 || c->right.chain.len > 0;

		if (!is_certified || c->auto_action == AUTO_IGNORE ||
		    has_key(keys, count, &c->left) || has_key(keys, count, &c->right))
			continue;
		cli_fail("%s:%u: conn %s: there is no private key in ipsec.secrets for its "
		         "certificate; add the line of that key",
		         c->file, c->line, c->name);
		return false;
	}
	return true;
}

static bool check_keys(const struct files *files)
{
	struct hostkey keys[HOSTKEYS_MAX];
	char error[512];
	size_t count;
	bool any = false;

	if (!hostkeys_of_secrets(&files->secrets, keys, &count, error, sizeof(error)))
		return told(error);
	for (size_t i = 0; i < count; i++)
		any = any || !keys[i].is_next;
	if (!check_certificates(&files->conf, keys, count))
		return false;
	if (!any && has_implied_groups(&files->conf))
		cli_fail(
		    "warning: ipsec.secrets holds no host key, so groups can have no tunnel: what "
		    "is private is dropped, the rest is in the clear; make one with ipsec "
		    "newhostkey");
	return any || !wants_host_key(&files->conf) ||
	       told("ipsec.secrets holds no host key; make one with ipsec newhostkey");
}

/* Before the network is up, any address may become ours. */
static void pretend_addresses(struct network *network)
{
	if (network->source4.family == IP_NONE)
		network->source4 = (struct ip){ .family = IP_V4 };
	if (network->source6.family == IP_NONE)
		network->source6 = (struct ip){ .family = IP_V6 };
}

static bool widen_own_rows(struct plan *plan)
{
	struct policy_table wide;
	bool ok;

	for (size_t i = 0; i < plan->policy.row_count; i++) {
		struct policy_row *row = &plan->policy.rows[i];

		if (row->is_own_address)
			row->local = range_any((enum ip_family)row->local.first.family);
	}
	ok = policy_build(&wide, plan->policy.rows, plan->policy.row_count, NULL);
	policy_wipe(&plan->policy);
	plan->policy = wide;
	return ok || told("the policy cuts the addresses into too many rows");
}

static bool make_plan(struct gateway *g, bool before_network)
{
	struct network *network = new_zeroed(sizeof(*network));
	char error[512];
	struct text lacks = { 0 };
	bool ok = network_read(network, error, sizeof(error));

	if (before_network) {
		pretend_addresses(network);
		g->files.conf.setup.uses_defaultroute = true;
		g->files.conf.setup.interface_count = 0;
	}
	ok = ok &&
	     plan_make(&g->plan, &g->files.conf, network, g->users.daemon, error, sizeof(error));
	free(network);
	if (!ok)
		return told(error);
	if (plan_lacks(&g->plan, &g->files.conf, &lacks))
		fprintf(stderr, "warning: %s\n", lacks.s);
	text_free(&lacks);
	return !before_network || widen_own_rows(&g->plan);
}

static bool is_own(const struct plan *plan, const struct ip *address)
{
	for (size_t i = 0; i < plan->own_count; i++) {
		if (ip_equal(&plan->own[i], address))
			return true;
	}
	return false;
}

/* What can be seen beforehand of conns that will come to nothing. It is no mistake: an address may
 * come, and a secret may be added with the peer. */
static void warn_of_conns(const struct gateway *g)
{
	const struct own_addresses own = { g->plan.own4, g->plan.own6, g->plan.own,
		                           g->plan.own_count };
	struct conns conns;

	conns_load(&conns, &g->files.conf, &g->files.secrets, &own);
	for (size_t i = 0; i < conns.count; i++) {
		const struct conn_state *conn = &conns.list[i];
		bool wants_secret =
		    conn->conn.type == CONN_TUNNEL && conn->theirs.kind == END_ADDRESS &&
		    (conn->ours.auth == CONN_SECRET || conn->theirs.auth == CONN_SECRET);

		if (!conn->is_added)
			continue;
		if (conn->ours.kind == END_ADDRESS && !g->plan.has_more_addresses &&
		    !is_own(&g->plan, &conn->ours.address))
			cli_fail("warning: %s:%u: conn %s: neither left nor right is an address of "
			         "this machine",
			         conn->conn.file, conn->conn.line, conn->conn.name);
		if (wants_secret && conn->psk < 0)
			cli_fail(
			    "warning: %s:%u: conn %s: no shared secret in ipsec.secrets is for "
			    "its two ends; add a line `OURS THEIRS : PSK \"...\"`",
			    conn->conn.file, conn->conn.line, conn->conn.name);
	}
	conns_wipe(&conns);
}

static bool find_users(struct gateway *g)
{
	char error[512];

	return start_users(&g->users, error, sizeof(error)) || told(error);
}

bool gateway_read(const struct cli *cli, enum gateway_purpose purpose, struct gateway *out)
{
	*out = (struct gateway){ 0 };
	if (!files_read(cli, purpose != GATEWAY_CHECK, &out->files))
		return false;
	if (check_keys(&out->files) && find_users(out) &&
	    make_plan(out, purpose == GATEWAY_STEER)) {
		if (purpose != GATEWAY_STEER)
			warn_of_conns(out);
		return true;
	}
	files_wipe(&out->files);
	return false;
}

bool gateway_read_conf(const struct cli *cli, struct gateway *out)
{
	*out = (struct gateway){ 0 };
	if (files_read_conf(cli, true, &out->files) && find_users(out) && make_plan(out, false))
		return true;
	files_wipe(&out->files);
	return false;
}

void gateway_wipe(struct gateway *gateway)
{
	plan_wipe(&gateway->plan);
	files_wipe(&gateway->files);
}

void gateway_rundir(const struct cli *cli, char *out, size_t size)
{
	char here[4096] = "";

	if (cli->rundir[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		here[0] = '\0';
	snprintf(out, size, "%s%s%s", here, here[0] != '\0' ? "/" : "", cli->rundir);
}
