/*
 * One gateway: the core with its ports, its key, and the jobs it gives away.
 */
#include <stdlib.h>

#include <openssl/evp.h>

#include "opportunism/core.h"
#include "sim/world.h"

#define JOB_TIME MILLISECONDS(1)

void key_make(struct gateway *gateway)
{
	uint8_t octets[32];
	size_t len = sizeof(octets);
	EVP_PKEY *key;

	for (size_t i = 0; i < sizeof(gateway->private_key); i++)
		gateway->private_key[i] = (uint8_t)sim_random(gateway->sim);
	key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, gateway->private_key, 32);
	if (key == NULL || EVP_PKEY_get_raw_public_key(key, octets, &len) != 1 ||
	    !pubkey_from_ed25519(BYTES_OF(octets), &gateway->key))
		sim_fail(gateway->sim, "no Ed25519 key for %s", gateway->name);
	EVP_PKEY_free(key);
}

struct ike *gateway_ike(const struct gateway *gateway)
{
	return gateway->core->ike;
}

/* ---- Jobs ---- */

struct done {
	struct gateway *gateway;
	unsigned generation;
	uint64_t id;
	uint8_t result[64];
	size_t len;
};

/* The secrets of each configuration are another set of the signer's, where the host key is not the
 * first. */
enum { HOST_KEY_PLACE = 3 };

static bool is_known(const struct gateway *gateway, uint32_t set)
{
	return set > 0 && set <= gateway->secret_set;
}

static void sign(const struct gateway *gateway, const struct crypto_job *job, struct done *done)
{
	EVP_PKEY *key =
	    EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, gateway->private_key, 32);
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	done->len = sizeof(done->result);
	if (key == NULL || md == NULL || job->signature_id != SIGNATURE_ED25519 ||
	    job->key != HOST_KEY_PLACE || !is_known(gateway, job->set) ||
	    EVP_DigestSignInit(md, NULL, NULL, NULL, key) != 1 ||
	    EVP_DigestSign(md, done->result, &done->len, job->data.data, job->data.len) != 1)
		done->len = 0;
	EVP_MD_CTX_free(md);
	EVP_PKEY_free(key);
}

static void verify(const struct crypto_job *job, struct done *done)
{
	for (size_t i = 0; i < job->key_count && i < 256; i++) {
		if (!pubkey_verify(&job->keys[i], job->signature_id, job->data, job->signature))
			continue;
		done->result[0] = (uint8_t)i;
		done->len = 1;
		return;
	}
}

/* RFC 7296 section 2.15; every shared secret of a simulated world is the same. */
static void psk_mac(const struct gateway *gateway, const struct crypto_job *job, struct done *done)
{
	struct bytes pad = BYTES_STR("Key Pad for IKEv2");
	uint8_t key[PRF_LEN_MAX];

	if (is_known(gateway, job->set) &&
	    prf(job->prf, BYTES_STR("a shared secret of two gateways"), &pad, 1, key) &&
	    prf(job->prf, BYTES(key, prf_len(job->prf)), &job->data, 1, done->result))
		done->len = prf_len(job->prf);
}

/* The secret outlives a restart, and no two gateways have the same. */
static void qcd_token(const struct gateway *gateway, const struct crypto_job *job,
                      struct done *done)
{
	if (prf(PRF_HMAC_SHA2_256, BYTES_STR(gateway->name), &job->data, 1, done->result))
		done->len = SHA2_256_LEN;
}

static void job_done(struct sim *sim, void *what)
{
	struct done *done = what;

	if (done->gateway->generation == done->generation && !done->gateway->is_down)
		opportunism_on_job_done(done->gateway->core, done->id,
		                        BYTES(done->result, done->len), sim->now);
	free(done);
}

static void start_job(void *ctx, uint64_t job_id, const struct crypto_job *job)
{
	struct gateway *gateway = ctx;
	struct done *done = new_zeroed(sizeof(*done));

	done->gateway = gateway;
	done->generation = gateway->generation;
	done->id = job_id;
	switch (job->kind) {
	case CRYPTO_JOB_SIGN:
		sign(gateway, job, done);
		break;
	case CRYPTO_JOB_VERIFY:
		verify(job, done);
		break;
	case CRYPTO_JOB_PPK:
	case CRYPTO_JOB_VERIFY_CERT: /* no certificates in the simulator */
		break;
	case CRYPTO_JOB_QCD_TOKEN:
		qcd_token(gateway, job, done);
		break;
	case CRYPTO_JOB_PSK_MAC:
		psk_mac(gateway, job, done);
		break;
	}
	sim_later(gateway->sim, JOB_TIME, job_done, done);
}

/* ---- Ports of IKE ---- */

static void send(void *ctx, const struct path *path, struct bytes datagram)
{
	net_send_ike(ctx, path, datagram);
}

static void draw(void *ctx, uint8_t *out, size_t len)
{
	struct gateway *gateway = ctx;

	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(sim_random(gateway->sim) >> 32);
}

static uint32_t new_spi(void *ctx)
{
	struct gateway *gateway = ctx;

	return engine_new_spi(&gateway->engine);
}

struct ike_ports ike_ports_of(struct gateway *gateway)
{
	return (struct ike_ports){ .ctx = gateway,
		                   .send = send,
		                   .random = draw,
		                   .start_job = start_job,
		                   .new_spi = new_spi };
}

/* ---- Life ---- */

static void log_to_trace(void *ctx, enum log_level level, const char *text)
{
	struct gateway *gateway = ctx;

	(void)level;
	text_add(&gateway->log, "%s\n", text);
	sim_say(gateway->sim, gateway->name, "log: %s", text);
}

bool gateway_owns(const struct gateway *gateway, const struct ip *address)
{
	return ip_equal(&gateway->address, address) || (gateway->inside.first.family != IP_NONE &&
	                                                range_contains(&gateway->inside, address));
}

static bool read_policy(void *ctx, const char *base, const char *pattern,
                        void (*add)(void *add_ctx, const char *name, struct bytes text),
                        void *add_ctx)
{
	const struct gateway *gateway = ctx;
	const char *bracket = strchr(pattern, '[');
	char name[64] = "";

	if (bracket != NULL) /* ipsec.d/policies/[p]rivate: that file, if it is there */
		snprintf(name, sizeof(name), "%c%s", bracket[1], bracket + 3);
	for (size_t i = 0; i < gateway->policy_count; i++)
		if (strcmp(gateway->policies[i].name, name) == 0)
			add(add_ctx, name, BYTES_STR(gateway->policies[i].text));
	return bracket != NULL || strchr(pattern, '*') != NULL;
}

void sim_policy(struct gateway *gateway, const char *name, const char *text)
{
	size_t i = 0;

	while (i < gateway->policy_count && strcmp(gateway->policies[i].name, name) != 0)
		i++;
	if (i == gateway->policy_count)
		gateway->policies[gateway->policy_count++].name = name;
	gateway->policies[i].text = text;
}

static void read_conf(struct gateway *gateway, bool is_start)
{
	struct conf_reader reader = { .ctx = gateway, .read = read_policy };
	struct conf_messages messages = { 0 };

	conf_wipe(&gateway->conf);
	if (!(is_start ? conf_parse_to_start : conf_parse)(&gateway->conf, "ipsec.conf",
	                                                   BYTES_STR(gateway->conf_text),
	                                                   &reader, &messages))
		sim_fail(gateway->sim, "%s: %s", gateway->name, messages.errors.s);
	if (gateway->sim->keeps_idle_tunnels)
		gateway->conf.setup.tunnel_idle_s = 10 * 86400;
	conf_messages_wipe(&messages);
}

static void configure(struct gateway *gateway)
{
	static struct secret_entry psk = { .kind = SECRET_PSK };
	static const struct secrets secrets = { .entries = &psk, .count = 1 };
	struct host_key key = { .key = gateway->key, .place = HOST_KEY_PLACE };
	struct opportunism_config config = {
		.conf = &gateway->conf,
		.secrets = &secrets,
		.secret_set = ++gateway->secret_set,
		.host_keys = &key,
		.host_key_count = 1,
		.own = own_of(&gateway->address, 1, &gateway->address, 1, &gateway->address, 1),
	};

	opportunism_configure(gateway->core, &config, gateway->sim->now);
}

void gateway_reload(struct gateway *gateway)
{
	read_conf(gateway, false);
	configure(gateway);
}

void sim_new_key(struct sim *sim, struct gateway *gateway)
{
	(void)sim;
	key_make(gateway);
	configure(gateway);
}

void gateway_start(struct gateway *gateway)
{
	struct opportunism_settings settings = {
		.log = { .ctx = gateway, .level = LOG_DEBUG, .line = log_to_trace },
		.resolver = &gateway->resolver,
		.engine = &gateway->engine_port,
		.ike = &gateway->ike,
		.kem = gateway->sim->kem,
		.idle_sas_above = gateway->idle_sas_above,
	};

	gateway->resolver = resolver_port_of(gateway);
	gateway->engine_port = engine_port_of(gateway);
	gateway->ike = ike_ports_of(gateway);
	gateway->engine.gateway = gateway;
	gateway->is_down = false;
	gateway->core = opportunism_new(&settings);
	read_conf(gateway, true);
	configure(gateway);
	opportunism_recover(gateway->core, gateway->peers, gateway->peer_count,
	                    gateway->sim->now.ns / SECONDS(1).ns, gateway->sim->now);
}

static void keep_peer(void *ctx, const struct peer_record *peer)
{
	struct gateway *gateway = ctx;

	gateway->peers = grow_array(gateway->peers, gateway->peer_count + 1, sizeof(*peer));
	gateway->peers[gateway->peer_count] = *peer;
	gateway->peers[gateway->peer_count++].seen_s = gateway->sim->now.ns / SECONDS(1).ns;
}

void gateway_stop(struct gateway *gateway)
{
	gateway->peer_count = 0;
	if (gateway->core != NULL && gateway->keeps_peers)
		opportunism_list_peers(gateway->core, keep_peer, gateway);
	gateway->is_down = true;
	gateway->generation++;
	opportunism_free(gateway->core);
	gateway->core = NULL;
	engine_wipe(&gateway->engine);
	conf_wipe(&gateway->conf);
}
