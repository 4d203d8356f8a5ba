#pragma once
/*
 * Conns that name their peers: the texts that stories of configured tunnels are told with.
 */
#include "sim/cases/pair.h"

/* The conn of two sites as west has it (east's is the same text) with more lines. */
#define SITES(more)                                                           \
	"conn sites\n\tleft=192.0.2.1\n\tleftsubnet=203.0.113.0/24\n"         \
	"\tright=192.0.2.2\n\trightsubnet=198.51.100.0/24\n\tauthby=secret\n" \
	"\tkeyingtries=%forever\n" more

/* Opportunism beside them, of west and of east. */
#define ANYONE                                                             \
	"conn anyone\n\tleft=%defaultroute\n\tleftsubnet=203.0.113.0/24\n" \
	"\tright=%opportunistic\n\tauto=route\n"
#define ANYONE_EAST                                                         \
	"conn anyone\n\tleft=%defaultroute\n\tleftsubnet=198.51.100.0/24\n" \
	"\tright=%opportunistic\n\tauto=route\n"

/* The conns of road warriors with an address each, and of one of them. */
#define WARRIOR(name, inside)                                                           \
	"conn " name "\n\tleft=192.0.2.2\n\tleftsubnet=198.51.100.5/32\n\tright=%any\n" \
	"\trightsubnet=" inside "\n\tauthby=secret\n\tauto=add\n"
#define HOME(name, inside)                                                                  \
	"conn " name "\n\tleft=%defaultroute\n\tleftsubnet=" inside "\n\tright=192.0.2.2\n" \
	"\trightsubnet=198.51.100.5/32\n\tauthby=secret\n\tauto=start\n"
