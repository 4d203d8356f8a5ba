#include "config/setting.h"

#include "config/value.h"

static bool set_type(struct setting *s)
{
	static const char *const words[] = { "tunnel", "passthrough", "drop",
		                             "reject", "transport",   NULL };
	static const enum conn_type types[] = { CONN_TUNNEL, CONN_PASSTHROUGH, CONN_DROP,
		                                CONN_REJECT, CONN_TUNNEL };
	unsigned type;

	if (!setting_word(s, words, &type))
		return false;
	s->conn->type = types[type];
	s->conn->dealings.transport = type + 1 == ARRAY_LEN(types);
	return true;
}

static bool set_authby(struct setting *s)
{
	return setting_auth(s, &s->conn->auth);
}

static bool set_auto(struct setting *s)
{
	static const char *const words[] = { "ignore", "add", "route", "start", NULL };
	unsigned action;

	if (!setting_word(s, words, &action))
		return false;
	s->conn->auto_action = (enum conn_auto)action;
	return true;
}

static bool set_failureshunt(struct setting *s)
{
	static const char *const words[] = { "passthrough", "drop", "reject", "none", NULL };
	unsigned choice;

	if (!setting_word(s, words, &choice))
		return false;
	s->conn->failure = (enum shunt_choice)choice;
	s->conn->has_failure = true;
	return true;
}

static bool set_negotiationshunt(struct setting *s)
{
	static const char *const words[] = { "hold", "passthrough", NULL };
	unsigned choice;

	if (!setting_word(s, words, &choice))
		return false;
	s->conn->has_negotiation_pass = choice == 1;
	return true;
}

static bool set_keyingtries(struct setting *s)
{
	if (strcmp(s->value, "%forever") == 0) {
		s->conn->keyingtries = 0;
		return true;
	}
	return value_number(s->value, 1000, &s->conn->keyingtries, s->why);
}

static bool set_conn_dnssec(struct setting *s)
{
	static const char *const words[] = { "prefer", "require", NULL };
	unsigned mode;

	if (!setting_word(s, words, &mode))
		return false;
	s->conn->trust.dnssec = (enum dnssec_mode)mode;
	s->conn->trust.has_dnssec = true;
	return true;
}

static bool set_unsigned_delegation(struct setting *s)
{
	static const char *const words[] = { "any", "self", NULL };
	unsigned choice;

	if (!setting_word(s, words, &choice))
		return false;
	s->conn->trust.unsigned_self = choice == 1;
	return true;
}

static bool set_try_destination(struct setting *s)
{
	return value_yes(s->value, &s->conn->trust.try_destination, s->why);
}

static bool set_sticky(struct setting *s)
{
	return value_yes(s->value, &s->conn->trust.sticky, s->why);
}

const struct key conn_keys[] = {
	{ "type", false, set_type },
	{ "authby", false, set_authby },
	{ "auto", false, set_auto },
	{ "failureshunt", false, set_failureshunt },
	{ "negotiationshunt", false, set_negotiationshunt },
	{ "keyingtries", false, set_keyingtries },
	{ "dnssec", false, set_conn_dnssec },
	{ "unsigned-delegation", false, set_unsigned_delegation },
	{ "sticky", false, set_sticky },
	{ "try-destination", false, set_try_destination },
	{ NULL, false, NULL },
};
