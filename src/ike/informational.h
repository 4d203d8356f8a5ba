#pragma once
/*
 * The INFORMATIONAL exchange (RFC 7296 sections 1.4 and 2.21): deletes, errors, signs of life.
 */
#include "ike/request.h"

/* The payloads of a request of ours: DELETE_CHILD, DELETE_SA, REPORT and the like. */
void informational_write(const struct request *request, struct message_writer *m);
void informational_on_response(struct ike_sa *sa, const struct request *request,
                               const struct payloads *p, struct instant now);
/* Every request is answered, if need be with nothing (INF-1). */
void informational_on_request(struct ike_sa *sa, const struct payloads *p, struct instant now);
/* Delete for one of our inbound SPIs; its child, if there is one, is marked so. */
void informational_delete_child(struct ike_sa *sa, uint32_t spi_in, struct instant now);
