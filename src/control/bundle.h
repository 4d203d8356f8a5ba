#pragma once
/*
 * Everything that was read to make a configuration, as one value.
 *
 * `ipsec` reads the files as its caller, through bundle_recorder(), which keeps what each question
 * (base, pattern) found. The daemon, which may not read them, asks the same questions of
 * bundle_player() and so parses exactly what the caller checked. In between the bundle is JSON.
 */
#include <jansson.h>

#include "config/conf.h"

struct bundle;

/* Of one bundle; the question that would go beyond is answered as unreadable. */
enum { BUNDLE_FILES_MAX = 4096, BUNDLE_OCTETS_MAX = 8 << 20 };

struct bundle *bundle_new(void);
/* Wipes the texts: they may be secrets. */
void bundle_free(struct bundle *bundle);

/*
 * Reads the real files. With `is_secret` a file that group or others may read or write is refused.
 * Answers live as long as the bundle.
 */
struct conf_reader bundle_recorder(struct bundle *bundle, bool is_secret);
/* Answers recorded questions, and no others. */
struct conf_reader bundle_player(const struct bundle *bundle);
/* The path of the first plain question: the file that names all others. NULL if there is none. */
const char *bundle_main(const struct bundle *bundle);
/* Why files were refused or unreadable, one line each, ready to print; "" if none was. */
const char *bundle_complaints(const struct bundle *bundle);

/* One plain file through either reader. `text` lives as long as the bundle. False: not there. */
MUST_USE bool bundle_read(const struct conf_reader *reader, const char *path, struct bytes *text);

json_t *bundle_to_json(const struct bundle *bundle);
/* NULL if it is not a bundle. */
struct bundle *bundle_from_json(const json_t *json);
