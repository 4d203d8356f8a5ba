#include "config/certificates.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/message.h"
#include "crypto/x509.h"

struct reading {
	struct conf *conf;
	char *base; /* directory of ipsec.conf */
	const struct conf_reader *reader;
	struct conf_messages *messages;
	const struct conn *conn; /* the one at hand */
};

/* Of a conn to ignore nothing is an error: it may be half written. */
static void complain(const struct reading *r, const char *subject, const char *what)
{
	struct place place = { r->conn->file, r->conn->line };

	if (r->conn->auto_action == AUTO_IGNORE)
		message_warning(r->messages, place, subject, "%s", what);
	else
		message_error(r->messages, place, subject, "%s", what);
}

static void take_text(void *ctx, const char *name, struct bytes text)
{
	*(struct bytes *)ctx = text;
}

/* The file's own certificate and those behind it. */
static bool read_chain(const struct reading *r, const char *side, struct conn_end *end)
{
	char subject[CONF_FILE_MAX + 16];
	char path[CONF_FILE_MAX + 16] = "";
	struct bytes text = { 0 };

	snprintf(subject, sizeof(subject), "%scert=%s", side, end->cert);
	if (strchr(end->cert, '/') == NULL)
		strcpy(path, "ipsec.d/certs/");
	strcat(path, end->cert);
	if (strpbrk(path, "*?[") != NULL ||
	    !r->reader->read(r->reader->ctx, r->base, path, take_text, &text)) {
		complain(r, subject, "this file cannot be read; put it into ipsec.d/certs");
		return false;
	}
	if (!x509_chain_read(text, &end->chain)) {
		complain(r, subject, "no certificate is in this file; write it in PEM or DER");
		return false;
	}
	return true;
}

/* leftid= as the certificate has it, or the certificate's subject. */
static void settle_id(struct conn_end *end, struct bytes subject)
{
	bool is_named =
	    end->id.kind == CONF_ID_DN && dn_equal(BYTES(end->id.octets, end->id.len), subject);

	if ((end->id.kind != CONF_ID_NONE && !is_named) || subject.len > CONF_ID_OCTETS_MAX)
		return;
	end->id = (struct conf_id){ .kind = CONF_ID_DN, .len = (uint8_t)subject.len };
	memcpy(end->id.octets, subject.data, subject.len);
}

/* The key of the certificate is the end's key: with it we sign, by it the peer is known. */
static void read_certificate(const struct reading *r, const char *side, struct conn_end *end,
                             struct buf *issuer)
{
	CLEANUP(buf_free) struct buf subject = { 0 };
	char name[16];
	struct pubkey key;

	snprintf(name, sizeof(name), "%scert=", side);
	if (end->cert[0] == '\0' || !read_chain(r, side, end))
		return;
	if (!x509_leaf(buf_view(&end->chain), &key, &subject, issuer)) {
		complain(r, name,
		         "its key is of no use here; make one with RSA (2048 to 8192 "
		         "bits), ECDSA or Ed25519");
		return;
	}
	if (end->has_key && !pubkey_equal(&end->key, &key)) {
		complain(r, name,
		         "the certificate is of another key than the one that is written "
		         "beside it");
		return;
	}
	end->has_key = true;
	end->key = key;
	settle_id(end, buf_view(&subject));
}

static void settle_ca(struct conn_end *end, struct bytes others_issuer)
{
	uint8_t der[512];
	size_t len;

	if (strcmp(end->ca, "%same") == 0)
		end->issuer = buf_copy(others_issuer);
	else if (end->ca[0] != '\0' && dn_parse(end->ca, der, sizeof(der), &len))
		end->issuer = buf_copy(BYTES(der, len));
}

/* A peer whose key is not written here shows a certificate if it is asked for one, or if we have
 * one and nothing sends us to the DNS. */
static bool takes_certificates(const struct conn_end *end, const struct conn_end *other)
{
	if (end->has_key || end->auth != CONN_RSASIG)
		return false;
	return end->wants_cert || end->ca[0] != '\0' || (other->cert[0] != '\0' && !end->wants_dns);
}

static bool is_configured_tunnel(const struct conn *conn)
{
	return conn->type == CONN_TUNNEL && conn->left.kind != END_OPPORTUNISTIC &&
	       conn->right.kind != END_OPPORTUNISTIC;
}

static bool read_conn(struct reading *r, struct conn *conn)
{
	CLEANUP(buf_free) struct buf left_issuer = { 0 };
	CLEANUP(buf_free) struct buf right_issuer = { 0 };

	r->conn = conn;
	read_certificate(r, "left", &conn->left, &left_issuer);
	read_certificate(r, "right", &conn->right, &right_issuer);
	settle_ca(&conn->left, buf_view(&right_issuer));
	settle_ca(&conn->right, buf_view(&left_issuer));
	conn->left.takes_cert = takes_certificates(&conn->left, &conn->right);
	conn->right.takes_cert = takes_certificates(&conn->right, &conn->left);
	return conn->left.takes_cert || conn->right.takes_cert;
}

/* CAs and CRLs: a broken one is told and left out; it must not keep the gateway down. */

static void warn(const struct reading *r, const char *name, const char *what)
{
	message_warning(r->messages, (struct place){ name, 1 }, NULL, "%s", what);
}

static void add_ca(void *ctx, const char *name, struct bytes text)
{
	const struct reading *r = ctx;

	if (x509_trust_add_cas(r->conf->trust, text) < 0)
		warn(r, name,
		     "left out: no certificate of a CA in PEM or DER, or there are too many");
}

static void add_crl(void *ctx, const char *name, struct bytes text)
{
	const struct reading *r = ctx;

	if (x509_trust_add_crls(r->conf->trust, text) < 0)
		warn(r, name, "left out: no CRL in PEM or DER, or there are too many");
}

static void read_trust(struct reading *r)
{
	const struct conf_reader *reader = r->reader;
	char name[] = "ipsec.d/cacerts";

	r->conf->trust = x509_trust_new(r->conf->setup.has_strict_crls);
	(void)!reader->read(reader->ctx, r->base, "ipsec.d/cacerts/*", add_ca, r);
	(void)!reader->read(reader->ctx, r->base, "ipsec.d/crls/*", add_crl, r);
	if (x509_trust_cas(r->conf->trust) == 0)
		warn(r, name, "there is no CA here, so no peer's certificate will be taken");
}

void certificates_read(struct conf *conf, const char *file, const struct conf_reader *reader,
                       struct conf_messages *messages)
{
	const char *slash = strrchr(file, '/');
	struct reading r = { .conf = conf, .reader = reader, .messages = messages };
	bool wants_trust = false;

	r.base = new_string(file);
	r.base[slash == NULL ? 0 : slash == file ? 1 : slash - file] = '\0';
	for (size_t i = 0; i < conf->conn_count; i++) {
		if (is_configured_tunnel(&conf->conns[i]))
			wants_trust |= read_conn(&r, &conf->conns[i]);
	}
	if (wants_trust)
		read_trust(&r);
	free(r.base);
}
