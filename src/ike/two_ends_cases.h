#pragma once
/* What every test of two endpoints begins and ends with. */
#include "ike/two_ends.h"

static struct two_ends t;

static inline int set_up(void **state)
{
	two_ends_init(&t, KEY_ED25519);
	return 0;
}

static inline int tear_down(void **state)
{
	two_ends_wipe(&t);
	return 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
