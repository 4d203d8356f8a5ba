#include "config/suites.h"

#include <assert.h>

#include "config/message.h"
#include "config/value.h"
#include "crypto/kex.h"
#include "crypto/prf.h"

enum { SUITE_TEXT_MAX = 256 }; /* one proposal */
/* RFC 7296 section 3.3.2 */
enum { ENCR = 1, PRF = 2, INTEG = 3, KE = 4, SN = 5 };
enum { AES_CBC = 12, AES_GCM_16 = 20, CHACHA20_POLY1305 = 28 };
enum { HMAC_SHA2_256_128 = 12, HMAC_SHA2_384_192 = 13, HMAC_SHA2_512_256 = 14 };

enum word_kind {
	WORD_CBC,  /* a cipher that wants a hash beside it */
	WORD_AEAD, /* one that has integrity of its own */
	WORD_HASH,
	WORD_PRF,
	WORD_KEX,
	WORD_SN,
	WORD_NEVER, /* known, and not in this program; the last */
};

static const struct word {
	const char *text;
	enum word_kind kind;
	uint16_t id;       /* of a hash that of its MAC */
	uint16_t key_bits; /* of a hash its PRF */
} words[] = {
	{ "aes256gcm16", WORD_AEAD, AES_GCM_16, 256 },
	{ "aes128gcm16", WORD_AEAD, AES_GCM_16, 128 },
	{ "chacha20poly1305", WORD_AEAD, CHACHA20_POLY1305, 0 },
	{ "aes256", WORD_CBC, AES_CBC, 256 },
	{ "aes128", WORD_CBC, AES_CBC, 128 },
	{ "sha256", WORD_HASH, HMAC_SHA2_256_128, PRF_HMAC_SHA2_256 },
	{ "sha384", WORD_HASH, HMAC_SHA2_384_192, PRF_HMAC_SHA2_384 },
	{ "sha512", WORD_HASH, HMAC_SHA2_512_256, PRF_HMAC_SHA2_512 },
	{ "prfsha256", WORD_PRF, PRF_HMAC_SHA2_256, 0 },
	{ "prfsha384", WORD_PRF, PRF_HMAC_SHA2_384, 0 },
	{ "prfsha512", WORD_PRF, PRF_HMAC_SHA2_512, 0 },
	{ "x25519", WORD_KEX, KEX_X25519, 0 },
	{ "ecp256", WORD_KEX, KEX_P256, 0 },
	{ "ecp384", WORD_KEX, KEX_P384, 0 },
	{ "modp2048", WORD_KEX, KEX_MODP_2048, 0 },
	{ "modp3072", WORD_KEX, KEX_MODP_3072, 0 },
	{ "modp4096", WORD_KEX, KEX_MODP_4096, 0 },
	{ "esn", WORD_SN, 1, 0 },
	{ "noesn", WORD_SN, 0, 0 },
	/* What RFC 8247, RFC 8221 and RFC 9395 have done with (ALG-1). */
	{ "3des", WORD_NEVER, 0, 0 },
	{ "des", WORD_NEVER, 0, 0 },
	{ "blowfish", WORD_NEVER, 0, 0 },
	{ "cast128", WORD_NEVER, 0, 0 },
	{ "null", WORD_NEVER, 0, 0 },
	{ "md5", WORD_NEVER, 0, 0 },
	{ "sha1", WORD_NEVER, 0, 0 },
	{ "sha", WORD_NEVER, 0, 0 },
	{ "prfmd5", WORD_NEVER, 0, 0 },
	{ "prfsha1", WORD_NEVER, 0, 0 },
	{ "modp768", WORD_NEVER, 0, 0 },
	{ "modp1024", WORD_NEVER, 0, 0 },
	{ "modp1536", WORD_NEVER, 0, 0 },
	{ "dh1", WORD_NEVER, 0, 0 },
	{ "dh2", WORD_NEVER, 0, 0 },
	{ "dh5", WORD_NEVER, 0, 0 },
	{ "dh22", WORD_NEVER, 0, 0 },
	{ "dh23", WORD_NEVER, 0, 0 },
	{ "dh24", WORD_NEVER, 0, 0 },
};

/* Other names of the same; the ones above are those to recommend. */
static const struct {
	const char *text, *word;
} aliases[] = {
	{ "aes256gcm", "aes256gcm16" },
	{ "aes256gcm128", "aes256gcm16" },
	{ "aes_gcm256", "aes256gcm16" },
	{ "aes_gcm_256", "aes256gcm16" },
	{ "aes_gcm_16_256", "aes256gcm16" },
	{ "aes_gcm_c_256", "aes256gcm16" },
	{ "aes128gcm", "aes128gcm16" },
	{ "aes128gcm128", "aes128gcm16" },
	{ "aes_gcm128", "aes128gcm16" },
	{ "aes_gcm_128", "aes128gcm16" },
	{ "aes_gcm_16_128", "aes128gcm16" },
	{ "aes_gcm_c_128", "aes128gcm16" },
	{ "chacha20_poly1305", "chacha20poly1305" },
	{ "aes_cbc256", "aes256" },
	{ "aes_cbc_256", "aes256" },
	{ "aes_cbc128", "aes128" },
	{ "aes_cbc_128", "aes128" },
	{ "aes", "aes128" },
	{ "sha2", "sha256" },
	{ "sha2_256", "sha256" },
	{ "sha2_384", "sha384" },
	{ "sha2_512", "sha512" },
	{ "curve25519", "x25519" },
	{ "dh31", "x25519" },
	{ "dh19", "ecp256" },
	{ "dh20", "ecp384" },
	{ "dh14", "modp2048" },
	{ "dh15", "modp3072" },
	{ "dh16", "modp4096" },
};

/* One proposal while its words are read. */
struct reading {
	enum suites_use use;
	struct suite_words of[WORD_NEVER]; /* the words of each kind, in their order */
	struct suite_words hash_prfs;      /* what the hashes are as PRFs */
	struct text *why;
};

static const struct word *find_word(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (strcmp(aliases[i].text, text) == 0)
			text = aliases[i].word;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].text, text) == 0)
			return &words[i];
	}
	return NULL;
}

static bool refuse_unknown(struct text *why, const char *text)
{
	const char *known[ARRAY_LEN(words) + ARRAY_LEN(aliases) + 1] = { NULL };
	const char *near;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].kind != WORD_NEVER)
			known[count++] = words[i].text;
	}
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		known[count++] = aliases[i].text;
	near = word_meant(text, known);
	if (near != NULL)
		text_add(why, "no algorithm \"%s\"; write %s", text, near);
	else
		text_add(why,
		         "no algorithm \"%s\"; write one as in "
		         "aes256gcm16-sha256-x25519,aes256-sha256-modp2048",
		         text);
	return false;
}

/* Saying it twice is saying it. */
static void add(struct suite_words *out, uint8_t type, uint16_t id, uint16_t key_bits)
{
	for (size_t i = 0; i < out->count; i++) {
		if (out->transforms[i].type == type && out->transforms[i].id == id &&
		    out->transforms[i].key_bits == key_bits)
			return;
	}
	assert(out->count < SUITE_TRANSFORMS_MAX); /* there are not as many different ones */
	out->transforms[out->count++] = (struct suite_transform){ type, id, key_bits };
}

static void add_all(struct suite_words *out, const struct suite_words *from)
{
	for (size_t i = 0; i < from->count; i++)
		add(out, from->transforms[i].type, from->transforms[i].id,
		    from->transforms[i].key_bits);
}

static bool read_word(struct reading *r, const char *text)
{
	const struct word *word = find_word(text);

	if (word == NULL)
		return refuse_unknown(r->why, text);
	switch (word->kind) {
	case WORD_CBC:
	case WORD_AEAD:
		add(&r->of[word->kind], ENCR, word->id, word->key_bits);
		return true;
	case WORD_HASH:
		add(&r->of[WORD_HASH], INTEG, word->id, 0);
		add(&r->hash_prfs, PRF, word->key_bits, 0);
		return true;
	case WORD_PRF:
		add(&r->of[WORD_PRF], PRF, word->id, 0);
		return true;
	case WORD_KEX:
		add(&r->of[WORD_KEX], KE, word->id, 0);
		return true;
	case WORD_SN:
		add(&r->of[WORD_SN], SN, word->id, 0);
		return true;
	case WORD_NEVER:
		break;
	}
	text_add(r->why, "%s is broken or too weak, and not in this program", text);
	return false;
}

/* What is wrong between the words of a proposal; NULL if nothing is. */
static const char *fault(const struct reading *r)
{
	bool has_aead = r->of[WORD_AEAD].count > 0, has_cbc = r->of[WORD_CBC].count > 0;
	bool has_hash = r->of[WORD_HASH].count > 0;

	if (!has_aead && !has_cbc)
		return "a proposal without a cipher; write one, such as aes256gcm16";
	if (has_aead && has_cbc)
		return "ciphers with and without integrity of their own; write them as two "
		       "proposals with a comma between";
	if (has_cbc && !has_hash)
		return "a cipher without integrity of its own; write a hash behind it, such as "
		       "aes256-sha256";
	if (has_aead && has_hash && r->use == SUITES_ESP)
		return "a hash beside a cipher with integrity of its own; leave the hash out";
	if (r->of[WORD_PRF].count > 0 && r->use == SUITES_ESP)
		return "a PRF is for ike=; leave it out";
	if (r->of[WORD_SN].count > 0 && r->use == SUITES_IKE)
		return "esn and noesn are for esp=; leave them out";
	return NULL;
}

static void complete_ike(const struct reading *r, struct suite_words *out)
{
	if (r->of[WORD_PRF].count > 0) {
		add_all(out, &r->of[WORD_PRF]);
	} else if (r->hash_prfs.count > 0) {
		add_all(out, &r->hash_prfs);
	} else {
		add(out, PRF, PRF_HMAC_SHA2_256, 0);
		add(out, PRF, PRF_HMAC_SHA2_512, 0);
		add(out, PRF, PRF_HMAC_SHA2_384, 0);
	}
	add_all(out, &r->of[WORD_KEX]);
	if (r->of[WORD_KEX].count > 0)
		return;
	add(out, KE, KEX_X25519, 0);
	add(out, KE, KEX_P256, 0);
	add(out, KE, KEX_MODP_2048, 0);
}

static void complete_esp(const struct reading *r, struct suite_words *out)
{
	add_all(out, &r->of[WORD_KEX]);
	add_all(out, &r->of[WORD_SN]);
	if (r->of[WORD_SN].count > 0)
		return;
	add(out, SN, 1, 0);
	add(out, SN, 0, 0);
}

static void complete(const struct reading *r, struct suite_words *out)
{
	out->count = 0;
	add_all(out, &r->of[WORD_AEAD]);
	add_all(out, &r->of[WORD_CBC]);
	if (r->of[WORD_CBC].count > 0)
		add_all(out, &r->of[WORD_HASH]);
	if (r->use == SUITES_IKE)
		complete_ike(r, out);
	else
		complete_esp(r, out);
}

/* `item`: one proposal; its separators are overwritten. */
static bool read_proposal(char *item, enum suites_use use, struct suite_words *out,
                          struct text *why)
{
	struct reading r = { .use = use, .why = why };
	const char *wrong;
	char *save = NULL;

	for (char *word = strtok_r(item, "-;+", &save); word != NULL;
	     word = strtok_r(NULL, "-;+", &save)) {
		if (!read_word(&r, word))
			return false;
	}
	wrong = fault(&r);
	if (wrong != NULL) {
		text_add(why, "%s", wrong);
		return false;
	}
	complete(&r, out);
	return true;
}

bool suites_parse(const char *value, enum suites_use use, struct suites *out, struct text *why)
{
	struct suites suites = { 0 };
	char item[SUITE_TEXT_MAX];

	while (value_item(&value, item, sizeof(item))) {
		if (suites.count == SUITES_MAX) {
			text_add(why, "too many proposals; write %d at most", SUITES_MAX);
			return false;
		}
		if (!read_proposal(item, use, &suites.list[suites.count++], why))
			return false;
	}
	if (suites.count == 0) {
		text_add(why, "nothing in it; write one as in aes256gcm16-sha256-x25519");
		return false;
	}
	*out = suites;
	return true;
}
