#include "engine/steering/baseline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/steering/names.h"

enum { NAME_MAX_LEN = 64 };

struct baseline_message {
	uint8_t type;
	char name[NAME_MAX_LEN]; /* of the chain, set or counter */
	struct buf attributes;
};

/*
 * The attributes that may be given back, by number. What the kernel adds (handles, use counts,
 * what a later version reports of its choices) is not for giving, and some of it is refused.
 */
struct kind {
	uint8_t get;
	uint8_t type;
	uint16_t table;
	uint16_t name; /* of the chain or set */
	uint16_t handle;
	uint32_t given;
};

#define BIT(n) (1u << (n))

static const struct kind kinds[] = {
	{ NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, NFTA_TABLE_NAME, NFTA_TABLE_NAME, NFTA_TABLE_HANDLE,
	  BIT(NFTA_TABLE_NAME) | BIT(NFTA_TABLE_FLAGS) | BIT(NFTA_TABLE_USERDATA) },
	{ NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, NFTA_OBJ_TABLE, NFTA_OBJ_NAME, NFTA_OBJ_HANDLE,
	  BIT(NFTA_OBJ_TABLE) | BIT(NFTA_OBJ_NAME) | BIT(NFTA_OBJ_TYPE) | BIT(NFTA_OBJ_DATA) |
	      BIT(NFTA_OBJ_USERDATA) },
	{ NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME, NFTA_CHAIN_HANDLE,
	  BIT(NFTA_CHAIN_TABLE) | BIT(NFTA_CHAIN_NAME) | BIT(NFTA_CHAIN_HOOK) |
	      BIT(NFTA_CHAIN_POLICY) | BIT(NFTA_CHAIN_TYPE) | BIT(NFTA_CHAIN_FLAGS) |
	      BIT(NFTA_CHAIN_USERDATA) },
	{ NFT_MSG_GETSET, NFT_MSG_NEWSET, NFTA_SET_TABLE, NFTA_SET_NAME, NFTA_SET_HANDLE,
	  BIT(NFTA_SET_TABLE) | BIT(NFTA_SET_NAME) | BIT(NFTA_SET_FLAGS) | BIT(NFTA_SET_KEY_TYPE) |
	      BIT(NFTA_SET_KEY_LEN) | BIT(NFTA_SET_DATA_TYPE) | BIT(NFTA_SET_DATA_LEN) |
	      BIT(NFTA_SET_POLICY) | BIT(NFTA_SET_DESC) | BIT(NFTA_SET_TIMEOUT) |
	      BIT(NFTA_SET_GC_INTERVAL) | BIT(NFTA_SET_USERDATA) | BIT(NFTA_SET_EXPR) |
	      BIT(NFTA_SET_EXPRESSIONS) },
	{ NFT_MSG_GETSETELEM, NFT_MSG_NEWSETELEM, NFTA_SET_ELEM_LIST_TABLE, NFTA_SET_ELEM_LIST_SET,
	  0,
	  BIT(NFTA_SET_ELEM_LIST_TABLE) | BIT(NFTA_SET_ELEM_LIST_SET) |
	      BIT(NFTA_SET_ELEM_LIST_ELEMENTS) },
	{ NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NFTA_RULE_TABLE, NFTA_RULE_CHAIN, NFTA_RULE_HANDLE,
	  BIT(NFTA_RULE_TABLE) | BIT(NFTA_RULE_CHAIN) | BIT(NFTA_RULE_EXPRESSIONS) |
	      BIT(NFTA_RULE_USERDATA) },
};

static const struct nlattr *find(const struct nlmsghdr *h, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static bool is_of_our_table(const struct nlmsghdr *h, const struct kind *kind)
{
	const struct nfgenmsg *generic = mnl_nlmsg_get_payload(h);
	const struct nlattr *table = find(h, kind->table);

	return generic->nfgen_family == NFPROTO_INET && table != NULL &&
	       strcmp(mnl_attr_get_str(table), STEERING_TABLE) == 0;
}

struct capture {
	struct baseline *baseline;
	const struct kind *kind;
};

static int on_message(const struct nlmsghdr *h, void *ctx)
{
	const struct capture *c = ctx;
	struct baseline *b = c->baseline;
	struct baseline_message *m;
	const struct nlattr *attr;
	const struct nlattr *name = find(h, c->kind->name);
	uint8_t *at;

	if (!is_of_our_table(h, c->kind) || name == NULL)
		return MNL_CB_OK;
	if (b->count == b->size) {
		b->size = 2 * b->size + 64;
		b->messages = grow_array(b->messages, b->size, sizeof(*b->messages));
	}
	m = &b->messages[b->count++];
	*m = (struct baseline_message){ .type = c->kind->type };
	snprintf(m->name, sizeof(m->name), "%s", mnl_attr_get_str(name));
	m->attributes.data = at = new_zeroed(h->nlmsg_len);
	mnl_attr_for_each(attr, h, sizeof(struct nfgenmsg))
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type >= 32 || (c->kind->given & BIT(type)) == 0)
			continue;
		memcpy(at, attr, attr->nla_len);
		at += MNL_ALIGN(attr->nla_len);
	}
	m->attributes.len = (size_t)(at - m->attributes.data);
	return MNL_CB_OK;
}

static int capture_elements(struct baseline *b, struct nft *nft, const struct kind *kind)
{
	struct capture capture = { .baseline = b, .kind = kind };
	size_t count = b->count;
	int error = 0;

	for (size_t i = 0; i < count && error == 0; i++) {
		char set[NAME_MAX_LEN];

		if (b->messages[i].type != NFT_MSG_NEWSET)
			continue;
		memcpy(set, b->messages[i].name, sizeof(set));
		error = nft_dump(nft, kind->get, set, on_message, &capture);
	}
	return error;
}

static int capture_once(struct baseline *b, struct nft *nft)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct capture capture = { .baseline = b, .kind = &kinds[i] };
		int error = kinds[i].get == NFT_MSG_GETSETELEM
		                ? capture_elements(b, nft, &kinds[i])
		                : nft_dump(nft, kinds[i].get, NULL, on_message, &capture);

		if (error != 0)
			return error;
		if (b->count == 0)
			return ENOENT;
	}
	return 0;
}

int baseline_capture(struct baseline *b, struct nft *nft)
{
	int error = EINTR;

	/* The kernel says so when something changed under a dump. */
	for (int tries = 0; tries < 10 && error == EINTR; tries++) {
		*b = (struct baseline){ 0 };
		b->fingerprint = baseline_fingerprint(nft);
		error = capture_once(b, nft);
		if (error != 0)
			baseline_wipe(b);
	}
	return error;
}

void baseline_wipe(struct baseline *b)
{
	for (size_t i = 0; i < b->count; i++)
		buf_free(&b->messages[i].attributes);
	free(b->messages);
	*b = (struct baseline){ 0 };
}

struct fingerprint {
	const struct kind *kind;
	uint64_t hash;
};

/* FNV-1a: against accidents, nobody gains anything by a collision here. */
static void mix(uint64_t *hash, const void *data, size_t len)
{
	const uint8_t *octet = data;

	for (size_t i = 0; i < len; i++)
		*hash = (*hash ^ octet[i]) * 0x100000001b3;
}

static int on_fingerprint(const struct nlmsghdr *h, void *ctx)
{
	struct fingerprint *f = ctx;
	const struct nlattr *handle = find(h, f->kind->handle);
	const struct nlattr *flags = find(h, NFTA_TABLE_FLAGS);

	if (!is_of_our_table(h, f->kind) || handle == NULL)
		return MNL_CB_OK;
	mix(&f->hash, &f->kind->type, 1);
	mix(&f->hash, mnl_attr_get_payload(handle), mnl_attr_get_payload_len(handle));
	/* A dormant table has all its handles and does nothing. */
	if (f->kind->type == NFT_MSG_NEWTABLE && flags != NULL)
		mix(&f->hash, mnl_attr_get_payload(flags), mnl_attr_get_payload_len(flags));
	return MNL_CB_OK;
}

uint64_t baseline_fingerprint(struct nft *nft)
{
	struct fingerprint f;
	int error = EINTR;

	for (int tries = 0; tries < 10 && error == EINTR; tries++) {
		f.hash = 0;
		error = 0;
		for (size_t i = 0; i < ARRAY_LEN(kinds) && error == 0; i++) {
			f.kind = &kinds[i];
			if (kinds[i].handle != 0)
				error = nft_dump(nft, kinds[i].get, NULL, on_fingerprint, &f);
		}
	}
	return error == 0 ? f.hash : 0;
}

static void put_table(struct batch *batch, uint8_t message, uint16_t flags)
{
	struct nlmsghdr *h = batch_open(batch, message, flags);

	mnl_attr_put_strz(h, NFTA_TABLE_NAME, STEERING_TABLE);
	batch_close(batch, h);
}

/* Made first, so that the delete finds one. */
void baseline_put_removal(struct batch *batch)
{
	put_table(batch, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	put_table(batch, NFT_MSG_DELTABLE, 0);
}

static bool is_in_part(const struct baseline_message *m, const struct baseline_part *part)
{
	switch (m->type) {
	case NFT_MSG_NEWCHAIN:
	case NFT_MSG_NEWRULE:
		return part->has_chain == NULL || part->has_chain(m->name);
	case NFT_MSG_NEWSET:
		return part->has_set == NULL || part->has_set(m->name);
	case NFT_MSG_NEWSETELEM:
		return (part->has_set == NULL || part->has_set(m->name)) &&
		       part->keeps_elements(m->name);
	case NFT_MSG_NEWOBJ:
		return part->has_counter == NULL || part->has_counter(m->name);
	default:
		return true;
	}
}

static void put_message(struct batch *batch, const struct baseline_message *m, uint32_t id)
{
	uint16_t flags = NLM_F_CREATE | (m->type == NFT_MSG_NEWRULE ? NLM_F_APPEND : 0);
	struct nlmsghdr *h = batch_open(batch, m->type, flags);

	memcpy(mnl_nlmsg_get_payload_tail(h), m->attributes.data, m->attributes.len);
	h->nlmsg_len += (uint32_t)m->attributes.len;
	if (m->type == NFT_MSG_NEWSET)
		mnl_attr_put_u32(h, NFTA_SET_ID, htonl(id));
	batch_close(batch, h);
}

void baseline_replay(const struct baseline *b, struct batch *batch,
                     const struct baseline_part *part)
{
	baseline_put_removal(batch);
	for (size_t i = 0; i < b->count; i++)
		if (is_in_part(&b->messages[i], part))
			put_message(batch, &b->messages[i], (uint32_t)i + 1);
}
