/*
 * ipsec newhostkey: makes a host key.
 *
 * The key goes into a PEM file of its own below ipsec.d/private, which every other program can read
 * and which is written once; ipsec.secrets only gets a line that names it. FreeS/WAN's inline form
 * is read, but a long secret in a file that people edit is easily damaged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "cli/files.h"
#include "cli/hostkey.h"
#include "crypto/prf.h"

struct wish {
	enum pubkey_type type;
	unsigned bits;
	bool is_next;
};

static bool nothing_is_left(struct cli *cli, int *status)
{
	if (*status == CLI_DONE && cli_rest(cli) != NULL)
		*status = cli_wrong_words(cli, "%s is not understood", cli_rest(cli));
	return *status == CLI_DONE;
}

/* The curves that IPSECKEY can publish (RFC 6605 section 4). */
static bool parse_curve(struct cli *cli, struct wish *w, const char *bits, int *status)
{
	w->type = PUBKEY_ECDSA_P256;
	if (bits != NULL && strcmp(bits, "384") == 0)
		w->type = PUBKEY_ECDSA_P384;
	else if (bits != NULL && strcmp(bits, "256") != 0)
		*status = cli_wrong_words(cli, "--bits of an ECDSA key is 256 or 384");
	return nothing_is_left(cli, status);
}

static bool parse_wish(struct cli *cli, struct wish *w, int *status)
{
	const char *type = cli_option_value(cli, "--type");
	const char *bits = cli_option_value(cli, "--bits");
	char *end = NULL;

	*w =
	    (struct wish){ .type = PUBKEY_RSA, .bits = 3072, .is_next = cli_option(cli, "--next") };
	if (type != NULL && strcmp(type, "ed25519") == 0)
		w->type = PUBKEY_ED25519;
	else if (type != NULL && strcmp(type, "ecdsa") == 0)
		return parse_curve(cli, w, bits, status);
	else if (type != NULL && strcmp(type, "rsa") != 0)
		*status = cli_wrong_words(cli, "--type is rsa, ed25519 or ecdsa");
	if (bits != NULL)
		w->bits = (unsigned)strtoul(bits, &end, 10);
	if (bits != NULL && (bits[0] == '\0' || *end != '\0' || w->bits < 2048 || w->bits > 8192 ||
	                     w->bits % 8 != 0))
		*status = cli_wrong_words(cli, "--bits is a multiple of 8 from 2048 to 8192");
	else if (bits != NULL && w->type == PUBKEY_ED25519)
		*status = cli_wrong_words(cli, "an Ed25519 key has one size; leave --bits out");
	return nothing_is_left(cli, status);
}

static const char *type_name(enum pubkey_type type)
{
	if (pubkey_is_ecdsa(type))
		return "ECDSA";
	return type == PUBKEY_RSA ? "RSA" : "Ed25519";
}

/* One key in use and one to come, of each type. */
static bool has_room(const struct wish *w, const struct hostkey *keys, size_t count, int *status)
{
	bool has_current = false;
	bool has_next = false;

	for (size_t i = 0; i < count; i++) {
		has_current =
		    has_current || (hostkey_is_of_type(&keys[i].key, w->type) && !keys[i].is_next);
		has_next =
		    has_next || (hostkey_is_of_type(&keys[i].key, w->type) && keys[i].is_next);
	}
	if (w->is_next && has_next)
		*status =
		    cli_fail("there is a next %s key already; take it into use first, or take "
		             "its line out of ipsec.secrets",
		             type_name(w->type));
	else if (w->is_next && !has_current)
		*status = cli_fail("there is no %s key that a next one could follow; leave --next "
		                   "out",
		                   type_name(w->type));
	else if (!w->is_next && has_current)
		*status = cli_fail("there is an %s key already; --next makes its successor, to be "
		                   "published now and used later",
		                   type_name(w->type));
	return *status == CLI_DONE;
}

static EVP_PKEY *generate(const struct wish *w)
{
	/* The public exponent is 65537. */
	if (w->type == PUBKEY_RSA)
		return EVP_RSA_gen(w->bits);
	if (pubkey_is_ecdsa(w->type))
		return EVP_EC_gen(w->type == PUBKEY_ECDSA_P256 ? "P-256" : "P-384");
	return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/* The key as PEM text; the caller frees. */
static struct secret to_pem(EVP_PKEY *pkey)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	struct secret pem = { 0 };
	char *text;
	long len;

	if (bio != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1) {
		len = BIO_get_mem_data(bio, &text);
		pem = secret_copy(BYTES(text, (size_t)len));
	}
	BIO_free(bio);
	return pem;
}

/* "rsa-1f3a90c2.pem", by the digest of the public key: no two keys ever share a name. */
static bool name_key(const struct pubkey *key, char *out, size_t size)
{
	uint8_t digest[SHA2_256_LEN];
	struct bytes octets = pubkey_octets(key);
	char hex[9];

	if (!sha2_256(&octets, 1, digest))
		return false;
	hex_write(BYTES(digest, 4), hex);
	snprintf(out, size, "%s-%s.pem", hostkey_type_word(key->type), hex);
	return true;
}

static bool make_directory(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static bool write_key_file(const struct cli *cli, const char *name, struct bytes pem)
{
	char path[4096];
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/ipsec.d", cli->confs);
	ok = make_directory(path);
	snprintf(path, sizeof(path), "%s/ipsec.d/private", cli->confs);
	ok = ok && make_directory(path);
	snprintf(path, sizeof(path), "%s/ipsec.d/private/%s", cli->confs, name);
	fd = ok ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
	if (fd < 0) {
		cli_fail("%s: %s", path, strerror(errno));
		return false;
	}
	ok = files_write_all(fd, pem);
	if (!ok) {
		cli_fail("%s: %s", path, strerror(errno));
		unlink(path);
	}
	close(fd);
	return ok;
}

static bool ends_in_newline(int fd)
{
	char last = '\n';
	off_t end = lseek(fd, 0, SEEK_END);

	return end <= 0 || (pread(fd, &last, 1, end - 1) == 1 && last == '\n');
}

static const char *secrets_word(enum pubkey_type type)
{
	if (pubkey_is_ecdsa(type))
		return "ECDSA";
	return type == PUBKEY_RSA ? "RSA" : "ED25519";
}

static enum secret_kind secrets_kind(enum pubkey_type type)
{
	if (pubkey_is_ecdsa(type))
		return SECRET_ECDSA_FILE;
	return type == PUBKEY_RSA ? SECRET_RSA_FILE : SECRET_ED25519_FILE;
}

static bool append_entry(const struct cli *cli, const struct wish *w, const char *name)
{
	char path[4096];
	struct text line = { 0 };
	bool ok;
	int fd;

	snprintf(path, sizeof(path), "%s/ipsec.secrets", cli->confs);
	fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0) {
		cli_fail("%s: %s", path, strerror(errno));
		return false;
	}
	text_add(&line, "%s: %s%s %s\n", ends_in_newline(fd) ? "" : "\n", secrets_word(w->type),
	         w->is_next ? "-NEXT" : "", name);
	ok = files_write_all(fd, BYTES(line.s, line.len));
	if (!ok)
		cli_fail("%s: %s", path, strerror(errno));
	text_free(&line);
	close(fd);
	return ok;
}

static int keep(const struct cli *cli, const struct wish *w, EVP_PKEY *pkey)
{
	CLEANUP(secret_free) struct secret pem = to_pem(pkey);
	struct secret_entry entry = { .kind = secrets_kind(w->type), .pem = pem };
	struct hostkey made;
	char error[512];
	char name[64];

	if (pem.len == 0 || !hostkey_of_entry(&entry, &made, error, sizeof(error)) ||
	    !name_key(&made.key, name, sizeof(name)))
		return cli_fail("the crypto library made no usable key");
	if (!write_key_file(cli, name, secret_view(&pem)) || !append_entry(cli, w, name))
		return CLI_FAILED;
	printf("%s in %s/ipsec.d/private/%s; ipsec showhostkey prints it for DNS\n",
	       pubkey_text(&made.key).s, cli->confs, name);
	return CLI_DONE;
}

static int make(const struct cli *cli, const struct wish *w)
{
	struct hostkey keys[HOSTKEYS_MAX];
	struct files files = { 0 };
	char error[512];
	size_t count;
	int status = CLI_DONE;
	EVP_PKEY *pkey;

	if (!files_read_secrets(cli, false, &files))
		return CLI_FAILED;
	if (!hostkeys_of_secrets(&files.secrets, keys, &count, error, sizeof(error)))
		status = cli_fail("%s", error);
	files_wipe(&files);
	if (status != CLI_DONE || !has_room(w, keys, count, &status))
		return status;
	pkey = generate(w);
	if (pkey == NULL)
		return cli_fail("the crypto library made no key");
	status = keep(cli, w, pkey);
	EVP_PKEY_free(pkey);
	return status;
}

int newhostkey_command(struct cli *cli)
{
	struct wish wish;
	int status = CLI_DONE;
	int lock;

	if (!parse_wish(cli, &wish, &status))
		return status;
	umask(077);
	lock = files_lock(cli);
	if (lock < 0)
		return cli_fail("%s: %s", cli->confs, strerror(errno));
	status = make(cli, &wish);
	close(lock);
	return status;
}
