#include "util/test.h"
#include "util/hash.h"

static const uint64_t seed[2] = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };

struct item {
	struct hash_node node;
	uint32_t key;
};

static struct item *item_find(const struct hash *h, uint32_t key)
{
	struct hash_node *n = hash_first(h, hash_octets(h, &key, sizeof(key)));

	for (; n != NULL; n = hash_following(n)) {
		struct item *item = CONTAINER_OF(n, struct item, node);

		if (item->key == key)
			return item;
	}
	return NULL;
}

static void finds_what_was_added_while_the_table_grows(void **state)
{
	static struct item items[5000];
	struct hash h;

	hash_init(&h, seed);
	for (uint32_t i = 0; i < ARRAY_LEN(items); i++) {
		items[i].key = i;
		hash_add(&h, &items[i].node, hash_octets(&h, &i, sizeof(i)));
	}
	assert_int_equal(h.count, ARRAY_LEN(items));
	for (uint32_t i = 0; i < ARRAY_LEN(items); i += 2)
		hash_remove(&h, &items[i].node);
	for (uint32_t i = 0; i < ARRAY_LEN(items) + 10; i++)
		assert_ptr_equal(item_find(&h, i),
		                 i < ARRAY_LEN(items) && i % 2 == 1 ? &items[i] : NULL);
	hash_wipe(&h);
}

static void walks_every_node_once_even_when_it_is_removed(void **state)
{
	static struct item items[300];
	struct hash_node *next;
	unsigned seen = 0;
	struct hash h;

	hash_init(&h, seed);
	for (uint32_t i = 0; i < ARRAY_LEN(items); i++) {
		items[i].key = 0;
		hash_add(&h, &items[i].node, hash_octets(&h, &i, sizeof(i)));
	}
	for (struct hash_node *n = hash_walk(&h, NULL); n != NULL; n = next) {
		next = hash_walk(&h, n);
		CONTAINER_OF(n, struct item, node)->key++;
		hash_remove(&h, n);
		seen++;
	}
	assert_int_equal(seen, ARRAY_LEN(items));
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		assert_int_equal(items[i].key, 1);
	assert_int_equal(h.count, 0);
	assert_null(hash_walk(&h, NULL));
	hash_wipe(&h);
}

static void nodes_with_one_hash_are_all_found(void **state)
{
	struct item items[3] = { { .key = 1 }, { .key = 2 }, { .key = 3 } };
	struct item other = { .key = 4 };
	unsigned keys = 0;
	struct hash h;

	hash_init(&h, seed);
	hash_add(&h, &other.node, 42 + 16); /* the same bucket, another hash */
	for (size_t i = 0; i < ARRAY_LEN(items); i++)
		hash_add(&h, &items[i].node, 42);
	for (struct hash_node *n = hash_first(&h, 42); n != NULL; n = hash_following(n))
		keys += CONTAINER_OF(n, struct item, node)->key;
	assert_int_equal(keys, 6);
	assert_null(hash_first(&h, 43));
	hash_wipe(&h);
}

/* The seed decides, every octet counts, and so does the length. */
static void hashes_depend_on_seed_octets_and_length(void **state)
{
	static const uint64_t other_seed[2] = { 1, 2 };
	uint8_t key[40] = { 0 };
	uint64_t seen[ARRAY_LEN(key) * 2 + 1];
	size_t count = 0;
	struct hash a;
	struct hash b;

	hash_init(&a, seed);
	hash_init(&b, other_seed);
	assert_true(hash_octets(&a, key, 8) == hash_octets(&a, key, 8));
	assert_true(hash_octets(&a, key, 8) != hash_octets(&b, key, 8));
	for (size_t len = 0; len <= sizeof(key); len++)
		seen[count++] = hash_octets(&a, key, len);
	for (size_t i = 0; i < sizeof(key); i++) {
		key[i] = 1;
		seen[count++] = hash_octets(&a, key, sizeof(key));
		key[i] = 0;
	}
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < i; j++)
			assert_true(seen[i] != seen[j]);
	}
	hash_wipe(&a);
	hash_wipe(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_was_added_while_the_table_grows),
		cmocka_unit_test(walks_every_node_once_even_when_it_is_removed),
		cmocka_unit_test(nodes_with_one_hash_are_all_found),
		cmocka_unit_test(hashes_depend_on_seed_octets_and_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
