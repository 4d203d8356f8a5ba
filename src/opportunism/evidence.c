#include "opportunism/evidence.h"

#include <stdio.h>
#include <stdlib.h>

#include "opportunism/claim.h"
#include "util/text.h"

void evidence_init(struct evidence_log *log)
{
	*log = (struct evidence_log){ 0 };
	STAILQ_INIT(&log->questions);
	STAILQ_INIT(&log->gateways);
}

static size_t question_octets(const struct evidence_question *question)
{
	return sizeof(*question) + strlen(question->name) + 1 +
	       (question->records == NULL ? 0 : strlen(question->records) + 1);
}

static void drop_question(struct evidence_log *log)
{
	struct evidence_question *first = STAILQ_FIRST(&log->questions);

	log->octets -= (uint32_t)question_octets(first);
	STAILQ_REMOVE_HEAD(&log->questions, next);
	free(first->records);
	free(first);
}

static size_t gateway_octets(const struct evidence_gateway *gateway)
{
	return sizeof(*gateway) + strlen(gateway->name) + 1;
}

static void drop_gateway(struct evidence_log *log)
{
	struct evidence_gateway *first = STAILQ_FIRST(&log->gateways);

	log->octets -= (uint32_t)gateway_octets(first);
	STAILQ_REMOVE_HEAD(&log->gateways, next);
	free(first);
}

void evidence_wipe(struct evidence_log *log)
{
	while (!STAILQ_EMPTY(&log->questions))
		drop_question(log);
	while (!STAILQ_EMPTY(&log->gateways))
		drop_gateway(log);
	log->is_cut = false;
}

void evidence_move(struct evidence_log *log, struct evidence_log *from)
{
	evidence_wipe(log);
	STAILQ_CONCAT(&log->questions, &from->questions);
	STAILQ_CONCAT(&log->gateways, &from->gateways);
	log->octets = from->octets;
	log->is_cut = from->is_cut;
	evidence_init(from);
}

/* The newest question and gateway always stay. */
static void keep_bound(struct evidence_log *log)
{
	while (log->octets > EVIDENCE_OCTETS_MAX) {
		if (!STAILQ_EMPTY(&log->questions) &&
		    STAILQ_NEXT(STAILQ_FIRST(&log->questions), next) != NULL)
			drop_question(log);
		else if (!STAILQ_EMPTY(&log->gateways) &&
		         STAILQ_NEXT(STAILQ_FIRST(&log->gateways), next) != NULL)
			drop_gateway(log);
		else
			return;
		log->is_cut = true;
	}
}

/* ---- Questions ---- */

static struct evidence_question *find_question(struct evidence_log *log, const char *name,
                                               enum dns_type type)
{
	struct evidence_question *question;

	STAILQ_FOREACH(question, &log->questions, next)
	{
		if (question->type == type && strcmp(question->name, name) == 0)
			return question;
	}
	return NULL;
}

static struct evidence_question *add_question(struct evidence_log *log, const char *name,
                                              enum dns_type type, struct instant now)
{
	size_t len = strlen(name);
	struct evidence_question *question = new_zeroed(sizeof(*question) + len + 1);

	memcpy(question->name, name, len + 1);
	question->type = type;
	question->asked = now;
	question->answered = INSTANT_NEVER;
	STAILQ_INSERT_TAIL(&log->questions, question, next);
	log->octets += (uint32_t)question_octets(question);
	return question;
}

void evidence_asked(struct evidence_log *log, const char *name, enum dns_type type,
                    struct instant now)
{
	if (find_question(log, name, type) != NULL)
		return; /* of another gateway, or another try */
	add_question(log, name, type, now);
	keep_bound(log);
}

static void take_answer(struct evidence_log *log, const char *name, enum dns_type type,
                        const struct evidence_question *said, char *records)
{
	struct evidence_question *question = find_question(log, name, type);

	if (question == NULL)
		question = add_question(log, name, type, said->answered);
	log->octets -= (uint32_t)question_octets(question);
	free(question->records);
	question->answered = said->answered;
	question->ttl_s = said->ttl_s;
	question->is_proven = said->is_proven;
	question->trust = said->trust;
	question->status = said->status;
	question->records = records;
	log->octets += (uint32_t)question_octets(question);
	keep_bound(log);
}

struct evidence_key evidence_key(const struct pubkey *key)
{
	struct evidence_key text = { "" };
	struct bytes octets = pubkey_octets(key);
	char *base64;

	if (key->type == PUBKEY_NONE)
		return text;
	base64 = base64_write(BYTES(octets.data, octets.len < 12 ? octets.len : 12));
	snprintf(text.s, sizeof(text.s), "%s %s", pubkey_text(key).s, base64);
	free(base64);
	return text;
}

static void add_record(struct text *text, const struct delegation *record, bool is_key)
{
	if (text->len > 0)
		text_add(text, "; ");
	if (!is_key)
		text_add(text, "%u ", record->precedence);
	switch (record->kind) {
	case GATEWAY_ADDRESS:
		text_add(text, "%s ", ip_text(&record->address).s);
		break;
	case GATEWAY_NAME:
		text_add(text, "@%.64s ", record->name);
		break;
	case GATEWAY_NONE:
		if (!is_key)
			text_add(text, ". ");
		break;
	}
	text_add(text, "%s", record->has_key ? evidence_key(&record->key).s : "without a key");
}

/* "10 192.0.2.1 Ed25519 11qYAYKxCrfV; 1 malformed"; NULL: there was nothing. */
static char *records_text(const struct record_set *set, bool is_key)
{
	struct text text = { 0 };
	size_t shown = set->count < EVIDENCE_RECORDS_MAX ? set->count : EVIDENCE_RECORDS_MAX;

	for (size_t i = 0; i < shown; i++)
		add_record(&text, &set->records[i], is_key);
	if (set->count > shown)
		text_add(&text, "; %zu more", set->count - shown);
	if (set->malformed > 0)
		text_add(&text, "%s%u malformed", text.len > 0 ? "; " : "", set->malformed);
	return text.s;
}

void evidence_answered(struct evidence_log *log, enum dns_type type, const char *name,
                       const struct record_set *set, struct instant now)
{
	bool has_said = set->status != DNS_TIMED_OUT && set->status != DNS_FAILED;
	struct evidence_question said = {
		.answered = now,
		.ttl_s = set->ttl_s,
		.is_proven = has_said || set->trust == DNS_BOGUS,
		.trust = (uint8_t)set->trust,
		.status = dns_status_name(set->status),
	};

	take_answer(log, name, type, &said, records_text(set, type == DNS_TYPE_KEY));
}

void evidence_address(struct evidence_log *log, enum dns_type type, const char *name,
                      const struct dns_answer *answer, struct instant now)
{
	struct record_set set = { .status = answer->status,
		                  .trust = answer->trust,
		                  .ttl_s = answer->ttl_s };
	struct evidence_question *question;

	evidence_answered(log, type, name, &set, now);
	question = find_question(log, name, type);
	if (question != NULL && answer->status == DNS_FOUND && answer->count > 0) {
		struct ip address = ip_from_octets(answer->rdata[0]);

		if (address.family == IP_NONE)
			return;
		question->records = new_zeroed(sizeof(struct ip_text));
		string_copy(question->records, sizeof(struct ip_text), ip_text(&address).s);
		log->octets += (uint32_t)strlen(question->records) + 1;
	}
}

void evidence_unanswered(struct evidence_log *log, const char *status, struct instant now)
{
	struct evidence_question *question;

	STAILQ_FOREACH(question, &log->questions, next)
	{
		if (question->answered.ns != INSTANT_NEVER.ns)
			continue;
		question->answered = now;
		question->status = status;
	}
}

void evidence_search(struct evidence_log *log, const struct key_search *search,
                     struct instant asked, struct instant now)
{
	const struct {
		enum dns_type type;
		const struct record_set *set;
	} sets[] = { { DNS_TYPE_IPSECKEY, &search->ipseckey },
		     { DNS_TYPE_KEY, &search->key },
		     { DNS_TYPE_TXT, &search->txt } };

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		if ((sets[i].type == DNS_TYPE_TXT && !search->wants_txt) ||
		    (sets[i].type == DNS_TYPE_KEY && !search->wants_key))
			continue;
		evidence_asked(log, search->name, sets[i].type, asked);
		if (sets[i].set->has_arrived)
			evidence_answered(log, sets[i].type, search->name, sets[i].set, now);
	}
}

void evidence_claim(struct evidence_log *log, const struct claim *claim, struct instant now)
{
	struct dns_name source = reverse_name(&claim->said.peer.range.first);

	if (claim->wants_keys)
		evidence_search(log, &claim->keys, claim->began, now);
	if (!claim->wants_source)
		return;
	evidence_asked(log, source.s, DNS_TYPE_IPSECKEY, claim->began);
	evidence_asked(log, source.s, DNS_TYPE_TXT, claim->began);
	evidence_answered(log, DNS_TYPE_IPSECKEY, source.s, &claim->source.ipseckey, now);
	evidence_answered(log, DNS_TYPE_TXT, source.s, &claim->source.txt, now);
}

/* ---- Gateways ---- */

static struct evidence_gateway *find_gateway(struct evidence_log *log,
                                             const struct gateway *gateway)
{
	struct evidence_gateway *known;

	STAILQ_FOREACH(known, &log->gateways, next)
	{
		if (strcmp(known->name, gateway->name) == 0 &&
		    (gateway->name[0] != '\0' || ip_equal(&known->address, &gateway->address)))
			return known;
	}
	return NULL;
}

void evidence_tried(struct evidence_log *log, const struct gateway *gateway, struct instant now)
{
	struct evidence_gateway *known = find_gateway(log, gateway);
	size_t len = strlen(gateway->name);

	if (known == NULL) {
		known = new_zeroed(sizeof(*known) + len + 1);
		memcpy(known->name, gateway->name, len + 1);
		STAILQ_INSERT_TAIL(&log->gateways, known, next);
		log->octets += (uint32_t)gateway_octets(known);
		keep_bound(log);
	}
	known->address = gateway->address;
	known->result = NULL;
	known->tried = now;
	known->at = INSTANT_NEVER;
}

void evidence_said(struct evidence_log *log, const struct gateway *gateway, const char *result,
                   struct instant now)
{
	struct evidence_gateway *known = find_gateway(log, gateway);

	if (known == NULL)
		return; /* the log was cut */
	known->address = gateway->address;
	known->result = result;
	known->at = now;
}

void evidence_left(struct evidence_log *log, const struct gateway *gateway, struct instant now)
{
	struct evidence_gateway *known = find_gateway(log, gateway);

	if (known != NULL && known->result == NULL)
		evidence_said(log, gateway, "not waited for", now);
}

const char *evidence_type(enum dns_type type)
{
	switch (type) {
	case DNS_TYPE_A:
		return "A";
	case DNS_TYPE_AAAA:
		return "AAAA";
	case DNS_TYPE_TXT:
		return "TXT";
	case DNS_TYPE_KEY:
		return "KEY";
	case DNS_TYPE_IPSECKEY:
		return "IPSECKEY";
	}
	return "?";
}
