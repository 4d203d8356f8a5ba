#include "cli/subjects.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "engine/steering/rtnl.h"

enum { RANGE_WHOLE = 2 };

static void add_subject(struct subjects *s, const struct ip *address, const char *name,
                        bool is_self)
{
	struct subject *subject = &s->list[s->count];

	for (size_t i = 0; i < s->count; i++) {
		if (ip_equal(&s->list[i].address, address) &&
		    (name[0] == '\0' || strcmp(s->list[i].name, name) == 0))
			return;
	}
	if (s->count == SUBJECTS_MAX) {
		s->is_cut = true;
		return;
	}
	subject->address = *address;
	subject->is_self = is_self;
	string_copy(subject->name, sizeof(subject->name),
	            address->family != IP_NONE ? reverse_name(address).s : name);
	s->count++;
}

static bool asks_dns(const struct conn_state *conn)
{
	return conn->is_opportunistic && conn->conn.auto_action != AUTO_IGNORE &&
	       conn->ours.auth == CONN_RSASIG;
}

static void add_self(struct subjects *s, const struct conns *conns)
{
	static const struct ip none = { .family = IP_NONE };

	for (size_t i = 0; i < conns->count; i++) {
		const struct conn_state *conn = &conns->list[i];

		if (!asks_dns(conn))
			continue;
		if (conn->ours.id.kind == CONF_ID_FQDN) {
			string_copy(s->fqdn, sizeof(s->fqdn), conn->ours.id.fqdn);
			add_subject(s, &none, s->fqdn, true);
			continue;
		}
		if (s->own->own4.family != IP_NONE)
			add_subject(s, &s->own->own4, "", true);
		if (s->own->own6.family != IP_NONE)
			add_subject(s, &s->own->own6, "", true);
	}
}

static bool is_inside(const struct conns *conns, const struct ip *address)
{
	for (size_t i = 0; i < conns->count; i++) {
		if (asks_dns(&conns->list[i]) && conns->list[i].ours.nat.family == IP_NONE &&
		    conn_end_contains(&conns->list[i].ours, address))
			return true;
	}
	return false;
}

struct neighbours {
	struct subjects *subjects;
	const struct conns *conns;
};

static int on_neighbour(const struct nlmsghdr *h, void *ctx)
{
	const struct ndmsg *head = mnl_nlmsg_get_payload(h);
	struct neighbours *n = ctx;
	const struct nlattr *attr;

	mnl_attr_for_each(attr, h, sizeof(*head))
	{
		struct bytes octets =
		    BYTES(mnl_attr_get_payload(attr), mnl_attr_get_payload_len(attr));
		struct ip address;

		if (mnl_attr_get_type(attr) != NDA_DST || (head->ndm_state & NUD_FAILED) != 0)
			continue;
		address = ip_from_octets(octets);
		if (address.family != IP_NONE && is_inside(n->conns, &address))
			add_subject(n->subjects, &address, "", false);
	}
	return MNL_CB_OK;
}

/* Those that this machine has seen on its links. */
static void add_neighbours(struct subjects *s, const struct conns *conns)
{
	struct neighbours n = { s, conns };
	uint8_t request[NETLINK_REQUEST_SIZE];
	struct nlmsghdr *h = mnl_nlmsg_put_header(request);
	struct rtnl rtnl;
	char error[256];

	if (!rtnl_open(&rtnl, error, sizeof(error)))
		return;
	h->nlmsg_type = RTM_GETNEIGH;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(h, sizeof(struct ndmsg));
	(void)rtnl_dump(&rtnl, h, on_neighbour, &n);
	rtnl_close(&rtnl);
}

/* All of a range of a few. */
static void add_range(struct subjects *s, const struct ip_range *range)
{
	struct ip all[RANGE_WHOLE];
	size_t count = 1;

	all[0] = range->first;
	while (!ip_equal(&all[count - 1], &range->last)) {
		if (count == RANGE_WHOLE || !ip_next(&all[count - 1], &all[count]))
			return;
		count++;
	}
	for (size_t i = 0; i < count; i++)
		add_subject(s, &all[i], "", false);
}

static void add_inside(struct subjects *s, const struct conns *conns)
{
	for (size_t i = 0; i < conns->count; i++) {
		const struct conn_state *conn = &conns->list[i];

		for (size_t j = 0; asks_dns(conn) && j < conn->ours.subnet_count; j++)
			add_range(s, &conn->ours.subnets[j]);
		if (asks_dns(conn) && conn->ours.nat.family != IP_NONE)
			add_subject(s, &conn->ours.nat, "", false);
	}
	add_neighbours(s, conns);
}

static bool has_inside(const struct conns *conns)
{
	for (size_t i = 0; i < conns->count; i++) {
		if (asks_dns(&conns->list[i]) && conns->list[i].ours.subnet_count > 0)
			return true;
	}
	return false;
}

void subjects_choose(struct subjects *s, const struct conf *conf, const struct own_addresses *own,
                     const struct ip *hosts, size_t host_count)
{
	struct conns conns;
	size_t self_count;

	*s = (struct subjects){ .own = own };
	conns_load(&conns, conf, NULL, own);
	add_self(s, &conns);
	self_count = s->count;
	for (size_t i = 0; i < host_count; i++)
		add_subject(s, &hosts[i], "", false);
	if (host_count == 0)
		add_inside(s, &conns);
	s->lacks_inside = s->count == self_count && has_inside(&conns);
	conns_wipe(&conns);
}
