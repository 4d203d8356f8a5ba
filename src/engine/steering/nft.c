#include "engine/steering/nft.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/steering/names.h"

enum {
	MESSAGE_MAX = 128 * 1024, /* room for one message while it is written */
	ELEMENTS_MAX = 60 * 1024, /* a nest has 16 bits of length */
	SEND_BUFFER = 256 * 1024 * 1024,
	RECEIVE_SIZE = 256 * 1024,
};

bool nft_open(struct nft *nft, char *error, size_t size)
{
	int buffer = SEND_BUFFER;
	int one = 1;

	*nft = (struct nft){ .socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC) };
	if (nft->socket == NULL || mnl_socket_bind(nft->socket, 0, MNL_SOCKET_AUTOPID) != 0) {
		snprintf(error, size, "nf_tables: %s; the kernel needs CONFIG_NF_TABLES",
		         strerror(errno));
		nft_close(nft);
		return false;
	}
	nft->port = mnl_socket_get_portid(nft->socket);
	/* A large batch is one datagram. Refusals must not bring it back whole. */
	(void)setsockopt(mnl_socket_get_fd(nft->socket), SOL_SOCKET, SO_SNDBUFFORCE, &buffer,
	                 sizeof(buffer));
	buffer = RECEIVE_SIZE * 16;
	(void)setsockopt(mnl_socket_get_fd(nft->socket), SOL_SOCKET, SO_RCVBUFFORCE, &buffer,
	                 sizeof(buffer));
	(void)mnl_socket_setsockopt(nft->socket, NETLINK_CAP_ACK, &one, sizeof(one));
	return true;
}

void nft_close(struct nft *nft)
{
	if (nft->socket != NULL)
		mnl_socket_close(nft->socket);
	nft->socket = NULL;
}

static void batch_reserve(struct batch *b, size_t more)
{
	if (b->size - b->len >= more)
		return;
	b->size = 2 * b->size + more;
	b->data = grow_array(b->data, b->size, 1);
}

static struct nlmsghdr *put_header(void *at, uint16_t type, uint16_t flags, uint8_t family,
                                   uint16_t resource)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(at);
	struct nfgenmsg *generic;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | flags;
	generic = mnl_nlmsg_put_extra_header(h, sizeof(*generic));
	generic->nfgen_family = family;
	generic->version = NFNETLINK_V0;
	generic->res_id = htons(resource);
	return h;
}

static void batch_edge(struct batch *b, uint16_t type)
{
	struct nlmsghdr *h;

	batch_reserve(b, MESSAGE_MAX);
	h = put_header(b->data + b->len, type, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	b->len += NLMSG_ALIGN(h->nlmsg_len);
}

struct nlmsghdr *batch_open(struct batch *b, uint8_t message, uint16_t flags)
{
	if (b->len == 0)
		batch_edge(b, NFNL_MSG_BATCH_BEGIN);
	batch_reserve(b, MESSAGE_MAX);
	return put_header(b->data + b->len, (NFNL_SUBSYS_NFTABLES << 8) | message, flags,
	                  NFPROTO_INET, 0);
}

void batch_close(struct batch *b, struct nlmsghdr *h)
{
	h->nlmsg_seq = ++b->count;
	b->len += NLMSG_ALIGN(h->nlmsg_len);
}

void batch_wipe(struct batch *b)
{
	free(b->data);
	*b = (struct batch){ 0 };
}

/* The kernel has answered when the send returns; it says nothing of what it took. */
static int refusals(struct nft *nft, unsigned *failed)
{
	_Alignas(8) char buffer[NETLINK_REQUEST_SIZE];
	int first = 0;
	ssize_t len;

	while ((len = recv(mnl_socket_get_fd(nft->socket), buffer, sizeof(buffer), MSG_DONTWAIT)) >
	       0) {
		int left = (int)len;

		for (const struct nlmsghdr *h = (void *)buffer; mnl_nlmsg_ok(h, left);
		     h = mnl_nlmsg_next(h, &left)) {
			const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

			if (h->nlmsg_type != NLMSG_ERROR || e->error == 0 || first != 0)
				continue;
			first = -e->error;
			if (failed != NULL)
				*failed = h->nlmsg_seq;
		}
	}
	if (len < 0 && errno != EAGAIN && first == 0)
		first = errno;
	return first;
}

int nft_commit(struct nft *nft, struct batch *b, unsigned *failed)
{
	ssize_t sent;
	int error = 0;

	if (b->count > 0) {
		batch_edge(b, NFNL_MSG_BATCH_END);
		(void)refusals(nft, NULL); /* of an earlier request, if ever */
		sent = mnl_socket_sendto(nft->socket, b->data, b->len);
		error = sent < 0 ? errno : refusals(nft, failed);
	}
	b->len = 0;
	b->count = 0;
	return error;
}

static void key_add(struct element *e, const struct ip *a)
{
	memcpy(e->key + e->key_len, a->octets, ip_len(a));
	e->key_len += ip_len(a);
}

struct element element_of_pair(const struct ip_pair *pair)
{
	struct element e = { 0 };

	key_add(&e, &pair->source);
	key_add(&e, &pair->destination);
	return e;
}

struct element element_of_ranges(const struct ip_range *source, const struct ip_range *destination)
{
	struct element last = { 0 };
	struct element e = { 0 };

	key_add(&e, &source->first);
	key_add(&e, &destination->first);
	key_add(&last, &source->last);
	key_add(&last, &destination->last);
	memcpy(e.key_end, last.key, sizeof(e.key_end));
	e.is_range = true;
	return e;
}

/* Each field of a key begins at a multiple of four octets. */
static void box_add(uint8_t *key, size_t len, uint8_t protocol, uint16_t port)
{
	key[len] = protocol;
	key[len + 4] = (uint8_t)(port >> 8);
	key[len + 5] = (uint8_t)port;
}

struct element element_of_box(const struct ip_range *source, const struct ip_range *destination,
                              const struct box *box)
{
	struct element e = element_of_ranges(source, destination);

	box_add(e.key, e.key_len, box->first_protocol, box->first_port);
	box_add(e.key_end, e.key_len, box->last_protocol, box->last_port);
	e.key_len += 8;
	return e;
}

static void put_table_and_set(struct nlmsghdr *h, const char *set)
{
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, STEERING_TABLE);
	mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, set);
}

void batch_flush_set(struct batch *b, const char *set)
{
	struct nlmsghdr *h = batch_open(b, NFT_MSG_DELSETELEM, 0);

	put_table_and_set(h, set);
	batch_close(b, h);
}

struct elements elements_begin(struct batch *b, uint8_t message, const char *set)
{
	return (struct elements){ .batch = b, .message = message, .set = set };
}

void elements_end(struct elements *e)
{
	if (e->header == NULL)
		return;
	mnl_attr_nest_end(e->header, e->list);
	batch_close(e->batch, e->header);
	e->header = NULL;
}

static void put_key(struct nlmsghdr *h, uint16_t type, const uint8_t *key, size_t len)
{
	struct nlattr *nest = mnl_attr_nest_start(h, type);

	mnl_attr_put(h, NFTA_DATA_VALUE, len, key);
	mnl_attr_nest_end(h, nest);
}

static void put_goto(struct nlmsghdr *h, const char *chain)
{
	struct nlattr *data = mnl_attr_nest_start(h, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(h, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(h, NFTA_VERDICT_CODE, htonl((uint32_t)NFT_GOTO));
	mnl_attr_put_strz(h, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(h, verdict);
	mnl_attr_nest_end(h, data);
}

void element_put(struct elements *e, const struct element *element)
{
	struct nlattr *nest;

	if (e->header != NULL && e->header->nlmsg_len > ELEMENTS_MAX)
		elements_end(e);
	if (e->header == NULL) {
		e->header = batch_open(e->batch, e->message,
		                       e->message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
		put_table_and_set(e->header, e->set);
		e->list = mnl_attr_nest_start(e->header, NFTA_SET_ELEM_LIST_ELEMENTS);
	}
	nest = mnl_attr_nest_start(e->header, NFTA_LIST_ELEM);
	put_key(e->header, NFTA_SET_ELEM_KEY, element->key, element->key_len);
	if (element->is_range)
		put_key(e->header, NFTA_SET_ELEM_KEY_END, element->key_end, element->key_len);
	if (element->is_range_end)
		mnl_attr_put_u32(e->header, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	if (element->chain != NULL)
		put_goto(e->header, element->chain);
	if (element->nat.family != IP_NONE)
		put_key(e->header, NFTA_SET_ELEM_DATA, element->nat.octets, ip_len(&element->nat));
	mnl_attr_nest_end(e->header, nest);
}

static int dump(struct nft *nft, struct nlmsghdr *h, mnl_cb_t each, void *ctx)
{
	char *buffer = new_zeroed(RECEIVE_SIZE);
	int result = MNL_CB_OK;
	int error = 0;

	h->nlmsg_seq = ++nft->sequence;
	if (mnl_socket_sendto(nft->socket, h, h->nlmsg_len) < 0)
		result = MNL_CB_ERROR;
	while (result > MNL_CB_STOP) {
		ssize_t len = mnl_socket_recvfrom(nft->socket, buffer, RECEIVE_SIZE);

		result = len < 0
		             ? MNL_CB_ERROR
		             : mnl_cb_run(buffer, (size_t)len, h->nlmsg_seq, nft->port, each, ctx);
	}
	if (result == MNL_CB_ERROR)
		error = errno;
	free(buffer);
	return error;
}

int nft_dump(struct nft *nft, uint8_t message, const char *set, mnl_cb_t each, void *ctx)
{
	_Alignas(8) char request[NETLINK_REQUEST_SIZE];
	struct nlmsghdr *h =
	    put_header(request, (NFNL_SUBSYS_NFTABLES << 8) | message, NLM_F_DUMP, NFPROTO_INET, 0);

	if (set != NULL)
		put_table_and_set(h, set);
	else
		mnl_attr_put_strz(h, NFTA_RULE_TABLE, STEERING_TABLE);
	return dump(nft, h, each, ctx);
}

int nft_dump_any(struct nft *nft, uint8_t message, mnl_cb_t each, void *ctx)
{
	_Alignas(8) char request[NETLINK_REQUEST_SIZE];

	return dump(
	    nft,
	    put_header(request, (NFNL_SUBSYS_NFTABLES << 8) | message, NLM_F_DUMP, AF_UNSPEC, 0),
	    each, ctx);
}

static struct bytes value_of(const struct nlattr *nest)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == NFTA_DATA_VALUE)
			return BYTES(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
	}
	return BYTES(NULL, 0);
}

static uint64_t be64_of(const struct nlattr *attr)
{
	return mnl_attr_get_payload_len(attr) == 8 ? be64toh(mnl_attr_get_u64(attr)) : 0;
}

static void read_counter(const struct nlattr *data, struct element_report *report)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, data)
	{
		if (mnl_attr_get_type(attr) == NFTA_COUNTER_PACKETS)
			report->packets = be64_of(attr);
		if (mnl_attr_get_type(attr) == NFTA_COUNTER_BYTES)
			report->octets = be64_of(attr);
	}
}

static void read_expression(const struct nlattr *nest, struct element_report *report)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == NFTA_EXPR_DATA)
			read_counter(attr, report);
	}
}

static struct bytes chain_of(const struct nlattr *verdict)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, verdict)
	{
		if (mnl_attr_get_type(attr) == NFTA_VERDICT_CHAIN)
			return BYTES(mnl_attr_get_payload(attr), strlen(mnl_attr_get_str(attr)));
	}
	return BYTES(NULL, 0);
}

static struct bytes data_of(const struct nlattr *nest)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == NFTA_DATA_VERDICT)
			return chain_of(attr);
	}
	return value_of(nest);
}

static struct element_report read_element(const struct nlattr *nest)
{
	struct element_report report = { 0 };
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_SET_ELEM_KEY:
			report.key = value_of(attr);
			break;
		case NFTA_SET_ELEM_KEY_END:
			report.key_end = value_of(attr);
			break;
		case NFTA_SET_ELEM_DATA:
			report.data = data_of(attr);
			break;
		case NFTA_SET_ELEM_FLAGS:
			report.is_range_end =
			    (ntohl(mnl_attr_get_u32(attr)) & NFT_SET_ELEM_INTERVAL_END) != 0;
			break;
		case NFTA_SET_ELEM_TIMEOUT:
			report.timeout_ms = be64_of(attr);
			break;
		case NFTA_SET_ELEM_EXPIRATION:
			report.expires_ms = be64_of(attr);
			break;
		case NFTA_SET_ELEM_EXPR:
			read_expression(attr, &report);
			break;
		}
	}
	return report;
}

struct set_dump {
	void (*each)(void *ctx, const struct element_report *report);
	void *ctx;
};

static int on_elements(const struct nlmsghdr *h, void *ctx)
{
	const struct set_dump *dump = ctx;
	const struct nlattr *attr;
	const struct nlattr *nest;

	mnl_attr_for_each(attr, h, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(nest, attr)
		{
			struct element_report report = read_element(nest);

			dump->each(dump->ctx, &report);
		}
	}
	return MNL_CB_OK;
}

int nft_dump_set(struct nft *nft, const char *set,
                 void (*each)(void *ctx, const struct element_report *report), void *ctx)
{
	struct set_dump dump = { .each = each, .ctx = ctx };

	return nft_dump(nft, NFT_MSG_GETSETELEM, set, on_elements, &dump);
}

void batch_each_new(const struct batch *b,
                    void (*each)(void *ctx, const struct element_report *report), void *ctx)
{
	struct set_dump dump = { .each = each, .ctx = ctx };
	int left = (int)b->len;

	for (const struct nlmsghdr *h = (const void *)b->data; mnl_nlmsg_ok(h, left);
	     h = mnl_nlmsg_next(h, &left))
		if (h->nlmsg_type == ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWSETELEM))
			(void)on_elements(h, &dump);
}

struct counter_dump {
	const char *name;
	uint64_t packets;
};

static int on_object(const struct nlmsghdr *h, void *ctx)
{
	struct counter_dump *dump = ctx;
	struct element_report report = { 0 };
	const struct nlattr *attr;
	bool is_it = true;

	mnl_attr_for_each(attr, h, sizeof(struct nfgenmsg))
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_OBJ_TABLE:
			is_it &= strcmp(mnl_attr_get_str(attr), STEERING_TABLE) == 0;
			break;
		case NFTA_OBJ_NAME:
			is_it &= strcmp(mnl_attr_get_str(attr), dump->name) == 0;
			break;
		case NFTA_OBJ_DATA:
			read_counter(attr, &report);
			break;
		}
	}
	if (is_it)
		dump->packets = report.packets;
	return MNL_CB_OK;
}

uint64_t nft_counter(struct nft *nft, const char *name)
{
	struct counter_dump dump = { .name = name };

	return nft_dump(nft, NFT_MSG_GETOBJ, NULL, on_object, &dump) == 0 ? dump.packets : 0;
}
