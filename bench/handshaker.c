/*
 * handshaker: many Initiators in one process, each with an address of its own, for one gateway.
 *
 *      handshaker GATEWAY FIRST-ADDRESS ADDRESSES COUNT AT-ONCE SUBNET OWN.pem GATEWAY.pem
 *      handshaker ... GATEWAY.pem SECONDS
 *      handshaker limit COUNT OWN.pem GATEWAY.pem
 *
 * Makes COUNT IKE SAs with a CHILD SA each and keeps them, AT-ONCE of them at a time, known by a
 * signature to each other; both files hold private keys. Prints one line of JSON: how many came
 * up, the time it took, and from the first datagram to the IKE_AUTH response in ms. Of the
 * gateway's signatures only each CHECKED_ONE_IN is verified: the load must outrun the gateway.
 *
 * With SECONDS they then stay for that long and renew their CHILD SAs every LIFE_S or so, as two
 * live gateways would: how many CHILD SAs and IKE SAs were renewed on either side's wish, and how
 * many CHILD SAs were lost.
 *
 * `limit` does what a Responder must do for each, and nothing else, in one thread: an X25519 key
 * pair and the shared secret, a signature, a verification, the PRF as often as the protocol says.
 */
#include <err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "bench/end.h"
#include "crypto/kex.h"
#include "crypto/pubkey.h"
#include "ike/profile.h"
#include "util/hash.h"
#include "util/secret.h"

enum { PATIENCE_S = 20, LIFE_S = 140, MARGIN_S = 50, CHECKED_ONE_IN = 16 };

struct shaker {
	struct ike *ike;
	struct end end;
	struct ip gateway, next;
	struct ip first;
	struct traffic_selector subnet;
	EVP_PKEY *own;
	struct pubkey own_public, peer_public;
	unsigned addresses, wanted, at_once, begun, up, failed, in_flight;
	bool stays;
	unsigned renewed, ike_renewed, lost;
	unsigned signatures;
	struct instant *sent; /* by tag: the first datagram */
	uint64_t beginning;   /* tag */
	double *ms;
};

static EVP_PKEY *key_read(const char *path, struct pubkey *public)
{
	FILE *file = fopen(path, "r");
	EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	uint8_t octets[1024];
	uint8_t exponent[16];
	size_t len = sizeof(octets);
	BIGNUM *n = NULL, *e = NULL;

	if (key == NULL)
		errx(1, "%s: no private key", path);
	fclose(file);
	if (EVP_PKEY_get_id(key) == EVP_PKEY_ED25519) {
		if (EVP_PKEY_get_raw_public_key(key, octets, &len) == 1 &&
		    pubkey_from_ed25519(BYTES(octets, len), public))
			return key;
	} else if (EVP_PKEY_get_bn_param(key, "n", &n) == 1 &&
	           EVP_PKEY_get_bn_param(key, "e", &e) == 1 &&
	           pubkey_from_rsa(BYTES(octets, (size_t)BN_bn2bin(n, octets)),
	                           BYTES(exponent, (size_t)BN_bn2bin(e, exponent)), public)) {
		return key;
	}
	errx(1, "%s: no key that can be used", path);
}

static size_t sign(EVP_PKEY *key, enum signature_id id, struct bytes data, uint8_t out[1024])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *how;
	size_t len = 1024;

	if (EVP_DigestSignInit_ex(ctx, &how, signature_digest(id), NULL, NULL, key, NULL) != 1 ||
	    (signature_is_pss(id) &&
	     (EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) != 1 ||
	      EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) != 1)) ||
	    EVP_DigestSign(ctx, out, &len, data.data, data.len) != 1)
		errx(1, "sign");
	EVP_MD_CTX_free(ctx);
	return len;
}

/* The end's ports, but this one notes when an IKE SA begins. */

static void port_send(void *ctx, const struct path *path, struct bytes datagram)
{
	struct shaker *s = CONTAINER_OF(ctx, struct shaker, end);

	if (s->beginning != 0)
		s->sent[s->beginning - 1] = end_now();
	s->beginning = 0;
	(void)!outer_send_ike(&s->end.outer, path, datagram);
}

/* Owner */

static void on_child_up(void *ctx, ike_handle sa, uint64_t tag, const struct child_sa *child)
{
	struct shaker *s = ctx;

	s->renewed += child->replaces != 0;
	if (tag == 0 || child->replaces != 0)
		return;
	s->ms[s->up++] = (double)instant_since(s->end.came, s->sent[tag - 1]).ns / 1e6;
	s->in_flight--;
}

static void on_sa_rekeyed(void *ctx, ike_handle sa)
{
	struct shaker *s = ctx;

	s->ike_renewed++;
}

static void on_child_gone(void *ctx, ike_handle sa, uint32_t spi_in, enum ike_reason reason)
{
	struct shaker *s = ctx;

	s->lost += reason != IKE_REASON_REPLACED;
}

static void on_child_failed(void *ctx, ike_handle sa, uint64_t tag, enum ike_reason reason,
                            bool proven)
{
	struct shaker *s = ctx;

	if (s->failed++ == 0)
		fprintf(stderr, "handshaker: %s\n", ike_reason_text(reason));
	s->in_flight--;
}

/* What moves */

static void begin(struct shaker *s)
{
	struct ip own = s->next;
	struct ike_profile profile = ike_profile_default;
	ike_handle sa;
	struct ike_wish wish = {
		.path = { { own, 500 }, { s->gateway, 500 } },
		.self = { .id = id_of_fqdn("client.example.net"),
		          .auth = IKE_AUTH_SIGNATURE,
		          .key_type = s->own_public.type },
		.expected_id = id_of_ip(&s->gateway),
		.peer_auth = IKE_AUTH_SIGNATURE,
		.local = { .range = range_of_ip(&own), .port_last = 65535 },
		.remote = s->subnet,
		.tag = s->begun + 1,
		.profile = s->stays ? &profile : NULL,
	};

	profile.life.child_s = LIFE_S;
	profile.life.margin_s = MARGIN_S;
	profile.life.fuzz_percent = 100;
	s->begun++;
	if (s->begun % s->addresses == 0)
		s->next = s->first;
	else if (!ip_next(&s->next, &s->next))
		errx(1, "no such address");
	s->beginning = wish.tag;
	sa = ike_initiate(s->ike, &wish, end_now());
	if (sa == 0)
		errx(1, "ike_initiate");
	s->in_flight++;
	ike_set_peer_keys(s->ike, sa, &s->peer_public, 1, end_now());
}

static void on_datagram(void *ctx, const struct path *path, struct bytes datagram)
{
	struct shaker *s = ctx;

	ike_on_datagram(s->ike, path, datagram, s->end.came);
}

static bool is_gateways(struct shaker *s, const struct end_job *job)
{
	return s->signatures++ % CHECKED_ONE_IN != 0 ||
	       pubkey_verify(&s->peer_public, job->signature_id, buf_view(&job->data),
	                     buf_view(&job->signature));
}

static void do_job(struct shaker *s, struct end_job *job)
{
	uint8_t signature[1024];
	uint8_t index = 0;
	struct bytes result = { 0 };

	if (job->kind == CRYPTO_JOB_SIGN)
		result = BYTES(signature,
		               sign(s->own, job->signature_id, buf_view(&job->data), signature));
	else if (job->kind == CRYPTO_JOB_VERIFY && is_gateways(s, job))
		result = BYTES(&index, 1);
	s->end.came = job->came;
	ike_on_job_done(s->ike, job->id, result, end_now());
}

static void do_jobs(struct shaker *s)
{
	for (unsigned i = 0; i < s->end.job_count; i++) {
		do_job(s, &s->end.jobs[i]);
		end_job_wipe(&s->end.jobs[i]);
	}
	s->end.job_count = 0;
}

static void turn(struct shaker *s)
{
	end_wait(&s->end, ike_deadline(s->ike));
	s->end.came = end_now();
	end_receive(&s->end, on_datagram, s);
	while (s->end.job_count > 0)
		do_jobs(s);
	ike_on_deadline(s->ike, end_now());
}

static double shake(struct shaker *s)
{
	struct instant start = end_now();
	struct instant last = start;
	unsigned up = 0;

	s->sent = new_array(s->wanted, sizeof(*s->sent));
	s->ms = new_array(s->wanted, sizeof(*s->ms));
	while (s->up + s->failed < s->wanted) {
		while (s->begun < s->wanted && s->in_flight < s->at_once)
			begin(s);
		turn(s);
		if (s->up > up)
			last = end_now();
		up = s->up;
		if (instant_since(end_now(), last).ns > SECONDS(PATIENCE_S).ns)
			break;
	}
	return (double)instant_since(last, start).ns / 1e9;
}

static void stay(struct shaker *s, unsigned seconds)
{
	struct instant end = instant_after(end_now(), SECONDS(seconds));

	while (!instant_reached(end, end_now()))
		turn(s);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double quantile(const struct shaker *s, double part)
{
	return s->up == 0 ? -1 : s->ms[(unsigned)(part * (s->up - 1))];
}

/* The bare limit */

static void must(bool ok)
{
	if (!ok)
		errx(1, "the crypto library refused");
}

static enum signature_id algorithm_of(const struct pubkey *key)
{
	return key->type == PUBKEY_RSA ? SIGNATURE_RSA_PSS_SHA2_256 : SIGNATURE_ED25519;
}

static void random_octets(void *out, size_t len)
{
	must(getrandom(out, len, 0) == (ssize_t)len);
}

static void limit_once(struct shaker *s, const uint8_t *peer, struct bytes data,
                       struct bytes signature)
{
	uint8_t private[32], public[32], nonces[64], mac[PRF_LEN_MAX], keys[7 * 32], esp[72];
	uint8_t ours[1024];
	struct secret shared = { 0 };
	struct bytes seed[2] = { BYTES(nonces, 64), BYTES(private, 16) };

	random_octets(private, sizeof(private));
	random_octets(nonces, sizeof(nonces));
	must(kex_public(KEX_X25519, BYTES_OF(private), public));
	must(kex_shared(KEX_X25519, BYTES_OF(private), BYTES(peer, 32), &shared));
	must(prf(PRF_HMAC_SHA2_256, BYTES_OF(nonces), &(struct bytes){ shared.data, shared.len }, 1,
	         mac));
	must(prf_plus(PRF_HMAC_SHA2_256, BYTES(mac, 32), seed, 2, keys, sizeof(keys)));
	must(prf(PRF_HMAC_SHA2_256, BYTES(keys, 32), seed, 1, mac)); /* MACedIDForI, for R */
	must(prf(PRF_HMAC_SHA2_256, BYTES(keys + 32, 32), seed, 1, mac));
	must(pubkey_verify(&s->peer_public, algorithm_of(&s->peer_public), data, signature));
	must(sign(s->own, algorithm_of(&s->own_public), data, ours) > 0);
	must(prf_plus(PRF_HMAC_SHA2_256, BYTES(keys, 32), seed, 1, esp, sizeof(esp)));
	secret_free(&shared);
}

static void limit(struct shaker *s, EVP_PKEY *peer, unsigned count)
{
	uint8_t value[32], public[32], data[600], signature[1024];
	struct timespec before, after;
	size_t len;

	random_octets(value, sizeof(value));
	random_octets(data, sizeof(data));
	must(kex_public(KEX_X25519, BYTES_OF(value), public));
	len = sign(peer, algorithm_of(&s->peer_public), BYTES_OF(data), signature);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	for (unsigned i = 0; i < count; i++)
		limit_once(s, public, BYTES_OF(data), BYTES(signature, len));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	printf("{\"per_second\": %.1f}\n",
	       count / ((double)(after.tv_sec - before.tv_sec) +
	                (double)(after.tv_nsec - before.tv_nsec) / 1e9));
}

int main(int argc, char **argv)
{
	static struct shaker s;
	struct ike_ports ports = end_ports(&s.end);
	struct ike_owner owner = end_owner(&s);
	struct ike_settings settings = end_settings();
	double took;

	if (argc == 5 && strcmp(argv[1], "limit") == 0) {
		s.own = key_read(argv[3], &s.own_public);
		limit(&s, key_read(argv[4], &s.peer_public), (unsigned)atoi(argv[2]));
		return 0;
	}
	if ((argc != 9 && argc != 10) || !ip_parse(argv[1], &s.gateway) || !ip_parse(argv[2], &s.first) ||
	    !range_parse(argv[6], &s.subnet.range))
		errx(2,
		     "usage: handshaker GATEWAY FIRST ADDRESSES COUNT AT-ONCE SUBNET OWN GATEWAY "
		     "[SECONDS]");
	s.next = s.first;
	s.addresses = (unsigned)atoi(argv[3]);
	s.wanted = (unsigned)atoi(argv[4]);
	s.at_once = (unsigned)atoi(argv[5]);
	s.subnet.port_last = 65535;
	s.own = key_read(argv[7], &s.own_public);
	EVP_PKEY_free(key_read(argv[8], &s.peer_public));
	ports.send = port_send;
	owner.child_up = on_child_up;
	owner.child_gone = on_child_gone;
	owner.child_failed = on_child_failed;
	owner.sa_rekeyed = on_sa_rekeyed;
	end_open(&s.end);
	s.ike = ike_new(&ports, &owner, &settings);
	s.stays = argc == 10;
	took = shake(&s);
	if (s.stays)
		stay(&s, (unsigned)atoi(argv[9]));
	qsort(s.ms, s.up, sizeof(*s.ms), compare);
	printf("{\"begun\": %u, \"up\": %u, \"failed\": %u, \"took_s\": %.3f, \"p50\": %.3f, "
	       "\"p99\": %.3f, \"max\": %.3f, \"renewed\": %u, \"ike_renewed\": %u, "
	       "\"lost\": %u}\n",
	       s.begun, s.up, s.failed, took, quantile(&s, 0.5), quantile(&s, 0.99),
	       quantile(&s, 1), s.renewed, s.ike_renewed, s.lost);
	return 0;
}
