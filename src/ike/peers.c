#include "ike/peers.h"

static uint64_t address_hash(const struct ike *ike, const struct ip *address)
{
	return hash_octets(&ike->by_address, address, sizeof(*address));
}

static bool is_name(const struct ike_id *id)
{
	return id->type == ID_FQDN || id->type == ID_RFC822_ADDR;
}

/* Names that id_equal() holds for one must hash to one: what may differ is left out. */
static uint64_t names_hash(const struct ike_sa *sa)
{
	const struct ike_id *ids[] = { &sa->local_id, &sa->peer_id };
	uint8_t key[2 * (1 + ID_DATA_MAX)];
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		key[len++] = ids[i]->type;
		if (ids[i]->type == ID_DER_ASN1_DN)
			continue; /* compared in another way than octet by octet */
		for (size_t j = 0; !is_name(ids[i]) && j < ids[i]->len; j++)
			key[len++] = ids[i]->data[j];
		for (size_t j = 0; is_name(ids[i]) && j < ids[i]->len; j++) {
			uint8_t c = ids[i]->data[j];

			if (c != '.')
				key[len++] = c >= 'A' && c <= 'Z' ? c | 0x20 : c;
		}
	}
	return hash_octets(&sa->ike->by_names, key, len);
}

void peers_add_address(struct ike_sa *sa)
{
	struct ike *ike = sa->ike;

	if (sa->has_address)
		return;
	sa->has_address = true;
	hash_add(&ike->by_address, &sa->address_node, address_hash(ike, &sa->path.remote.address));
}

void peers_add_names(struct ike_sa *sa)
{
	if (sa->has_names)
		return;
	sa->has_names = true;
	hash_add(&sa->ike->by_names, &sa->names_node, names_hash(sa));
}

static void remove_address(struct ike_sa *sa)
{
	if (sa->has_address)
		hash_remove(&sa->ike->by_address, &sa->address_node);
	sa->has_address = false;
}

void peers_remove(struct ike_sa *sa)
{
	remove_address(sa);
	if (sa->has_names)
		hash_remove(&sa->ike->by_names, &sa->names_node);
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

static struct ike_sa *at_or_after(struct hash_node *node, const struct ip *address)
{
	for (; node != NULL; node = hash_following(node)) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, address_node);

		if (ip_equal(&sa->path.remote.address, address))
			return sa;
	}
	return NULL;
}

struct ike_sa *peers_first_at(const struct ike *ike, const struct ip *address)
{
	return at_or_after(hash_first(&ike->by_address, address_hash(ike, address)), address);
}

struct ike_sa *peers_next_at(const struct ike_sa *sa)
{
	return at_or_after(hash_following(&sa->address_node), &sa->path.remote.address);
}

static struct ike_sa *named_or_after(struct hash_node *node, const struct ike_sa *like)
{
	for (; node != NULL; node = hash_following(node)) {
		struct ike_sa *sa = CONTAINER_OF(node, struct ike_sa, names_node);

		if (id_equal(&sa->peer_id, &like->peer_id) &&
		    id_equal(&sa->local_id, &like->local_id))
			return sa;
	}
	return NULL;
}

struct ike_sa *peers_first_named(const struct ike_sa *sa)
{
	return named_or_after(hash_first(&sa->ike->by_names, names_hash(sa)), sa);
}

struct ike_sa *peers_next_named(const struct ike_sa *sa)
{
	return named_or_after(hash_following(&sa->names_node), sa);
}
