/*
 * What a firewall is told of packets that came out of a tunnel: for each pair of addresses the
 * strength of the weakest SA by which its packets may come in (AUZ-14). The kernel has a set of
 * pairs for each strength, and a chain that marks so.
 *
 * And of our own sockets: a peer that is reached through the tunnel of another gateway has no other
 * way. What we say to it in the clear that gateway refuses, as cleartext of a tunnelled pair.
 */
#include "engine/steering/state.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>

/* Settled: the pair. A label lives as long as an SA, which the core bounds. */
struct label {
	struct hash_node node;
	TAILQ_ENTRY(label) in_changed;
	struct ip_pair pair;
	unsigned sas[STRENGTH_COUNT];
	bool is_through;
	enum strength told; /* to the kernel */
	bool told_through;
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

static void note_change(struct steering *s, struct label *label)
{
	if (label->is_changed)
		return;
	label->is_changed = true;
	TAILQ_INSERT_TAIL(&s->labels.changed, label, in_changed);
}

void steering_set_through(struct steering *s, const struct ip_pair *pair, bool is_through)
{
	struct ip_pair addresses = addresses_of(pair);
	struct label *label = find(&s->labels, &addresses);

	if (label == NULL && !is_through)
		return;
	if (label == NULL)
		label = add(&s->labels, &addresses);
	if (label->is_through == is_through)
		return;
	label->is_through = is_through;
	note_change(s, label);
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
	note_change(s, label);
}

/* NULL: what nobody vouches for has no mark. */
const char *steering_strength_name(enum strength strength)
{
	static const char *const chains[STRENGTH_COUNT] = {
		[STRENGTH_NULL] = "from_null",     [STRENGTH_DNS] = "from_dns",
		[STRENGTH_DNSSEC] = "from_dnssec", [STRENGTH_PSK] = "from_psk",
		[STRENGTH_CERT] = "from_cert",     [STRENGTH_RAWKEY] = "from_rawkey",
	};

	return chains[strength];
}

static void put(struct batch *b, uint8_t message, const char *stem, const struct label *label)
{
	char name[SET_NAME_SIZE];
	struct element element = element_of_pair(&label->pair);
	struct elements e =
	    elements_begin(b, message, set_name(name, stem, label->pair.source.family));

	element_put(&e, &element);
	elements_end(&e);
}

static void put_strength(struct batch *b, const struct label *label)
{
	enum strength now = weakest(label);

	if (now == label->told)
		return;
	if (label->told != STRENGTH_NONE)
		put(b, NFT_MSG_DELSETELEM, steering_strength_name(label->told), label);
	if (now != STRENGTH_NONE)
		put(b, NFT_MSG_NEWSETELEM, steering_strength_name(now), label);
}

bool labels_have_changed(const struct steering *s)
{
	return !TAILQ_EMPTY(&s->labels.changed);
}

void labels_put_changes(struct steering *s, struct batch *b)
{
	const struct label *label;

	TAILQ_FOREACH (label, &s->labels.changed, in_changed) {
		if (s->labels.is_whole)
			put_strength(b, label);
		if (label->is_through != label->told_through)
			put(b, label->is_through ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
			    "through", label);
	}
}

void labels_told(struct steering *s)
{
	struct label *label;

	while ((label = TAILQ_FIRST(&s->labels.changed)) != NULL) {
		TAILQ_REMOVE(&s->labels.changed, label, in_changed);
		label->is_changed = false;
		label->told = weakest(label);
		label->told_through = label->is_through;
		if (label->told != STRENGTH_NONE || label->is_through)
			continue;
		hash_remove(&s->labels.by_pair, &label->node);
		free(label);
	}
}

void labels_flush(struct steering *s)
{
	struct batch b = { 0 };
	int error;

	if (!s->labels.is_whole && !s->labels.is_refused) {
		labels_put_anew(s); /* at the start */
		labels_told(s);
		return;
	}
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

static void put_all(struct steering *s, struct batch *b, enum strength strength,
                    enum ip_family family)
{
	char name[SET_NAME_SIZE];
	struct elements e = elements_begin(
	    b, NFT_MSG_NEWSETELEM, set_name(name, steering_strength_name(strength), family));
	struct hash_node *at = NULL;

	while ((at = hash_walk(&s->labels.by_pair, at)) != NULL) {
		const struct label *label = CONTAINER_OF(at, struct label, node);
		struct element element = element_of_pair(&label->pair);

		if (weakest(label) == strength && label->pair.source.family == family)
			element_put(&e, &element);
	}
	elements_end(&e);
}

static void flush_all(struct batch *b)
{
	static const enum ip_family families[] = { IP_V4, IP_V6 };
	char name[SET_NAME_SIZE];

	for (size_t f = 0; f < ARRAY_LEN(families); f++) {
		for (size_t i = STRENGTH_NONE + 1; i < STRENGTH_COUNT; i++)
			batch_flush_set(b, set_name(name, steering_strength_name((enum strength)i),
			                            families[f]));
		batch_flush_set(b, set_name(name, "through", families[f]));
	}
	batch_flush_set(b, "whole_strengths");
}

static void put_all_through(struct steering *s, struct batch *b)
{
	struct hash_node *at = NULL;

	while ((at = hash_walk(&s->labels.by_pair, at)) != NULL) {
		const struct label *label = CONTAINER_OF(at, struct label, node);

		if (label->is_through)
			put(b, NFT_MSG_NEWSETELEM, "through", label);
	}
}

/* With this, a pair that no set has has no SA of its own: chain from_peer. */
static void put_whole(struct batch *b)
{
	static const uint8_t protocols[] = { NFPROTO_IPV4, NFPROTO_IPV6 };
	struct elements e = elements_begin(b, NFT_MSG_NEWSETELEM, "whole_strengths");

	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		struct element element = { .key = { protocols[i] }, .key_len = 1 };

		element_put(&e, &element);
	}
	elements_end(&e);
}

static int put_anew(struct steering *s, bool has_strengths)
{
	struct batch b = { 0 };
	int error;

	flush_all(&b);
	for (size_t i = STRENGTH_NONE + 1; has_strengths && i < STRENGTH_COUNT; i++) {
		put_all(s, &b, (enum strength)i, IP_V4);
		put_all(s, &b, (enum strength)i, IP_V6);
	}
	if (has_strengths)
		put_whole(&b);
	put_all_through(s, &b);
	error = nft_commit(&s->nft, &b, NULL);
	batch_wipe(&b);
	return error;
}

/* Sets that hold less than they should would let a range speak for its weaker pairs: then nothing
 * is marked at all. */
void labels_put_anew(struct steering *s)
{
	struct labels *l = &s->labels;
	int error = put_anew(s, true);

	l->is_whole = error == 0;
	if (error != 0 && !l->is_refused)
		log_line(&s->log, LOG_ERROR,
		         "strengths: cannot be put back: %s; nothing is marked until they are",
		         strerror(error));
	l->is_refused = error != 0;
	if (error != 0)
		(void)put_anew(s, false);
}

void labels_retry(struct steering *s)
{
	if (!s->labels.is_refused)
		return;
	labels_put_anew(s);
	labels_told(s);
	if (s->labels.is_whole)
		log_line(&s->log, LOG_ERROR, "strengths: they are put back");
}
