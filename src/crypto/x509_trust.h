#pragma once
/* Private to this folder: what x509_check.c needs of a struct x509_trust. */
#include <openssl/x509.h>

#include "crypto/x509.h"

X509_STORE *x509_trust_store(const struct x509_trust *trust);
bool x509_trust_wants_crls(const struct x509_trust *trust);
bool x509_trust_has_crls(const struct x509_trust *trust);
