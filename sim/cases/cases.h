#pragma once
/* The stories, by name; sim/meson.build makes a test of each. */
#include "sim/sim.h"

#define SIM_CASES(X)                              \
	X(first_contact)                          \
	X(first_contact_private)                  \
	X(first_contact_ipv6)                     \
	X(many_first_packets)                     \
	X(gateways_themselves)                    \
	X(two_clients_share_the_ike_sa)           \
	X(more_pairs_than_one_ike_sa_carries)     \
	X(initiator_known_by_name)                \
	X(source_is_initiator_without_delegation) \
	X(one_lost_datagram)                      \
	X(one_lost_datagram_private)              \
	X(two_lost_datagrams)                     \
	X(doubled_datagrams)                      \
	X(reordered_datagrams)                    \
	X(replayed_datagrams)                     \
	X(both_sides_at_once)                     \
	X(both_sides_at_once_with_losses)         \
	X(stranger)                               \
	X(stranger_private)                       \
	X(no_dns_answer)                          \
	X(no_dns_answer_private)                  \
	X(slow_dns_at_the_responder)              \
	X(bogus_dns_answer)                       \
	X(silent_gateway)                         \
	X(silent_gateway_private)                 \
	X(second_gateway_answers)                 \
	X(wrong_key)                              \
	X(wrong_key_private)                      \
	X(impostor_at_the_gateway)                \
	X(missing_delegation)                     \
	X(missing_delegation_private)             \
	X(record_that_names_ourselves)            \
	X(vouched_key_is_not_the_gateways_own)    \
	X(gateway_speaks_for_others)              \
	X(hosts_without_a_name_meet)              \
	X(no_proof_is_refused_where_one_is_wanted) \
	X(no_proof_does_not_replace_one)          \
	X(shutdown_goes_back_to_the_trap)         \
	X(idle_shunt_is_asked_again)              \
	X(unplugged_peer_is_dead_in_the_end)      \
	X(killed_peer_is_back_in_no_time)         \
	X(reload_while_deciding)                  \
	X(reload_makes_a_passing_pair_private)    \
	X(restarted_peer_comes_again)             \
	X(fifty_destinations_behind_one_gateway)  \
	X(flood_of_strangers)                     \
	X(dnssec_required)                        \
	X(arranged_tunnel_with_a_shared_secret)   \
	X(networks_share_one_tunnel) \
	X(several_networks_share_one_tunnel) \
	X(the_peer_takes_less_than_all) \
	X(started_tunnel_waits_for_its_peer) \
	X(both_ends_start_at_once) \
	X(started_tunnel_comes_again) \
	X(a_dead_peer_and_what_the_conn_says) \
	X(configured_tunnels_beat_opportunism) \
	X(opportunism_gives_way_to_a_configured_tunnel) \
	X(road_warriors) \
	X(two_road_warriors_with_one_address)     \
	X(road_warrior_with_an_address_of_others) \
	X(a_conn_taken_out_takes_its_tunnel_along) \
	X(forged_refusals_change_nothing)         \
	X(narrow_path)                            \
	X(narrow_path_with_losses)                \
	X(forged_requests_keep_nobody_out)

#define X(name) void name(void);
SIM_CASES(X)
#undef X
