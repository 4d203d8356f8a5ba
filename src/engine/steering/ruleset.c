#include "engine/steering/cover.h"
#include "engine/steering/names.h"
#include "engine/steering/ruleset_text.h"

const char *steering_row_chain(const struct policy_row *row)
{
	switch (row->action) {
	case POLICY_TRAP:
		return row->is_private ? "trap_private" : "trap_open";
	case POLICY_PASS:
		return "row_pass";
	case POLICY_DROP:
		return "row_drop";
	case POLICY_REJECT:
		return "row_reject";
	case POLICY_TUNNEL:
		return "to_tunnel";
	}
	return "trap_private";
}

bool steering_has_private(const struct policy_table *policy)
{
	for (size_t i = 0; i < policy->flat_count; i++)
		if (policy->flat[i].is_private)
			return true;
	return false;
}

bool steering_has_closed(const struct policy_table *policy)
{
	for (size_t i = 0; i < policy->flat_count; i++) {
		const struct policy_row *row = &policy->flat[i];

		if (row->is_private || row->action == POLICY_DROP ||
		    row->action == POLICY_REJECT || row->action == POLICY_TUNNEL)
			return true;
	}
	return false;
}

/* Who was not told holds nobody up. */
void steering_known(struct cover *cover, const struct steering_settings *s)
{
	const struct ip_range all[] = { range_any(IP_V4), range_any(IP_V6) };

	if (s->known_count > 0)
		cover_of_ranges(cover, s->known, s->known_count);
	else
		cover_of_ranges(cover, all, ARRAY_LEN(all));
}

struct ip_range steering_row_reached(const struct policy_row *row)
{
	return row->nat.family == IP_NONE ? row->local : range_of_ip(&row->nat);
}

const char *steering_box_chain(const struct policy_row *row)
{
	if (row->action == POLICY_DROP)
		return "row_drop_ports";
	return row->action == POLICY_REJECT ? "row_reject_ports" : steering_row_chain(row);
}

static void add_table_head(struct text *out)
{
	text_add(out, "table inet " STEERING_TABLE "\ndelete table inet " STEERING_TABLE "\n"
	              "table inet " STEERING_TABLE " {\n");
}

/*
 * The kernel shows the elements of sets of ranges a moment after the rest of the transaction that
 * brings them. While `replacing` is full the sets of a new table are not believed, and what is not
 * exempt is dropped; the next transaction empties it, since it waits for that moment to be over.
 */
static void add_replacing(struct text *out, bool is_full)
{
	text_add(out, "	set replacing {\n		type nf_proto\n%s	}\n",
	         is_full ? "		elements = { ipv4, ipv6 }\n" : "");
}

void steering_ruleset(struct text *out, const struct steering_settings *s,
                      const struct policy_table *policy)
{
	struct layout layout;
	struct words w;

	layout_of_policy(&layout, policy, false);
	words_of_settings(&w, s);
	word_add(&w, "$mask", "0x%08x", s->marks.mask);
	text_add(out, "# wildswan: who is trapped, who is not. Made by `ipsec start`.\n");
	add_table_head(out);
	text_add(out, "	counter cleartext { }\n	counter forged { }\n	counter leak { }\n"
	              "	counter unknown { }\n");
	text_add(out,
	         "	# The daemon renews these every second; the kernel takes them out.\n"
	         "	set alive {\n		type nf_proto\n		flags timeout\n"
	         "		timeout %us\n		elements = { ipv4, ipv6 }\n	}\n",
	         s->daemon_down_s);
	add_replacing(out, steering_has_closed(policy));
	/* The same while the rows of this table change, for what is in no row. */
	text_add(out, "	set changing {\n		type nf_proto\n	}\n");
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++) {
		ruleset_kept_pair_set(out, &ruleset_families[i]);
		ruleset_pair_sets(out, &ruleset_families[i]);
	}
	ruleset_fixed_sets(out, s);
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++) {
		ruleset_kept_sets(out, &ruleset_families[i], s, &layout);
		ruleset_policy_sets(out, &ruleset_families[i], s, policy, &layout);
	}
	layout_wipe(&layout);
	words_write(out, &w, ruleset_exempt_chains);
	words_write(out, &w, ruleset_knock_chains);
	words_write(out, &w, ruleset_class_chains);
	words_write(out, &w, ruleset_port_chains);
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++)
		ruleset_decide(out, &ruleset_families[i]);
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++)
		ruleset_cleartext(out, &ruleset_families[i]);
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++)
		ruleset_related(out, &ruleset_families[i]);
	ruleset_strengths(out, s);
	ruleset_unknown(out, policy);
	words_write(out, &w, ruleset_shared_chains);
	words_write(out, &w, ruleset_keep_ports_chain);
	words_write(out, &w, ruleset_keep_chain);
	words_write(out, &w, ruleset_hook_chains);
	text_add(out, "}\n");
}

void steering_leftover(struct text *out, const struct steering_settings *s,
                       const struct policy_table *policy)
{
	struct layout layout;
	struct words w;

	if (!steering_has_private(policy))
		return;
	layout_of_policy(&layout, policy, true);
	words_of_settings(&w, s);
	text_add(out, "# wildswan, stopped: what must not leave in the clear still does not.\n");
	add_table_head(out);
	text_add(out, "	counter leak { }\n");
	add_replacing(out, true);
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++)
		ruleset_kept_pair_set(out, &ruleset_families[i]);
	ruleset_fixed_sets(out, s);
	for (size_t i = 0; i < ARRAY_LEN(ruleset_families); i++)
		ruleset_kept_sets(out, &ruleset_families[i], s, &layout);
	layout_wipe(&layout);
	words_write(out, &w, ruleset_exempt_chains);
	words_write(out, &w, ruleset_keep_ports_chain);
	words_write(out, &w, ruleset_keep_chain);
	text_add(out, "}\n");
}
