#include "config/policies.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/message.h"
#include "config/value.h"
#include "dns/name.h"

enum { LINE_LEN_MAX = 8191 };

static const struct {
	const char *name;
	uint8_t number;
	bool has_ports;
} protocols[] = {
	{ "tcp", 6, true },    { "udp", 17, true },     { "icmp", 1, false },
	{ "sctp", 132, true }, { "dccp", 33, true },    { "udplite", 136, true },
	{ "gre", 47, false },  { "icmpv6", 58, false }, { "ipv6-icmp", 58, false },
	{ "esp", 50, false },  { "ah", 51, false },     { "ipip", 4, false },
	{ "ipv6", 41, false },
};

struct parse {
	struct policy_entries *out;
	struct conf_messages *messages;
	struct place at;
	size_t room;
};

/* ---- Words ---- */

static void strip_comment(char *line)
{
	for (char *c = line; *c != '\0'; c++) {
		if (*c == '#' && (c == line || c[-1] == ' ' || c[-1] == '\t')) {
			*c = '\0';
			return;
		}
	}
}

static bool begins_with_address(const char *word)
{
	char head[64] = { 0 };
	size_t len = strcspn(word, "-/");
	struct ip address;

	if (len >= sizeof(head))
		return false;
	memcpy(head, word, len);
	return ip_parse(head, &address);
}

/* Letters somewhere behind the last dot: no address can look like that, nor can what is meant to be
 * one. */
static bool looks_like_name(const char *word)
{
	size_t len = strlen(word), start;

	if (len > 1 && word[len - 1] == '.') /* "example.com." */
		len--;
	for (start = len; start > 0 && word[start - 1] != '.'; start--)
		;
	return strpbrk(word, ":/") == NULL && !begins_with_address(word) &&
	       strspn(word + start, "0123456789-") < len - start;
}

static bool read_name(const char *word, struct policy_entry *entry, struct text *why)
{
	char name[DNS_NAME_MAX];

	if (!dns_name_normalise(BYTES_STR(word), name)) {
		text_add(why, "neither an address nor a name; write 198.51.100.0/24, "
		              "2001:db8::/32, 198.51.100.1-198.51.100.9 or host.example.com");
		return false;
	}
	entry->name = new_string(name);
	return true;
}

static bool read_remote(const char *word, struct policy_entry *entry, struct text *why)
{
	if (looks_like_name(word))
		return read_name(word, entry, why);
	return value_range(word, &entry->range, why);
}

static bool read_protocol(const char *word, struct traffic *out, struct text *why)
{
	unsigned number = 0;

	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (strcasecmp(word, protocols[i].name) == 0) {
			out->protocol = protocols[i].number;
			return true;
		}
	}
	for (const char *c = word; *c >= '0' && *c <= '9' && number < 256; c++) {
		number = number * 10 + (unsigned)(*c - '0');
		if (c[1] == '\0' && number > 0 && number < 256) {
			out->protocol = (uint8_t)number;
			return true;
		}
	}
	text_add(why,
	         "%s is no protocol; write tcp, udp, icmp, another's name or its number, or "
	         "nothing for all of them",
	         word);
	return false;
}

static bool has_ports(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (protocols[i].number == protocol)
			return protocols[i].has_ports;
	return false;
}

/* Cuts a port off `*rest`. */
static bool read_port(const char **rest, uint16_t *out)
{
	unsigned number = 0, digits = 0;

	for (; **rest >= '0' && **rest <= '9' && digits < 6; ++*rest, digits++)
		number = number * 10 + (unsigned)(**rest - '0');
	*out = (uint16_t)number;
	return digits > 0 && number > 0 && number <= 65535;
}

static bool read_ports(const char *word, struct traffic *out, struct text *why)
{
	const char *rest = word;
	uint16_t first, last;
	bool ok = read_port(&rest, &first);

	last = first;
	if (ok && *rest == '-') {
		rest++;
		ok = read_port(&rest, &last);
	}
	if (!ok || *rest != '\0' || first > last) {
		text_add(why,
		         "%s is no port; write the remote one, 1 to 65535, or two as 6000-6063",
		         word);
		return false;
	}
	if (!has_ports(out->protocol)) {
		text_add(why, "this protocol has no ports; write tcp or udp, or no port");
		return false;
	}
	out->has_ports = 1;
	out->first_port = first;
	out->last_port = last;
	return true;
}

/* ---- Lines ---- */

static void keep(struct parse *p, const struct policy_entry *entry)
{
	struct policy_entries *out = p->out;

	if (out->count == p->room) {
		p->room = p->room * 2 + 16;
		out->list = grow_array(out->list, p->room, sizeof(*out->list));
	}
	out->list[out->count++] = *entry;
}

static bool read_words(char *words[4], size_t count, struct policy_entry *entry, struct text *why)
{
	if (count > 3) {
		text_add(why, "too many words; write ADDRESS, ADDRESS PROTOCOL or ADDRESS PROTOCOL "
		              "PORT");
		return false;
	}
	return (count < 2 || read_protocol(words[1], &entry->traffic, why)) &&
	       (count < 3 || read_ports(words[2], &entry->traffic, why)) &&
	       read_remote(words[0], entry, why);
}

static void read_entry(struct parse *p, char *line)
{
	struct policy_entry entry = { .line = p->at.line };
	char subject[LINE_LEN_MAX + 1];
	CLEANUP(text_free) struct text why = { 0 };
	char *words[4], *rest;
	size_t count = 0;

	strcpy(subject, line);
	for (char *word = strtok_r(line, " \t\r", &rest); word != NULL && count < ARRAY_LEN(words);
	     word = strtok_r(NULL, " \t\r", &rest))
		words[count++] = word;
	if (count == 0)
		return;
	if (p->out->count == POLICY_ENTRIES_MAX) {
		message_error(p->messages, p->at, NULL, "more than %d entries; write wider ranges",
		              POLICY_ENTRIES_MAX);
		return;
	}
	if (read_words(words, count, &entry, &why))
		keep(p, &entry);
	else
		message_error(p->messages, p->at, subject, "%s", why.s);
}

static void read_line(struct parse *p, struct bytes line)
{
	char text[LINE_LEN_MAX + 1];

	if (line.len > LINE_LEN_MAX) {
		message_error(p->messages, p->at, NULL, "the line is too long");
		return;
	}
	if (memchr(line.data, '\0', line.len) != NULL) {
		message_error(p->messages, p->at, NULL, "the line holds a NUL; this is no text");
		return;
	}
	if (line.len > 0)
		memcpy(text, line.data, line.len);
	text[line.len] = '\0';
	strip_comment(text);
	read_entry(p, text);
}

bool policies_parse(struct policy_entries *out, const char *file, struct bytes text,
                    struct conf_messages *messages)
{
	struct parse p = { .out = out, .messages = messages, .at.file = file, .room = out->count };
	unsigned errors_before = messages->error_count;

	while (text.len > 0) {
		const uint8_t *end = memchr(text.data, '\n', text.len);
		size_t len = end == NULL ? text.len : (size_t)(end - text.data);
		size_t taken = end == NULL ? len : len + 1;

		p.at.line++;
		read_line(&p, BYTES(text.data, len));
		text = BYTES(text.data + taken, text.len - taken);
	}
	return messages->error_count == errors_before;
}

void policy_entries_copy(struct policy_entries *out, const struct policy_entries *entries)
{
	out->count = entries->count;
	out->list = entries->count == 0 ? NULL : new_array(entries->count, sizeof(*out->list));
	for (size_t i = 0; i < entries->count; i++) {
		out->list[i] = entries->list[i];
		if (entries->list[i].name != NULL)
			out->list[i].name = new_string(entries->list[i].name);
	}
}

void policy_entries_wipe(struct policy_entries *entries)
{
	for (size_t i = 0; i < entries->count; i++)
		free(entries->list[i].name);
	free(entries->list);
	*entries = (struct policy_entries){ 0 };
}

/* ---- Texts ---- */

static const char *protocol_name(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++)
		if (protocols[i].number == number)
			return protocols[i].name;
	return NULL;
}

struct traffic_text traffic_text(const struct traffic *traffic)
{
	struct traffic_text text = { "" };
	const char *name = protocol_name(traffic->protocol);
	char number[8];

	if (traffic_is_any(traffic))
		return text;
	snprintf(number, sizeof(number), "%u", traffic->protocol);
	if (name == NULL)
		name = number;
	if (!traffic->has_ports)
		snprintf(text.s, sizeof(text.s), "%s", name);
	else if (traffic->first_port == traffic->last_port)
		snprintf(text.s, sizeof(text.s), "%s %u", name, traffic->first_port);
	else
		snprintf(text.s, sizeof(text.s), "%s %u-%u", name, traffic->first_port,
		         traffic->last_port);
	return text;
}

struct policy_entry_text policy_entry_text(const struct policy_entry *entry)
{
	struct policy_entry_text text;
	struct traffic_text traffic = traffic_text(&entry->traffic);

	snprintf(text.s, sizeof(text.s), "%s%s%s",
	         entry->name != NULL ? entry->name : range_text(&entry->range).s,
	         traffic.s[0] != '\0' ? " " : "", traffic.s);
	return text;
}
