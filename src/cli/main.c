/*
 * ipsec: the command people type. One table of commands; each is in a file of its own.
 */
#include <errno.h>
#include <stdio.h>

#include "cli/cli.h"
#include "control/start.h"
#include "util/text.h"

static const struct command {
	const char *name;
	const char *usage;
	const char *help; /* one line */
	const char *more; /* the rest of CMD --help; lines */
	int (*run)(struct cli *cli);
} commands[] = {
	{ "start", "[--foreground | --steering]", "start the gateway; returns when it is ready",
	  "Reads ipsec.conf and ipsec.secrets, puts the steering (nftables, routes) in place and\n"
	  "starts wildswand. Does nothing when it runs already.\n"
	  "  --foreground   become wildswand instead of starting it (for service managers)\n"
	  "  --steering     only put the steering in place, as before the network comes up\n",
	  start_command },
	{ "stop", "[--open]", "stop the gateway",
	  "Tells the peers and takes everything out, except the blocks of private conns\n"
	  "(failureshunt=drop or reject), which it names.\n"
	  "  --open   take those out, too\n",
	  stop_command },
	{ "status", "[--json]", "say how the gateway is", "", status_command },
	{ "reload", "", "read the configuration again",
	  "With any error the running configuration stays.\n", reload_command },
	{ "auto",
	  "--add|--delete|--replace|--route|--unroute|--up|--down NAME, --rereadgroups, or "
	  "--status [--json], or --rollover [--type rsa|ed25519|ecdsa]",
	  "handle one conn, or list them all",
	  "  --add       load the conn NAME from ipsec.conf, to answer its peers\n"
	  "  --delete    forget it\n"
	  "  --replace   forget it and load it again\n"
	  "  --route     trap its packets, to negotiate when there are any\n"
	  "  --unroute   no longer\n"
	  "  --up        negotiate now, and wait for what comes of it; with --asynchronous\n"
	  "              do not wait\n"
	  "  --down      take its tunnels down\n"
	  "  --rereadgroups\n"
	  "              read the files of ipsec.d/policies again; they apply at once, all of\n"
	  "              them or, with any mistake, none\n"
	  "  --status    list the conns, how far each is, and why one has failed\n"
	  "  --rollover  take the host key made with newhostkey --next into use; the old one\n"
	  "              stays in ipsec.secrets until you take its line out\n",
	  auto_command },
	{ "eroute", "[--verbose] [--json] | --del SRC DST | --clear | --try SRC DST",
	  "list what happens to which packets",
	  "Each line: outbound packets so far, source, destination, and what happens: a tunnel's\n"
	  "SAID, or %trap, %hold, %pass, %drop, %reject.\n"
	  "  --verbose       with age, cause, strength, expiry and the next step below each line\n"
	  "  --del SRC DST   take out what was decided for two hosts; the next packet asks again\n"
	  "  --clear         the same for all, but not for the tunnels of configured conns\n"
	  "  --try SRC DST   ask again now; what stands stays until there is an answer\n",
	  eroute_command },
	{ "why", "ADDRESS [from ADDRESS] [proto PROTOCOL] [port PORT] [--try] [--json]",
	  "say why packets to an address are treated as they are",
	  "Tells the rule that decided and its line, what was asked of the DNS and what it said,\n"
	  "the gateways that were tried, the peer's proven identity and key, the eroute in force\n"
	  "and what comes next. About an address that nobody sent to yet it says what would\n"
	  "happen, and touches nothing.\n"
	  "  from ADDRESS    packets from there (whoever talks to it now, else this gateway)\n"
	  "  proto, port     packets of this protocol to this port there\n"
	  "  --try           decide now, as if a packet had come, and tell each step\n",
	  why_command },
	{ "forget", "ADDRESS", "no longer remember that an address was protected",
	  "For 30 days the gateway remembers whom it had a tunnel with, and by which key. It "
	  "warns\n"
	  "when an unsigned answer says that there is none, or another key; with sticky=yes it\n"
	  "lets nothing pass then. After this command it is as if there had been no tunnel.\n",
	  forget_command },
	{ "verify", "[ADDRESS...] [--json]", "say whether everything opportunism needs is there",
	  "One line a check, ok, warning or failed, with what to do: the files, the daemon, our\n"
	  "records and those of the hosts behind us, their keys and signatures, the kernel, its\n"
	  "settings, other people's filters, the ports of IKE, the clock. Changes nothing.\n"
	  "  ADDRESS   look at the records of these inside hosts (those in sight)\n",
	  verify_command },
	{ "look", "[--json]", "list eroutes and security associations", "", look_command },
	{ "showhostkey",
	  "[--txt GATEWAY|@FQDN] [--key] [--ipseckey [GATEWAY|NAME]] [--precedence N] "
	  "[--owner NAME] [--generic] [--next] [--left|--right] [--type rsa|ed25519|ecdsa] "
	  "[--json]",
	  "print our public keys as DNS records",
	  "  --key                     KEY, for the reverse map of this gateway (the default)\n"
	  "  --txt GATEWAY|@FQDN       TXT, for the reverse map of each client of this gateway\n"
	  "  --ipseckey [GATEWAY|NAME] IPSECKEY, for either; without a gateway: the owner itself\n"
	  "  --precedence N            lower is tried first (10)\n"
	  "  --owner NAME              begin the lines with this name, not with a tab\n"
	  "  --generic                 for servers that do not know such records (RFC 3597)\n"
	  "  --type rsa|ed25519|ecdsa  keys of this type only; KEY and TXT hold RSA only\n"
	  "  --next                    keys made with newhostkey --next only\n"
	  "  --left, --right           leftrsasigkey= or leftsigkey= for the peer's ipsec.conf\n",
	  showhostkey_command },
	{ "newhostkey", "[--type rsa|ed25519|ecdsa] [--bits N] [--next]", "make a host key",
	  "Adds a private key to ipsec.secrets and ipsec.d/private.\n"
	  "  --type rsa|ed25519|ecdsa   (rsa)\n"
	  "  --bits N                   RSA: 2048 to 8192 (3072); ECDSA: 256 or 384 (256)\n"
	  "  --next                     a second key of its type: publish it now, use it later\n",
	  newhostkey_command },
	{ "checkconfig", "", "try the configuration without touching anything",
	  "What start would refuse, this refuses.\n", checkconfig_command },
	{ "version", "", "print the version", "", version_command },
};

static int print_help(void)
{
	puts("ipsec: opportunistic encryption for Linux\n");
	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		printf("  ipsec %-12s %s\n", commands[i].name, commands[i].help);
	puts("\nipsec COMMAND --help says more. IPSEC_CONFS (/etc) is where ipsec.conf and\n"
	     "ipsec.secrets are, IPSEC_RUNDIR (/run/wildswan) where the running daemon is.");
	return CLI_DONE;
}

static int print_command_help(const struct command *c)
{
	printf("ipsec %s%s%s\n\n%s.\n%s", c->name, c->usage[0] == '\0' ? "" : " ", c->usage,
	       c->help, c->more);
	return CLI_DONE;
}

int version_command(struct cli *cli)
{
	if (cli_rest(cli) != NULL)
		return cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	puts("wildswan " WILDSWAN_VERSION);
	return CLI_DONE;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

static int unknown_command(const char *name)
{
	const struct command *near = &commands[0];

	for (size_t i = 1; i < ARRAY_LEN(commands); i++) {
		if (text_distance(name, commands[i].name) < text_distance(name, near->name))
			near = &commands[i];
	}
	cli_fail("%s is no command; the nearest is ipsec %s, all are in ipsec --help", name,
	         near->name);
	return CLI_WRONG_WORDS;
}

/* A script that got half of a list must not take it for the whole. */
static int delivered(int status)
{
	bool is_lost = fflush(stdout) != 0 || ferror(stdout);

	if (!is_lost || status != CLI_DONE)
		return status;
	return cli_fail("standard output: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	const struct command *c;
	struct cli cli = { .confs = start_directory("IPSEC_CONFS", START_CONFS),
		           .rundir = start_directory("IPSEC_RUNDIR", START_RUNDIR) };

	if (argc < 2) {
		cli_fail("what shall it do? ipsec --help lists the commands");
		return CLI_WRONG_WORDS;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return print_help();
	c = find_command(strcmp(argv[1], "--version") == 0 ? "version" : argv[1]);
	if (c == NULL)
		return unknown_command(argv[1]);
	cli.command = c->name;
	cli.usage = c->usage;
	cli.words = argv + 2;
	cli.count = argc - 2;
	if (cli_option(&cli, "--help") || cli_option(&cli, "-h"))
		return print_command_help(c);
	return delivered(c->run(&cli));
}
