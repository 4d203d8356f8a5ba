/* ipsec checkconfig: everything start does to find out whether it can, and nothing it does. */
#include <stdio.h>
#include <unistd.h>

#include "cli/gateway.h"
#include "cli/nft.h"

static bool check_steering(const struct gateway *g)
{
	struct text ruleset = { 0 };
	char error[1024];
	bool ok;

	if (geteuid() != 0)
		return true; /* nft tells nobody else; start needs root anyway */
	if (!nft_check_flowtables(error, sizeof(error))) {
		cli_fail("%s", error);
		return false;
	}
	steering_ruleset(&ruleset, &g->plan.steering, &g->plan.policy);
	ok = nft_load(ruleset.s, true, error, sizeof(error));
	text_free(&ruleset);
	if (!ok)
		cli_fail("%s", error);
	return ok;
}

static void check_trust_anchor(const struct gateway *g)
{
	const struct conf_setup *setup = &g->files.conf.setup;

	if (setup->dnssec != DNSSEC_OFF &&
	    start_trust_anchor(g->files.conf_bundle, &g->files.conf).len == 0)
		cli_fail("warning: the trust anchor %s is missing, so no answer can be validated; "
		         "install dns-root-data, or write dnssec=off",
		         setup->trust_anchor);
}

int checkconfig_command(struct cli *cli)
{
	struct gateway g;
	bool ok;

	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	if (!gateway_read(cli, GATEWAY_CHECK, &g))
		return CLI_FAILED;
	check_trust_anchor(&g);
	ok = check_steering(&g);
	if (ok)
		printf("%s/ipsec.conf is good: %zu conns\n", cli->confs,
		       files_written_conns(&g.files.conf));
	gateway_wipe(&g);
	return ok ? CLI_DONE : CLI_FAILED;
}
