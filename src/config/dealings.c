#include "config/dealings.h"

#include <assert.h>
#include <inttypes.h>

#include "config/suites.h"
#include "config/value.h"

const char *const dealings_keys[] = { "ikelifetime", "keylife",       "rekey",       "rekeymargin",
	                              "rekeyfuzz",   "pfs",           "dpddelay",    "dpdtimeout",
	                              "dpdaction",   "encapsulation", "ike",         "esp",
	                              "ppk",         "lifebytes",     "lifepackets", "copy-dscp",
	                              NULL };
const char *const dealings_list_keys[] = { "ike", "esp", NULL };

/* Less would be a rekey every few milliseconds on a busy link. */
enum { LIFE_OCTETS_LEAST = 1000 * 1000, LIFE_PACKETS_LEAST = 1000 };

static bool set_lifetime(const char *value, unsigned *out, struct text *why)
{
	unsigned s;

	if (!value_seconds(value, LIFETIME_MOST_S, &s, why))
		return false;
	if (s < LIFETIME_LEAST_S) {
		text_add(why, "too short; write %d or more", LIFETIME_LEAST_S);
		return false;
	}
	*out = s;
	return true;
}

static bool set_amount(const char *value, uint64_t least, uint64_t *out, struct text *why)
{
	uint64_t amount;

	if (!value_amount(value, &amount, why))
		return false;
	if (amount < least) {
		text_add(why, "too few; write %" PRIu64 " or more", least);
		return false;
	}
	*out = amount;
	return true;
}

static bool set_no(const char *value, bool *out, struct text *why)
{
	bool yes;

	if (!value_yes(value, &yes, why))
		return false;
	*out = !yes;
	return true;
}

/* 100%, as FreeS/WAN writes it, or 100. */
static bool set_percent(struct conn_dealings *d, const char *value, struct text *why)
{
	char number[8];
	size_t len = strcspn(value, "%");

	if (len == 0 || len >= sizeof(number) || (value[len] == '%' && value[len + 1] != '\0')) {
		text_add(why, "not a percentage; write one from 0%% to 1000%%");
		return false;
	}
	memcpy(number, value, len);
	number[len] = '\0';
	if (!value_number(number, 1000, &d->rekeyfuzz_percent, why))
		return false;
	d->has_rekeyfuzz = true;
	return true;
}

static bool set_dpdaction(struct conn_dealings *d, const char *value, struct text *why)
{
	static const char *const words[] = { "hold", "clear", "restart", NULL };
	unsigned action;

	if (!value_word(value, words, &action, why))
		return false;
	d->dpdaction = (enum dpd_action)action;
	return true;
}

/* "yes" is another word for propose. */
static bool set_ppk(struct conn_dealings *d, const char *value, struct text *why)
{
	static const char *const words[] = { "no", "propose", "insist", "yes", NULL };
	unsigned use;

	if (!value_word(value, words, &use, why))
		return false;
	d->ppk = use == 3 ? PPK_USE_PROPOSE : (enum ppk_use)use;
	return true;
}

/* Kept as written: whoever makes proposals of it reads it once more. */
static bool set_suites(char out[CONF_SUITES_MAX], const char *value, enum suites_use use,
                       struct text *why)
{
	struct suites suites;

	if (strlen(value) >= CONF_SUITES_MAX) {
		text_add(why, "too long; write %d characters at most", CONF_SUITES_MAX - 1);
		return false;
	}
	if (!suites_parse(value, use, &suites, why))
		return false;
	strcpy(out, value);
	return true;
}

bool dealings_set(struct conn_dealings *d, const char *key, const char *value, struct text *why)
{
	if (strcmp(key, "ikelifetime") == 0)
		return set_lifetime(value, &d->ikelifetime_s, why);
	if (strcmp(key, "keylife") == 0)
		return set_lifetime(value, &d->keylife_s, why);
	if (strcmp(key, "lifebytes") == 0)
		return set_amount(value, LIFE_OCTETS_LEAST, &d->life_octets, why);
	if (strcmp(key, "lifepackets") == 0)
		return set_amount(value, LIFE_PACKETS_LEAST, &d->life_packets, why);
	if (strcmp(key, "rekey") == 0)
		return set_no(value, &d->has_no_rekey, why);
	if (strcmp(key, "rekeymargin") == 0)
		return value_seconds(value, LIFETIME_MOST_S, &d->rekeymargin_s, why);
	if (strcmp(key, "rekeyfuzz") == 0)
		return set_percent(d, value, why);
	if (strcmp(key, "pfs") == 0)
		return set_no(value, &d->has_no_pfs, why);
	if (strcmp(key, "dpddelay") == 0)
		return value_seconds(value, LIFETIME_MOST_S, &d->dpddelay_s, why);
	if (strcmp(key, "dpdtimeout") == 0)
		return value_seconds(value, LIFETIME_MOST_S, &d->dpdtimeout_s, why);
	if (strcmp(key, "dpdaction") == 0)
		return set_dpdaction(d, value, why);
	if (strcmp(key, "ppk") == 0)
		return set_ppk(d, value, why);
	if (strcmp(key, "encapsulation") == 0)
		return value_yes(value, &d->encapsulation, why);
	if (strcmp(key, "copy-dscp") == 0)
		return value_yes(value, &d->copies_dscp, why);
	if (strcmp(key, "ike") == 0)
		return set_suites(d->ike, value, SUITES_IKE, why);
	assert(strcmp(key, "esp") == 0);
	return set_suites(d->esp, value, SUITES_ESP, why);
}

static bool is_beyond(const struct conn_dealings *d, unsigned lifetime_s)
{
	uint64_t fuzz = d->has_rekeyfuzz ? d->rekeyfuzz_percent : 100;

	return lifetime_s != 0 && d->rekeymargin_s * (100 + fuzz) / 100 >= lifetime_s;
}

const char *dealings_fault(const struct conn_dealings *d)
{
	if (is_beyond(d, d->keylife_s))
		return "rekeymargin and its rekeyfuzz are no less than keylife; write a longer "
		       "keylife or a shorter rekeymargin";
	if (is_beyond(d, d->ikelifetime_s))
		return "rekeymargin and its rekeyfuzz are no less than ikelifetime; write a longer "
		       "ikelifetime or a shorter rekeymargin";
	if (d->dpdtimeout_s != 0 && d->dpdtimeout_s < d->dpddelay_s)
		return "dpdtimeout is shorter than dpddelay; a peer is asked before it is given up";
	return NULL;
}
