#pragma once
/*
 * Values of parameters: addresses, subnets, identities, numbers, keys. On failure `why` gets what
 * is wrong and what to write, and the output is untouched.
 */
#include "config/conf.h"

MUST_USE bool value_ip(const char *value, struct ip *out, struct text *why);
/* A subnet (10.3.2.0/24, also with a dotted mask), a single address, or first-last. */
MUST_USE bool value_range(const char *value, struct ip_range *out, struct text *why);
/* An address, @fqdn, user@host or @#hex; with `allow_any` also %any (CONF_ID_NONE). */
MUST_USE bool value_id(const char *value, bool allow_any, struct conf_id *out, struct text *why);
/* Seconds, or a number with s, m, h or d behind it, that may have a decimal: 1.5h; at most `max`
 * seconds. */
MUST_USE bool value_seconds(const char *value, unsigned max, unsigned *out, struct text *why);
MUST_USE bool value_yes(const char *value, bool *out, struct text *why);
MUST_USE bool value_number(const char *value, unsigned max, unsigned *out, struct text *why);
/* A number, or one with k, M, G or T (thousands of each other) behind it. */
MUST_USE bool value_amount(const char *value, uint64_t *out, struct text *why);
/* Index of `value` in `words` (ends with NULL). */
MUST_USE bool value_word(const char *value, const char *const *words, unsigned *out,
                         struct text *why);
/* 0x hexadecimal or 0s base64 into `out`; the number of octets, or -1. */
ssize_t value_octets(const char *value, uint8_t *out, size_t size);
/* An RSA key as FreeS/WAN writes it: 0s or 0x and RFC 3110 octets. */
MUST_USE bool value_rsasigkey(const char *value, struct pubkey *out, struct text *why);
/* A SubjectPublicKeyInfo of any kind of key: 0s, 0x, or bare base64 as a PEM file has it. */
MUST_USE bool value_sigkey(const char *value, struct pubkey *out, struct text *why);
/* Cuts the next item off a list with commas and blanks between; false at its end. */
MUST_USE bool value_item(const char **list, char *item, size_t size);
