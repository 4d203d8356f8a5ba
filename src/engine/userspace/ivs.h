#pragma once
/*
 * Random blocks for the IVs of AES-CBC (RFC 3602 section 3), of the kernel's generator: drawn 256 at
 * a time, so that a packet costs no system call. One thread's; each block is given out once.
 */
#include "util/bytes.h"

enum { IVS_BLOCK = 16, IVS_BLOCKS = 256 };

/* Zeroed is empty. */
struct ivs {
	uint8_t blocks[IVS_BLOCKS][IVS_BLOCK];
	unsigned left;
};

/* Valid until the next one. NULL: the kernel gives none. */
const uint8_t *ivs_take(struct ivs *ivs);
