#include "ike/peers.h"

/* Keyed with the seed of a table that is there anyway. */
static size_t bucket(const struct ike *ike, const void *key, size_t len)
{
	return hash_octets(&ike->by_spi, key, len) % IKE_PEER_BUCKETS;
}

static size_t address_bucket(const struct ike *ike, const struct ip *address)
{
	return bucket(ike, address, sizeof(*address));
}

static bool is_name(const struct ike_id *id)
{
	return id->type == ID_FQDN || id->type == ID_RFC822_ADDR;
}

/* Names that id_equal() holds for one must hash to one: what may differ is left out. */
static size_t names_bucket(const struct ike_sa *sa)
{
	const struct ike_id ids[] = { id_kept(&sa->local_id), id_kept(&sa->peer_id) };
	uint8_t key[2 * (1 + ID_DATA_MAX)];
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		key[len++] = ids[i].type;
		if (ids[i].type == ID_DER_ASN1_DN)
			continue; /* compared in another way than octet by octet */
		for (size_t j = 0; !is_name(&ids[i]) && j < ids[i].len; j++)
			key[len++] = ids[i].data[j];
		for (size_t j = 0; is_name(&ids[i]) && j < ids[i].len; j++) {
			uint8_t c = ids[i].data[j];

			if (c != '.')
				key[len++] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
		}
	}
	return bucket(sa->ike, key, len);
}

void peers_add_address(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;

	if (sa->has_address)
		return;
	sa->has_address = true;
	LIST_INSERT_HEAD(&ike->by_address[address_bucket(ike, &sa->path.remote.address)], sa,
	                 at_address);
}

void peers_add_names(struct ike_sa *sa)
{
	if (sa->has_names)
		return;
	sa->has_names = true;
	LIST_INSERT_HEAD(&sa->ike->by_names[names_bucket(sa)], sa, with_names);
}

static void remove_address(struct ike_sa *sa)
{
	if (sa->has_address)
		LIST_REMOVE(sa, at_address);
	sa->has_address = false;
}

void peers_remove(struct ike_sa *sa)
{
	remove_address(sa);
	if (sa->has_names)
		LIST_REMOVE(sa, with_names);
	sa->has_names = false;
}

void peers_move(struct ike_sa *sa, const struct endpoint *remote)
{
	bool had = sa->has_address;

	remove_address(sa);
	sa->path.remote = *remote;
	if (had)
		peers_add_address(sa);
}

static struct ike_sa *at_or_after(struct ike_sa *sa, const struct ip *address)
{
	while (sa != NULL && !ip_equal(&sa->path.remote.address, address))
		sa = LIST_NEXT(sa, at_address);
	return sa;
}

struct ike_sa *peers_first_at(const struct ike *ike, const struct ip *address)
{
	return at_or_after(LIST_FIRST(&ike->by_address[address_bucket(ike, address)]), address);
}

struct ike_sa *peers_next_at(const struct ike_sa *sa)
{
	return at_or_after(LIST_NEXT(sa, at_address), &sa->path.remote.address);
}

static bool is_same_id(const struct buf *a, const struct buf *b)
{
	struct ike_id kept_a = id_kept(a);
	struct ike_id kept_b = id_kept(b);

	return id_equal(&kept_a, &kept_b);
}

static struct ike_sa *named_or_after(struct ike_sa *sa, const struct ike_sa *like)
{
	while (sa != NULL && (!is_same_id(&sa->peer_id, &like->peer_id) ||
	                      !is_same_id(&sa->local_id, &like->local_id)))
		sa = LIST_NEXT(sa, with_names);
	return sa;
}

struct ike_sa *peers_first_named(const struct ike_sa *sa)
{
	return named_or_after(LIST_FIRST(&sa->ike->by_names[names_bucket(sa)]), sa);
}

struct ike_sa *peers_next_named(const struct ike_sa *sa)
{
	return named_or_after(LIST_NEXT(sa, with_names), sa);
}
