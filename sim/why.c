/*
 * What a gateway says to `ipsec why`, as lines of text:
 *
 *      is | would
 *      rule NAME
 *      TYPE NAME: STATUS[, RECORDS], SECURITY          each question
 *      gateway ADDRESS: RESULT                         each one that was tried, or came
 *      peer IDENTITY by KEY
 *      ACTION, REASON
 *      next WHAT
 */
#include "opportunism/why.h"
#include "sim/world.h"

static void say_questions(struct text *out, const struct why *why)
{
	const struct evidence_question *q;

	STAILQ_FOREACH(q, &why->evidence->questions, next)
	{
		text_add(out, "%s %s", evidence_type(q->type), q->name);
		if (q->status != NULL)
			text_add(out, ": %s%s%s", q->status, q->records != NULL ? ", " : "",
			         q->records != NULL ? q->records : "");
		text_add(out, "%s%s\n", q->is_proven ? ", " : "",
		         q->is_proven ? dns_trust_name((enum dns_trust)q->trust) : "");
	}
}

static void say_gateways(struct text *out, const struct why *why)
{
	const struct evidence_gateway *g;

	STAILQ_FOREACH(g, &why->evidence->gateways, next)
	text_add(out, "gateway %s: %s\n", g->name[0] != '\0' ? g->name : ip_text(&g->address).s,
	         g->result != NULL ? g->result : "?");
	if (why->refused != NULL)
		text_add(out, "gateway %s: refused, %s\n", ip_text(&why->refused->gateway).s,
		         why->refused->why);
}

static void say(struct text *out, const struct why *why)
{
	static const char *const actions[] = { "trap", "hold", "pass", "drop", "reject", "tunnel" };

	text_add(out, "%s\n", why->is_hypothetical ? "would" : "is");
	if (why->has_rule)
		text_add(out, "rule %s\n", why->rule);
	say_questions(out, why);
	say_gateways(out, why);
	if (why->identity.s[0] != '\0')
		text_add(out, "peer %s by %s\n", why->identity.s, why->key.s);
	if (why->has_eroute)
		text_add(out, "%s, %s\n", actions[why->eroute.action], why->eroute.reason);
	text_add(out, "next %s\n", why->next);
}

void expect_why_at(struct sim *sim, struct gateway *gateway, const char *from, const char *to,
                   const char *words, const char *file, int line)
{
	struct why_request request = { .destination = sim_ip(to), .port = -1 };
	struct text text = { 0 };
	struct why why;

	if (from != NULL)
		request.source = sim_ip(from);
	opportunism_why(gateway->core, &request, &why);
	say(&text, &why);
	if (strstr(text.s, words) == NULL)
		sim_fail(sim, "%s:%d: %s does not say \"%s\" but:\n%s", file, line, gateway->name,
		         words, text.s);
	why_wipe(&why);
	text_free(&text);
}

/* Promise 6, of every pair that has a verdict. */
void promise_somebody_knows_why(struct sim *sim, struct gateway *gateway)
{
	const struct sim_engine *e = &gateway->engine;

	for (size_t i = 0; i < e->pair_count; i++) {
		const struct ip_pair *pair = &e->pairs[i].pair;
		struct why_request request = { pair->source, pair->destination,
			                       pair->traffic.protocol,
			                       pair->traffic.has_ports ? pair->traffic.first_port
			                                               : -1 };
		struct why why;

		if (e->pairs[i].action == EROUTE_TRAP)
			continue;
		opportunism_why(gateway->core, &request, &why);
		if (!why.has_eroute || why.eroute.action != e->pairs[i].action ||
		    why.next[0] == '\0' || why.evidence->octets > EVIDENCE_OCTETS_MAX)
			sim_fail(sim, "%s cannot say why %s > %s is so", gateway->name,
			         ip_text(&pair->source).s, ip_text(&pair->destination).s);
		why_wipe(&why);
	}
}
