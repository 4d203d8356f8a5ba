#pragma once
/*
 * The CHILD SAs of one IKE SA.
 */
#include "ike/ike_sa.h"

/* What an exchange agreed on. */
struct child_recipe {
	uint32_t spi_in;
	const struct proposal_choice *choice; /* cipher, sequence numbers, the peer's SPI */
	bool is_exchange_initiator;           /* of the exchange that makes it (KDF-5) */
	struct bytes nonce_i;
	struct bytes nonce_r;
	const struct secret *shared;          /* of the key exchange, or NULL */
	const struct secret *additional;      /* of IKE_FOLLOWUP_KE, or NULL */
	const struct traffic_selector *local; /* the first */
	const struct traffic_selector *remote;
	struct selectors more_local;
	struct selectors more_remote;
	bool has_transport; /* the peer said USE_TRANSPORT_MODE */
	uint64_t tag;
	uint32_t replaces;
	enum child_start start;
};

/* Makes the keys and hands the CHILD SA to the owner. False: the crypto library refused. */
MUST_USE bool children_add(struct ike_sa *sa, const struct child_recipe *recipe,
                           struct instant now);
struct child *children_find_in(const struct ike_sa *sa, uint32_t spi_in);
/* To receive with. Not that of a child whose Delete the peer has not answered: what it sends on
 * that would be taken for the new one's (RFC 7296 section 1.4.1). */
uint32_t children_new_spi(const struct ike_sa *sa);
struct child *children_find_out(const struct ike_sa *sa, uint32_t spi_out);
void children_remove(struct ike_sa *sa, struct child *child);
void child_free(struct child *child);
/* Can there be one more? One in place of another may come beside a full house. */
bool children_have_room(const struct ike_sa *sa);
bool children_have_room_to_rekey(const struct ike_sa *sa);
/* When the first of them wants to be rekeyed or has to end. */
struct instant children_due(const struct ike_sa *sa);
/* Is this a SPI that an ESP packet can carry (RFC 4303 section 2.1)? */
bool child_spi_is_valid(uint64_t spi);

/* Initiator: the answer is the ranges alone, where they take with them what was named of a packet. */
void children_merge_answer(struct child_terms *terms);
/* Initiator: may this answer stand for the selectors asked for: inside them (TS-6), or the same
 * (OIN-9)? */
bool children_ts_fit(const struct ts_list *answer, const struct traffic_selector *asked,
                     struct selectors more, bool is_exact);
/* All selectors of a list but the first. */
struct selectors children_more(const struct ts_list *list);
/* Responder: what is granted is never wider than what was offered (TS-4). */
bool children_may_grant(const struct child_terms *terms, const struct ike_permission *permission);
/* Fills in the selectors of the claim; `terms` NULL: it is childless. */
void children_claim(struct ike_claim *claim, const struct child_terms *terms);
/* Initiator: TSi and TSr of what is wanted, the packet before the ranges it is for (TS-5). */
void children_add_wanted(struct message_writer *m, const struct ike_packet *packet,
                         const struct traffic_selector *local, struct selectors more_local,
                         const struct traffic_selector *remote, struct selectors more_remote);
/* Writes a TSi or TSr payload. */
void children_add_ts(struct message_writer *m, uint8_t type, const struct traffic_selector *ts,
                     struct selectors more);
/* The TSi and TSr of what is granted, whether there would be more of what was asked (TS-4), and
 * whether it is in transport mode (TS-9). */
void children_add_granted(struct message_writer *m, const struct ike_sa *sa,
                          const struct child_terms *terms,
                          const struct ike_permission *permission);
/* Initiator: asks for transport mode if policy wants it and it is possible. */
void children_ask_transport(struct message_writer *m, const struct ike_sa *sa,
                            const struct traffic_selector *local, struct selectors more_local,
                            const struct traffic_selector *remote, struct selectors more_remote);
bool children_has_transport(const struct payloads *p);
/* Tells the owner that the child of `tag` will not come. */
void children_fail(const struct ike_sa *sa, uint64_t tag, enum ike_reason reason, bool proven);
/* What an error in place of a child means to the owner. */
enum ike_reason children_reason(uint16_t notify);
