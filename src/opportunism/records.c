#include "opportunism/records.h"

#include <stdlib.h>

#include "opportunism/limits.h"

static enum record_verdict parse_record(enum dns_type type, struct bytes rdata,
                                        struct delegation *out)
{
	switch (type) {
	case DNS_TYPE_TXT:
		return txt_parse(rdata, out);
	case DNS_TYPE_IPSECKEY:
		return ipseckey_parse(rdata, out);
	case DNS_TYPE_KEY:
		return key_parse(rdata, out);
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
		break;
	}
	return RECORD_FOREIGN;
}

static void take_record(struct record_set *set, enum dns_type type, struct bytes rdata)
{
	struct delegation record = { 0 };

	switch (parse_record(type, rdata, &record)) {
	case RECORD_OK:
		set->records = grow_array(set->records, set->count + 1, sizeof(record));
		set->records[set->count++] = record;
		break;
	case RECORD_MALFORMED:
		set->malformed++;
		break;
	case RECORD_FOREIGN:
		break;
	}
}

void record_set_read(struct record_set *set, enum dns_type type, const struct dns_answer *answer)
{
	record_set_wipe(set);
	*set = (struct record_set){ .has_arrived = true,
		                    .status = answer->status,
		                    .trust = answer->trust,
		                    .ttl_s = answer->ttl_s };
	if (answer->status == DNS_FOUND)
		set->ttl_s = set->ttl_s < FOUND_TTL_LEAST_S  ? FOUND_TTL_LEAST_S
		             : set->ttl_s > FOUND_TTL_MOST_S ? FOUND_TTL_MOST_S
		                                             : set->ttl_s;
	/* TRU-3: bogus data is never used, not even to be parsed. */
	if (answer->status != DNS_FOUND || answer->trust == DNS_BOGUS)
		return;
	for (size_t i = 0; i < answer->count && set->count < RECORDS_MAX; i++)
		take_record(set, type, answer->rdata[i]);
}

void record_set_time_out(struct record_set *set)
{
	if (!set->has_arrived)
		*set = (struct record_set){ .has_arrived = true, .status = DNS_TIMED_OUT };
}

void record_set_wipe(struct record_set *set)
{
	free(set->records);
	*set = (struct record_set){ 0 };
}

enum dns_trust trust_min(enum dns_trust a, enum dns_trust b)
{
	if (a == DNS_BOGUS || b == DNS_BOGUS)
		return DNS_BOGUS;
	return a == DNS_SECURE && b == DNS_SECURE ? DNS_SECURE : DNS_INSECURE;
}
