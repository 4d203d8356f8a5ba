#include "util/test.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "engine/steering/nft.h"

/* Walks a batch as the kernel does; the number of elements in it. */
static size_t elements_in(const struct batch *b, size_t *messages)
{
	const struct nlmsghdr *h = (const void *)b->data;
	int left = (int)b->len;
	size_t count = 0;

	*messages = 0;
	for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
		const struct nlattr *attr;
		const struct nlattr *element;

		if (h->nlmsg_type == NFNL_MSG_BATCH_BEGIN)
			continue;
		++*messages;
		assert_int_equal(h->nlmsg_seq, *messages);
		mnl_attr_for_each(attr, h, sizeof(struct nfgenmsg))
		{
			if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
				continue;
			mnl_attr_for_each_nested(element, attr)
			{
				count++;
			}
		}
	}
	assert_int_equal(left, 0);
	return count;
}

static void splits_a_long_list_into_messages_that_hold_it_all(void **state)
{
	struct batch b = { 0 };
	struct elements e = elements_begin(&b, NFT_MSG_NEWSETELEM, "pass6");
	size_t messages;

	for (uint32_t i = 0; i < 10000; i++) {
		struct ip_pair pair = { { .family = IP_V6 }, { .family = IP_V6 } };
		struct element element;

		memcpy(pair.destination.octets, &i, sizeof(i));
		element = element_of_pair(&pair);
		assert_int_equal(element.key_len, 32);
		element_put(&e, &element);
	}
	elements_end(&e);
	assert_int_equal(elements_in(&b, &messages), 10000);
	assert_true(messages > 1);
	assert_int_equal(b.count, messages);
	batch_wipe(&b);
}

static void writes_nothing_for_an_empty_list(void **state)
{
	struct batch b = { 0 };
	struct elements e = elements_begin(&b, NFT_MSG_NEWSETELEM, "pass4");

	elements_end(&e);
	assert_int_equal(b.len, 0);
	batch_wipe(&b);
}

static void keys_are_the_addresses_one_after_the_other(void **state)
{
	struct ip_range source;
	struct ip_range destination;
	struct element e;

	assert_true(range_parse("10.1.0.0/16", &source));
	assert_true(range_parse("198.51.100.7-198.51.100.9", &destination));
	e = element_of_ranges(&source, &destination);
	assert_int_equal(e.key_len, 8);
	assert_true(e.is_range);
	assert_memory_equal(e.key, "\x0a\x01\0\0\xc6\x33\x64\x07", 8);
	assert_memory_equal(e.key_end, "\x0a\x01\xff\xff\xc6\x33\x64\x09", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_a_long_list_into_messages_that_hold_it_all),
		cmocka_unit_test(writes_nothing_for_an_empty_list),
		cmocka_unit_test(keys_are_the_addresses_one_after_the_other),
	};

	return cmocka_run_group_tests_name("nft", tests, NULL, NULL);
}
