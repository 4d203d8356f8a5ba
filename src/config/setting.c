#include "config/setting.h"

#include "config/value.h"

bool setting_word(struct setting *s, const char *const *words, unsigned *out)
{
	return value_word(s->value, words, out, s->why);
}

bool setting_auth(struct setting *s, enum conn_auth *out)
{
	static const char *const words[] = { "rsasig", "secret", "null", "pubkey", "psk", NULL };
	static const enum conn_auth meant[] = { CONN_RSASIG, CONN_SECRET, CONN_NULL, CONN_RSASIG,
		                                CONN_SECRET };
	unsigned word;

	if (!setting_word(s, words, &word))
		return false;
	*out = meant[word];
	return true;
}
