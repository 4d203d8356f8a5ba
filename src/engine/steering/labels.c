/*
 * What a firewall is told of packets that came out of a tunnel: for each pair of addresses the
 * strength of the weakest SA by which its packets may come in (AUZ-14). The kernel's map sends them
 * to the chain that marks them so.
 */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

/* Settled: the pair. A label lives as long as an SA, which the core bounds. */
struct label {
	struct hash_node node;
	TAILQ_ENTRY(label) in_changed;
	struct ip_pair pair;
	unsigned sas[STRENGTH_COUNT];
	enum strength told; /* to the kernel */
	bool is_changed;
};

void labels_init(struct labels *l, const uint64_t seed[2])
{
	hash_init(&l->by_pair, seed);
	TAILQ_INIT(&l->changed);
}

void labels_wipe(struct labels *l)
{
	struct hash_node *at = hash_walk(&l->by_pair, NULL);

	while (at != NULL) {
		struct hash_node *next = hash_walk(&l->by_pair, at);

		free(CONTAINER_OF(at, struct label, node));
		at = next;
	}
	hash_wipe(&l->by_pair);
	TAILQ_INIT(&l->changed);
}

/* Ports are nothing to a label: an SA brings them all. */
static struct ip_pair addresses_of(const struct ip_pair *pair)
{
	return (struct ip_pair){ .source = pair->source, .destination = pair->destination };
}

static struct label *find(const struct labels *l, const struct ip_pair *pair)
{
	struct hash_node *at =
	    hash_first(&l->by_pair, hash_octets(&l->by_pair, pair, sizeof(*pair)));

	for (; at != NULL; at = hash_following(at)) {
		struct label *label = CONTAINER_OF(at, struct label, node);

		if (pair_equal(&label->pair, pair))
			return label;
	}
	return NULL;
}

static struct label *add(struct labels *l, const struct ip_pair *pair)
{
	struct label *label = new_zeroed(sizeof(*label));

	label->pair = *pair;
	hash_add(&l->by_pair, &label->node, hash_octets(&l->by_pair, pair, sizeof(*pair)));
	return label;
}

static enum strength weakest(const struct label *label)
{
	for (size_t i = STRENGTH_NONE + 1; i < STRENGTH_COUNT; i++)
		if (label->sas[i] > 0)
			return (enum strength)i;
	return STRENGTH_NONE;
}

void steering_add_strength(struct steering *s, const struct ip_pair *pair, enum strength strength,
                           int more)
{
	struct ip_pair addresses = addresses_of(pair);
	struct label *label = find(&s->labels, &addresses);

	if (label == NULL && more < 0)
		return;
	if (label == NULL)
		label = add(&s->labels, &addresses);
	if (more > 0 || label->sas[strength] > 0)
		label->sas[strength] += (unsigned)more;
	if (label->is_changed)
		return;
	label->is_changed = true;
	TAILQ_INSERT_TAIL(&s->labels.changed, label, in_changed);
}

/* NULL: what nobody vouches for has no mark. */
const char *steering_strength_chain(enum strength strength)
{
	static const char *const chains[STRENGTH_COUNT] = {
		[STRENGTH_NULL] = "from_null",     [STRENGTH_DNS] = "from_dns",
		[STRENGTH_DNSSEC] = "from_dnssec", [STRENGTH_PSK] = "from_psk",
		[STRENGTH_CERT] = "from_cert",     [STRENGTH_RAWKEY] = "from_rawkey",
	};

	return chains[strength];
}

static void put(struct batch *b, uint8_t message, const struct label *label, enum strength strength)
{
	char name[SET_NAME_SIZE];
	struct element element = element_of_pair(&label->pair);
	struct elements e =
	    elements_begin(b, message, set_name(name, "strength", label->pair.source.family));

	if (message == NFT_MSG_NEWSETELEM)
		element.chain = steering_strength_chain(strength);
	element_put(&e, &element);
	elements_end(&e);
}

bool labels_have_changed(const struct steering *s)
{
	return !TAILQ_EMPTY(&s->labels.changed);
}

void labels_put_changes(struct steering *s, struct batch *b)
{
	const struct label *label;

	TAILQ_FOREACH (label, &s->labels.changed, in_changed) {
		enum strength now = weakest(label);

		if (now == label->told)
			continue;
		if (label->told != STRENGTH_NONE)
			put(b, NFT_MSG_DELSETELEM, label, label->told);
		if (now != STRENGTH_NONE)
			put(b, NFT_MSG_NEWSETELEM, label, now);
	}
}

void labels_told(struct steering *s)
{
	struct label *label;

	while ((label = TAILQ_FIRST(&s->labels.changed)) != NULL) {
		TAILQ_REMOVE(&s->labels.changed, label, in_changed);
		label->is_changed = false;
		label->told = weakest(label);
		if (label->told != STRENGTH_NONE)
			continue;
		hash_remove(&s->labels.by_pair, &label->node);
		free(label);
	}
}

void labels_flush(struct steering *s)
{
	struct batch b = { 0 };
	int error;

	if (!labels_have_changed(s))
		return;
	labels_put_changes(s, &b);
	error = nft_commit(&s->nft, &b, NULL);
	if (error != 0) {
		log_line(&s->log, LOG_ERROR, "strengths: the kernel refused them: %s; all anew",
		         strerror(error));
		labels_put_anew(s);
	}
	labels_told(s);
	batch_wipe(&b);
}

static void put_all(struct steering *s, struct batch *b, enum ip_family family)
{
	char name[SET_NAME_SIZE];
	struct elements e =
	    elements_begin(b, NFT_MSG_NEWSETELEM, set_name(name, "strength", family));
	struct hash_node *at = NULL;

	while ((at = hash_walk(&s->labels.by_pair, at)) != NULL) {
		struct label *label = CONTAINER_OF(at, struct label, node);
		struct element element = element_of_pair(&label->pair);

		element.chain = steering_strength_chain(weakest(label));
		if (element.chain != NULL && label->pair.source.family == family)
			element_put(&e, &element);
	}
	elements_end(&e);
}

void labels_put_all(struct steering *s, struct batch *b)
{
	put_all(s, b, IP_V4);
	put_all(s, b, IP_V6);
}

/* A map that holds less than it should lets less through, never more. */
void labels_put_anew(struct steering *s)
{
	struct batch b = { 0 };
	int error;

	batch_flush_set(&b, "strength4");
	batch_flush_set(&b, "strength6");
	labels_put_all(s, &b);
	error = nft_commit(&s->nft, &b, NULL);
	if (error != 0)
		log_line(&s->log, LOG_ERROR, "strengths: cannot be put back: %s", strerror(error));
	batch_wipe(&b);
}
