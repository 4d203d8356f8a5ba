#pragma once
/*
 * A key encapsulation for tests, with the number and the lengths of ML-KEM-768, that anybody can
 * break: the crypto library need not have the real one.
 */
#include "crypto/kem.h"

const struct kem *kem_bed(void);
