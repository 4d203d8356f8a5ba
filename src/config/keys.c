#include "config/keys.h"

#include <assert.h>
#include <stdio.h>

#include "config/dealings.h"
#include "config/setting.h"
#include "config/value.h"

/* Keys of FreeS/WAN that are taken and mean nothing here. */
static const char *const setup_ignored[] = {
	"klipsdebug",     "plutodebug", "plutoload", "plutostart",  "plutowait",
	"forwardcontrol", "dumpdir",    "hidetos",   "overridemtu", "fragicmp",
	"packetdefault",  "prepluto",   "postpluto", "syslog",      NULL,
};
static const char *const conn_ignored[] = { "auth", "ah", "compress", "keyexchange", NULL };
static const char *const end_ignored[] = { "firewall", "updown", NULL };

/* One of the keys of dealings.h. */
static bool set_dealing(struct setting *s)
{
	return dealings_set(&s->conn->dealings, s->key, s->value, s->why);
}

static bool is_among(const char *word, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (strcmp(word, *words) == 0)
			return true;
	}
	return false;
}

/* "x-" and "x_" begin the user's own keys, as ever. */
static bool is_users_own(const char *key)
{
	return (key[0] == 'x' || key[0] == 'X') && (key[1] == '-' || key[1] == '_');
}

/* An empty value stands for the default, as if the line were not there. */
static enum key_verdict apply(struct setting *s, bool is_list, bool (*set)(struct setting *s),
                              const struct param *param)
{
	if (param->value[0] == '\0')
		return KEY_SET;
	if (!param->is_quoted && !is_list && strpbrk(param->value, " \t") != NULL) {
		text_add(s->why, "a value with white space stands in quotes; write %s=\"%s\"",
		         param->key, param->value);
		return KEY_WRONG;
	}
	return set(s) ? KEY_SET : KEY_WRONG;
}

struct word_list {
	const char *words[128];
	char room[48][24]; /* left* and right* names */
	size_t count;
	size_t in_room;
};

static void list_add(struct word_list *list, const char *word)
{
	assert(list->count + 1 < ARRAY_LEN(list->words));
	list->words[list->count++] = word;
}

static void list_add_all(struct word_list *list, const char *const *words)
{
	for (; *words != NULL; words++)
		list_add(list, *words);
}

static void list_add_end(struct word_list *list, const char *suffix)
{
	static const char *const sides[] = { "left", "right" };

	for (size_t i = 0; i < 2; i++) {
		char *room = list->room[list->in_room++];

		assert(list->in_room <= ARRAY_LEN(list->room));
		snprintf(room, sizeof(list->room[0]), "%s%s", sides[i], suffix);
		list_add(list, room);
	}
}

static void list_setup_keys(struct word_list *list)
{
	for (const struct key *key = setup_keys; key->name != NULL; key++)
		list_add(list, key->name);
	list_add_all(list, setup_ignored);
}

static void list_conn_keys(struct word_list *list)
{
	list_add(list, "also");
	for (const struct key *key = conn_keys; key->name != NULL; key++)
		list_add(list, key->name);
	list_add_all(list, dealings_keys);
	for (const struct key *key = end_keys; key->name != NULL; key++)
		list_add_end(list, key->name);
	list_add_all(list, conn_ignored);
	for (size_t i = 0; end_ignored[i] != NULL; i++)
		list_add_end(list, end_ignored[i]);
}

/* What other programs call it is nearer than what is spelled alike. */
static const char *nearest_key(const char *key, const char *const *words)
{
	static const char *const elsewhere[][2] = {
		{ "lifetime", "keylife" },
		{ "salifetime", "keylife" },
		{ "ikelife", "ikelifetime" },
		{ "margintime", "rekeymargin" },
		{ "forceencaps", "encapsulation" },
		{ "subnets", "leftsubnet" },
		{ "leftsubnets", "leftsubnet" },
		{ "rightsubnets", "rightsubnet" },
		{ "phase2alg", "esp" },
		{ "reauth", "rekey" },
	};

	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		if (strcmp(key, elsewhere[i][0]) == 0)
			return elsewhere[i][1];
	}
	return word_nearest(key, words);
}

/* What FreeS/WAN had and this program has not; NULL: no such key. */
static const char *lacking(const char *key)
{
	if (strcmp(key, "leftprotoport") == 0 || strcmp(key, "rightprotoport") == 0)
		return "a tunnel is for all protocols and ports; policy groups have rules with "
		       "them, see policies(5)";
	return NULL;
}

static enum key_verdict unknown(const char *key, bool in_setup, struct text *why)
{
	const char *lack = lacking(key);
	struct word_list here = { 0 };
	struct word_list there = { 0 };

	list_setup_keys(in_setup ? &here : &there);
	list_conn_keys(in_setup ? &there : &here);
	if (is_among(key, there.words))
		text_add(why, "this key belongs in %s; move it there",
		         in_setup ? "a conn" : "config setup");
	else if (lack != NULL)
		text_add(why, "%s", lack);
	else
		text_add(why, "unknown key; the nearest known one is %s",
		         nearest_key(key, here.words));
	return KEY_UNKNOWN;
}

static const struct key *key_named(const struct key *keys, const char *name)
{
	for (; keys->name != NULL; keys++) {
		if (strcmp(keys->name, name) == 0)
			return keys;
	}
	return NULL;
}

enum key_verdict setup_set(struct conf_setup *setup, const struct param *param, struct text *why)
{
	struct setting s = { .setup = setup, .value = param->value, .why = why };
	const struct key *key = key_named(setup_keys, param->key);

	if (key != NULL)
		return apply(&s, key->is_list, key->set, param);
	if (is_users_own(param->key))
		return KEY_SET;
	return is_among(param->key, setup_ignored) ? KEY_IGNORED : unknown(param->key, true, why);
}

/* The part of a left* or right* key behind its side, or NULL. */
static const char *end_of_key(const char *key, struct conn *conn, struct conn_end **end)
{
	if (strncmp(key, "left", 4) == 0) {
		*end = &conn->left;
		return key + 4;
	}
	if (strncmp(key, "right", 5) == 0) {
		*end = &conn->right;
		return key + 5;
	}
	return NULL;
}

enum key_verdict conn_set(struct conn *conn, const struct param *param, struct text *why)
{
	struct setting s = { .conn = conn, .key = param->key, .value = param->value, .why = why };
	const char *suffix = end_of_key(param->key, conn, &s.end);
	const struct key *key = key_named(conn_keys, param->key);

	if (key == NULL && suffix != NULL)
		key = key_named(end_keys, suffix);
	if (key != NULL)
		return apply(&s, key->is_list, key->set, param);
	if (is_among(param->key, dealings_keys))
		return apply(&s, is_among(param->key, dealings_list_keys), set_dealing, param);
	if (is_users_own(param->key))
		return KEY_SET;
	if (is_among(param->key, conn_ignored) || (suffix != NULL && is_among(suffix, end_ignored)))
		return KEY_IGNORED;
	return unknown(param->key, false, why);
}
