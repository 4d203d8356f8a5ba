#pragma once
/*
 * Which IKE datagrams may be let go when more come than there is time for.
 *
 * An IKE_SA_INIT request without a cookie costs its sender nothing and may come from anywhere; all
 * else belongs to an exchange that somebody is in, or brings back a cookie. Only a look at fixed
 * places: the core checks.
 */
#include "util/bytes.h"

/* `datagram` without the non-ESP marker. */
bool knock_is_bare(struct bytes datagram);
