#pragma once
/*
 * The files that conns with certificates need, beside ipsec.conf:
 *
 *      ipsec.d/certs      leftcert=FILE: the gateway's certificate, and those that lead to its CA
 *      ipsec.d/cacerts    CAs whose certificates are taken
 *      ipsec.d/crls       what they revoked
 *
 * Read when the conns are known, so that whoever replays the reader finds the same.
 */
#include "config/conf.h"

/* Fills in chains, their keys and names, and conf->trust. `file` is ipsec.conf. */
void certificates_read(struct conf *conf, const char *file, const struct conf_reader *reader,
                       struct conf_messages *messages);
