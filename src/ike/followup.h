#pragma once
/*
 * IKE_FOLLOWUP_KE (RFC 9370 section 2.2.4): the additional key exchange behind CREATE_CHILD_SA, for
 * a CHILD SA or for the successor of an IKE SA, where IKE_SA_INIT chose one (intermediate.h).
 *
 *   --> CREATE_CHILD_SA   SK{ SA Ni KEi [TSi TSr] }
 *   <--                   SK{ SA Nr KEr [TSi TSr] N(ADDITIONAL_KEY_EXCHANGE, link) }
 *   --> IKE_FOLLOWUP_KE   SK{ KEi(1) N(ADDITIONAL_KEY_EXCHANGE, link) }
 *   <--                   SK{ KEr(1) }
 *
 * Nothing is made before the last of them. Until then what the first two agreed on waits: with the
 * Initiator beside its request, with the Responder beside the IKE SA, one at a time and not for
 * long. `link` is for the Responder to know its own by; it means nothing to anybody else.
 *
 *   Responder   --CREATE_CHILD_SA--> [waiting] --IKE_FOLLOWUP_KE--> made
 *                    another one, its time, the end of the IKE SA --> dropped: STATE_NOT_FOUND
 *
 * Rekeys that cross: nothing is there to be deleted yet, so whoever sees that its exchange holds
 * the lowest nonce just does not follow it up (RFC 9370 section 2.2.4, COL-20).
 */
#include "ike/ike_sa.h"

enum {
	FOLLOWUP_LINK_LEN = 16,
	FOLLOWUP_LINK_MAX = 1024, /* of another make; longer: cannot be followed up */
};

struct followup {
	const struct kem *kem;
	struct buf link;
	struct secret shared;     /* of CREATE_CHILD_SA */
	struct secret additional; /* once there */
	struct nonce nonce_i;     /* of CREATE_CHILD_SA; Initiator: in its request */
	struct nonce nonce_r;
	struct proposal_choice choice; /* of an IKE SA */
	struct child_terms *terms;     /* of a CHILD SA; NULL: it is an IKE SA */
	/* Initiator */
	struct secret seed; /* of its key pair */
	/* Responder */
	struct instant drops;
	uint64_t spi_r;                   /* of an IKE SA */
	uint32_t spi_in;                  /* of a CHILD SA */
	struct ike_permission permission; /* of a CHILD SA: selectors, with copies, and tag */
	struct buf ciphertext;            /* once there */
};

/* Puts what can be offered and taken beside our own proposals, as in IKE_SA_INIT, before them. */
void followup_add_kem_for_ike(const struct ike_sa *sa, struct proposal_list *list);
void followup_add_kem_for_esp(const struct ike_sa *sa, struct proposal_list *list);

/* Takes over `shared`, and `terms` (NULL: an IKE SA). */
struct followup *followup_new(const struct ike_sa *sa, struct secret *shared,
                              struct child_terms *terms);
void followup_free(struct followup *f);

/*
 * Initiator
 */

/* The link that came with the response. False: none, or too long. */
MUST_USE bool followup_take_link(struct followup *f, const struct payloads *p);
/* The payloads of our request. False: this machine cannot. */
MUST_USE bool followup_write(struct ike_sa *sa, struct followup *f, struct message_writer *m);
/* KEr(1). False: it is none (MKE-10). */
MUST_USE bool followup_read_answer(struct followup *f, const struct payloads *p);

/*
 * Responder
 */

/* Waits for the peer's request, in place of any other; takes ownership. */
void followup_wait(struct ike_sa *sa, struct followup *f, struct instant now);
/* The link of the one that waits, for the response. */
void followup_add_link(struct message_writer *m, const struct ike_sa *sa);
void followup_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now);
/* <-- HDR, SK { KEr(1) } */
void followup_send_answer(struct ike_sa *sa, const struct followup *f);
/* There is nothing that could be made any more. */
void followup_refuse(struct ike_sa *sa);
/* Drops the one that waits, if any. */
void followup_forget(struct ike_sa *sa);
struct instant followup_due(const struct ike_sa *sa);
void followup_on_deadline(struct ike_sa *sa, struct instant now);

/* Does the peer rekey this CHILD SA, or the IKE SA? The lowest nonce of that exchange then. */
bool followup_is_of_child(const struct ike_sa *sa, uint32_t spi_in);
bool followup_is_of_ike(const struct ike_sa *sa);
struct bytes followup_lowest(const struct followup *f);
