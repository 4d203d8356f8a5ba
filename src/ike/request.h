#pragma once
/*
 * Requests and responses under way (RFC 7296 sections 2.1 to 2.3).
 *
 * Window 1: one request of ours is outstanding, the others wait in a queue (MID-4). A message is
 * sealed once; what is sent again are the same octets (SK-5). The last response is kept until the
 * peer's next request shows that it arrived (MID-8).
 */
#include "ike/ike_sa.h"

enum request_kind {
	REQUEST_CREATE_CHILD, /* CREATE_CHILD_SA: one more pair; IKE_FOLLOWUP_KE may be behind it */
	REQUEST_REKEY_CHILD,  /* CREATE_CHILD_SA: one in place of another */
	REQUEST_REKEY_IKE,    /* CREATE_CHILD_SA: a new IKE SA */
	REQUEST_DELETE_CHILD, /* INFORMATIONAL */
	REQUEST_LIVENESS,     /* INFORMATIONAL, empty (LIV-2) */
	REQUEST_NOTIFY,       /* INFORMATIONAL with one Notify that changes nothing */
	REQUEST_DELETE_SA,    /* INFORMATIONAL, the last one */
	REQUEST_REPORT,       /* INFORMATIONAL with an error, the last one (ERR-8) */
};

struct request {
	struct request *next;
	enum request_kind kind;
	/* REKEY_IKE */
	uint64_t spi;
	/* REKEY_CHILD */
	uint32_t old_in;
	/* CREATE_CHILD, REKEY_CHILD */
	uint64_t tag;
	struct traffic_selector local;
	struct traffic_selector remote;
	struct selectors more_local; /* owned */
	struct selectors more_remote;
	struct ike_packet packet; /* named first (TS-5), tried alone (TS-7) */
	enum kex_id method;    /* KEX_NONE: no PFS */
	bool is_second_try;    /* after INVALID_KE_PAYLOAD */
	struct nonce nonce;
	struct own_kex kex;
	struct followup *followup; /* owned; NULL: that is not its turn */
	bool was_forgotten;        /* STATE_NOT_FOUND: begun anew */
	/* CREATE_CHILD, DELETE_CHILD */
	uint32_t spi_in;
	/* NOTIFY, REPORT */
	uint16_t notify;
	struct buf data; /* NOTIFY */
};

struct request *request_new(enum request_kind kind);
void request_free(struct request *request);
/* Takes ownership; sends it at once if nothing is outstanding. */
void request_add(struct ike_sa *sa, struct request *request, struct instant now);
/* The same, before all that wait. */
void request_add_first(struct ike_sa *sa, struct request *request, struct instant now);
/* The answer to it asks for a second part, `f` (ownership taken): that is next. */
void request_follow_up(struct ike_sa *sa, struct request *request, struct followup *f,
                       struct instant now);
/* Sends the next one if nothing is outstanding. */
void request_pump(struct ike_sa *sa, struct instant now);
/* Drops all: the outstanding one and the queue. */
void request_drop_all(struct ike_sa *sa);

/* Sends `datagram` (ownership taken) as the outstanding request and starts its timer. */
void request_send(struct ike_sa *sa, uint8_t exchange, struct buf *datagram, struct instant now);
/* Seals the inner payloads and sends them. False: this machine could not. */
MUST_USE bool request_send_sealed(struct ike_sa *sa, uint8_t exchange, struct message_writer *inner,
                                  struct instant now);
/* Datagrams of one message, whole or cut. */
void message_send(struct ike *ike, const struct path *path, struct bytes datagrams);
/* Its response is here: no more retransmissions, the next message ID. */
void request_answered(struct ike_sa *sa);
/* The peer seems to be back: the request without an answer goes out again before its time, though not
 * twice in a second. Tries and waits stay as they are. */
void request_nudge(struct ike_sa *sa, struct instant now);
/* Repeats or gives up, if it is time. */
enum retransmit_step request_on_deadline(struct ike_sa *sa, struct instant now);

/* Seals and sends the response to the request that is being answered, and keeps it. */
void response_send(struct ike_sa *sa, struct message_writer *inner);
/* The same request came again; on the path of its datagram. */
void response_repeat(struct ike_sa *sa, const struct path *path);
/* A response with nothing but one Notify. */
void response_send_notify(struct ike_sa *sa, uint16_t type, struct bytes data);
/* What is well sealed and still broken ends the IKE SA on both sides (ERR-4). */
void response_refuse_broken(struct ike_sa *sa, struct instant now);
