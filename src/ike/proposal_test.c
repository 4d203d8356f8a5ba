#include "util/test.h"
#include "ike/proposal.h"
#include "util/vectors.h"

/* SA-1, SA-2, SA-3, SA-7, PLD-10 */
static void refuses_lists_that_do_not_add_up(void **state)
{
	static const struct {
		const char *hex;
		bool ok;
	} cases[] = {
		{ "00000010 01030001 00000008 01000014", true },
		{ "00000010 02030001 00000008 01000014", true }, /* an answer keeps its number */
		{ "00000010 00030001 00000008 01000014", false },
		{ "02000010 01030001 00000008 01000014", false }, /* more announced */
		{ "02000010 01030001 00000008 01000014 00000010 02030001 00000008 01000014", true },
		{ "02000010 01030001 00000008 01000014 00000010 03030001 00000008 01000014",
		  false },
		{ "02000010 02030001 00000008 01000014 00000010 03030001 00000008 01000014",
		  false },
		{ "01000010 01030001 00000008 01000014", false },
		{ "0000000f 01030001 00000008 01000014", false },
		{ "00000011 01030001 00000008 01000014", false },
		{ "00000010 01030002 00000008 01000014", false },
		{ "00000010 01030001 03000008 01000014", false },
		{ "00000010 01030001 00000007 01000014", false },
		{ "00000010 01030001 00000009 01000014", false },
		{ "00000014 01030001 0000000c 01000014 800e0100", true },
		{ "00000012 01030001 0000000a 01000014 800e", false },
		{ "00000016 01030001 0000000e 01000014 000e0002 0100", true }, /* long form */
		{ "00000014 01030001 0000000c 01000014 000e0001", false },
		{ "00000008 01030000", true }, /* no transforms: parses, never chosen */
		{ "00000007 010300", false },
		{ "00000011 01030900 010203040506070809", false }, /* SPI too long */
		{ "00000010 01030001 00000008 01000014 00", false },
		{ "", false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEANUP(buf_free) struct buf octets = vector_octets_of(cases[i].hex);
		struct proposal_list list;

		if (proposals_parse(buf_view(&octets), &list) != cases[i].ok)
			fail_msg("%s", cases[i].hex);
	}
}

/* PLD-10 */
static void takes_sixteen_proposals_of_sixty_four_transforms(void **state)
{
	static uint8_t octets[20 * 70 * 8];

	for (size_t count = 16; count <= 17; count++) {
		for (size_t transforms = 64; transforms <= 65; transforms++) {
			struct writer w = writer_on(octets, sizeof(octets));
			struct proposal_list list;

			for (size_t i = 1; i <= count; i++) {
				write_be16(&w, i < count ? 0x0200 : 0);
				write_be16(&w, (uint16_t)(8 + 8 * transforms));
				write_be32(&w, (uint32_t)(i << 24 | 3 << 16 | transforms));
				for (size_t j = 1; j <= transforms; j++) {
					write_be32(&w, j < transforms ? 0x03000008 : 8);
					write_be32(&w, 0x01000014);
				}
			}
			assert_int_equal(proposals_parse(writer_view(&w), &list),
			                 count == 16 && transforms == 64);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_lists_that_do_not_add_up),
		cmocka_unit_test(takes_sixteen_proposals_of_sixty_four_transforms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
