#pragma once
/* ipsec verify: one line a check. */
#include "cli/ask.h"

struct verify {
	json_t *checks;
	bool wants_json;
	bool has_failed;
};

/* "ok       CHECK: WHAT". */
void verify_ok(struct verify *v, const char *check, const char *format, ...) PRINTF_LIKE(3, 4);
/* With what to do about it. */
void verify_warn(struct verify *v, const char *check, const char *advice, const char *format, ...)
    PRINTF_LIKE(4, 5);
void verify_fail(struct verify *v, const char *check, const char *advice, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* What the DNS says of this gateway and of the hosts behind it, or of `hosts` alone. */
void verify_records(struct verify *v, const struct site *site, const struct ip *hosts,
                    size_t host_count);
/* Kernel, sysctls, filters, ports, clock. `site` NULL: the configuration cannot be read. */
void verify_machine(struct verify *v, const struct site *site, bool is_running);
