#pragma once
/*
 * nf_tables over netlink: batches that the kernel takes whole or not at all, and dumps.
 *
 *      batch_open .. attributes .. batch_close   one message
 *      elements_begin .. element .. elements_end  a list of set elements, split where it is long
 *      nft_commit                                 all of it, one transaction
 *
 * Written with libmnl alone: a set element is five attributes.
 */
#include <libmnl/libmnl.h>

#include "engine/area.h"

struct nft {
	struct mnl_socket *socket;
	unsigned port;
	uint32_t sequence;
};

MUST_USE bool nft_open(struct nft *nft, char *error, size_t size);
void nft_close(struct nft *nft);

/* Messages of one transaction, one after the other. */
struct batch {
	uint8_t *data;
	size_t len;
	size_t size;
	unsigned count; /* messages, without begin and end */
};

/* NFT_MSG_x of the family inet; attributes may be put until batch_close. */
struct nlmsghdr *batch_open(struct batch *b, uint8_t message, uint16_t flags);
void batch_close(struct batch *b, struct nlmsghdr *h);
void batch_wipe(struct batch *b);

/*
 * 0, or the errno of the first message that the kernel refused (then nothing of the batch
 * happened). `failed`, if not NULL, gets its number. The batch is empty afterwards.
 */
int nft_commit(struct nft *nft, struct batch *b, unsigned *failed);

/* One element: an address, or a pair, or ranges of both, or these with protocol and port. */
struct element {
	uint8_t key[40];
	uint8_t key_end[40];
	size_t key_len;
	bool is_range;     /* key_end counts */
	bool is_range_end; /* the first key after a range, in a set of single ranges */
	const char *chain; /* goto, in a map of verdicts; else NULL */
	struct ip nat;     /* in a map of addresses; else IP_NONE */
};

struct element element_of_pair(const struct ip_pair *pair);
struct element element_of_ranges(const struct ip_range *source, const struct ip_range *destination);
struct element element_of_box(const struct ip_range *source, const struct ip_range *destination,
                              const struct box *box);

struct elements {
	struct batch *batch;
	const char *set;
	uint8_t message;
	struct nlmsghdr *header;
	struct nlattr *list;
};

/* `message` is NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM. An empty list writes nothing. */
struct elements elements_begin(struct batch *b, uint8_t message, const char *set);
void element_put(struct elements *e, const struct element *element);
void elements_end(struct elements *e);
/* Empties a set. */
void batch_flush_set(struct batch *b, const char *set);

/* What a dump of a set tells of one element. */
struct element_report {
	struct bytes key;
	struct bytes key_end;
	struct bytes data; /* of maps: an address, or the name of a chain */
	uint64_t packets;
	uint64_t octets;
	uint64_t timeout_ms;
	uint64_t expires_ms; /* 0 if it does not */
	bool is_range_end;
};
/* 0 or an errno. */
int nft_dump_set(struct nft *nft, const char *set,
                 void (*each)(void *ctx, const struct element_report *report), void *ctx);
/* The elements that a batch puts into sets, told in the same way. */
void batch_each_new(const struct batch *b,
                    void (*each)(void *ctx, const struct element_report *report), void *ctx);
/* A named counter's packets; 0 if there is none. */
uint64_t nft_counter(struct nft *nft, const char *name);
/*
 * Every answer of a dump (NFT_MSG_GETx) of our table goes to `each`, and those of other tables
 * where the kernel does not choose. `set` is for NFT_MSG_GETSETELEM, else NULL. 0 or an errno.
 */
int nft_dump(struct nft *nft, uint8_t message, const char *set, mnl_cb_t each, void *ctx);
/* The same of all tables of all families. */
int nft_dump_any(struct nft *nft, uint8_t message, mnl_cb_t each, void *ctx);
