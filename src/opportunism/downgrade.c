#include "opportunism/downgrade.h"

static bool is_sticky(const struct conn_state *conn)
{
	return conn != NULL && conn->conn.trust.sticky;
}

static void warn(struct opportunism *opp, const struct conn_state *conn, const struct ip *address,
                 const struct protected_host *host, const char *what)
{
	long long minutes = instant_since(opp->now, host->last).ns / 60000000000;

	opp->counts.downgrades++;
	log_line(&opp->log, LOG_WARNING,
	         "%s: protected %lld %s ago, now %s, and the DNS is not signed: a downgrade? %s",
	         ip_text(address).s, minutes < 120 ? minutes : minutes / 60,
	         minutes < 120 ? "minutes" : "hours", what,
	         is_sticky(conn) ? "Denied (sticky=yes); ipsec forget ends that"
	                         : "sticky=yes would deny it");
}

static bool holds_remembered_key(const struct protected_host *host, const struct gateway *gateway)
{
	for (size_t i = 0; i < gateway->key_count; i++)
		if (protected_is_by(host, &gateway->keys[i]))
			return true;
	return false;
}

/* Keys that are still to be looked up are weighed when they are there. */
static bool may_be_the_same(const struct protected_host *host, const struct gateways *gateways)
{
	for (size_t i = 0; i < gateways->count; i++)
		if (gateways->list[i].key_count == 0 || gateways->list[i].trust == DNS_SECURE ||
		    holds_remembered_key(host, &gateways->list[i]))
			return true;
	return false;
}

static bool is_absence(enum flow_reason reason)
{
	return reason == FLOW_REASON_NO_NAME || reason == FLOW_REASON_NO_RECORD ||
	       reason == FLOW_REASON_UNUSABLE;
}

bool downgrade_is_possible(const struct flow *flow)
{
	return is_absence(flow->reason) && flow->trust != DNS_SECURE && flow->conn != NULL &&
	       flow->conn->is_opportunistic;
}

bool downgrade_forbids_clear(const struct flow *flow)
{
	const struct opportunism *opp = flow->opp;

	return is_sticky(flow->conn) && flow->conn->is_opportunistic &&
	       protected_find(&opp->protected_hosts, &flow->pair.destination, opp->now) != NULL;
}

static bool is_signed(const struct record_set *set)
{
	return set->has_arrived && set->status == DNS_FOUND && set->trust == DNS_SECURE;
}

/* Not both need have been waited for. What is signed may lead on to what is not: an address, a key. */
static bool was_signed(const struct flow *flow)
{
	const struct inquiry *inquiry = flow->inquiry;

	if (inquiry != NULL && inquiry->is_led_unsigned)
		return false;
	return flow->trust == DNS_SECURE ||
	       (inquiry != NULL && (is_signed(&inquiry->discovery.ipseckey) ||
	                            is_signed(&inquiry->discovery.txt)));
}

bool downgrade_forbids_failure(const struct flow *flow)
{
	struct opportunism *opp = flow->opp;
	const struct ip *address = &flow->pair.destination;

	if (was_signed(flow) || !downgrade_forbids_clear(flow))
		return false;
	if (flow->reason != FLOW_REASON_WAS_PROTECTED)
		warn(opp, flow->conn, address,
		     protected_find(&opp->protected_hosts, address, opp->now),
		     flow_reason_text(flow->reason));
	return true;
}

/* IPSECKEY was enough to decide (CHS-1), and it was signed: what of TXT is not there yet, or never
 * comes, takes nothing from that. TXT alone decides nothing: somebody may keep IPSECKEY back. */
static bool was_decided_by_signed(const struct inquiry *inquiry)
{
	const struct record_set *ipseckey = &inquiry->discovery.ipseckey;

	return is_signed(ipseckey) && ipseckey->count > 0;
}

enum discovery_outcome downgrade_weigh(struct flow *flow, enum discovery_outcome outcome)
{
	struct opportunism *opp = flow->opp;
	struct gateways *gateways = &flow->inquiry->gateways;
	const struct protected_host *host =
	    protected_find(&opp->protected_hosts, &flow->pair.destination, opp->now);
	bool is_proven = flow->trust == DNS_SECURE || (outcome == DISCOVERY_NOTHING &&
	                                               was_decided_by_signed(flow->inquiry));

	if (outcome == DISCOVERY_NOTHING && is_absence(flow->reason))
		opp->counts.unsigned_absences += !is_proven;
	if (host == NULL || is_proven || outcome == DISCOVERY_DENY)
		return outcome;
	if (outcome == DISCOVERY_GATEWAYS && may_be_the_same(host, gateways))
		return outcome;
	warn(opp, flow->conn, &flow->pair.destination, host,
	     outcome == DISCOVERY_GATEWAYS ? "with another key" : flow_reason_text(flow->reason));
	if (!is_sticky(flow->conn))
		return outcome;
	gateways_wipe(gateways);
	flow->reason = FLOW_REASON_WAS_PROTECTED;
	return DISCOVERY_DENY;
}

bool downgrade_forbids(struct opportunism *opp, const struct conn_state *conn,
                       const struct ip *address, const struct gateway *gateway)
{
	const struct protected_host *host =
	    protected_find(&opp->protected_hosts, address, opp->now);

	if (host == NULL || conn == NULL || !conn->is_opportunistic || gateway->key_count == 0 ||
	    gateway->trust == DNS_SECURE || holds_remembered_key(host, gateway))
		return false;
	warn(opp, conn, address, host, "with another key");
	return is_sticky(conn);
}

void downgrade_keep_known(struct opportunism *opp, const struct conn_state *conn,
                          const struct ip *address, struct gateway *gateway)
{
	const struct protected_host *host =
	    protected_find(&opp->protected_hosts, address, opp->now);
	size_t count = 0;

	if (host == NULL || !is_sticky(conn) || !conn->is_opportunistic ||
	    gateway->trust == DNS_SECURE || !holds_remembered_key(host, gateway))
		return;
	for (size_t i = 0; i < gateway->key_count; i++)
		if (protected_is_by(host, &gateway->keys[i]))
			gateway->keys[count++] = gateway->keys[i];
	gateway->key_count = count;
}

bool downgrade_forbids_tunnel(struct opportunism *opp, const struct flow *flow,
                              const struct peer_sa *sa, enum strength strength)
{
	const struct ip *address = &flow->pair.destination;
	const struct protected_host *host =
	    protected_find(&opp->protected_hosts, address, opp->now);

	if (host == NULL || sa == NULL || flow->tunnel != NULL || !is_sticky(flow->conn) ||
	    sa->auth != IKE_AUTH_SIGNATURE || sa->by_certificate || strength != STRENGTH_DNS ||
	    protected_is_by(host, &sa->key))
		return false;
	warn(opp, flow->conn, address, host, "with another key");
	return true;
}

void downgrade_note_tunnel(struct opportunism *opp, const struct flow *flow,
                           const struct peer_sa *sa, enum strength strength)
{
	if (sa != NULL && flow->tunnel == NULL && sa->auth == IKE_AUTH_SIGNATURE &&
	    !sa->by_certificate && (strength == STRENGTH_DNS || strength == STRENGTH_DNSSEC))
		protected_note(&opp->protected_hosts, &flow->pair.destination, &sa->key, opp->now);
}

/* ---- For the daemon ---- */

void opportunism_load_protected(struct opportunism *opp, struct bytes text, int64_t wall_s,
                                struct instant now)
{
	protected_read(&opp->protected_hosts, text, wall_s, now);
}

struct protected_list_copy *opportunism_copy_protected(const struct opportunism *opp,
                                                       int64_t wall_s, struct instant now)
{
	return protected_copy(&opp->protected_hosts, wall_s, now);
}

bool opportunism_forget(struct opportunism *opp, const struct ip *address)
{
	return protected_forget(&opp->protected_hosts, address);
}

struct opportunism_counts opportunism_counts(const struct opportunism *opp)
{
	struct opportunism_counts counts = opp->counts;

	counts.protected_hosts = opp->protected_hosts.by_address.count;
	counts.protected_changes = opp->protected_hosts.changes;
	return counts;
}
