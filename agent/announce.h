/* Telling the neighbours where an address is now: gratuitous ARP (RFC 5227, 3) and unsolicited neighbour advertisements
 * (RFC 4861, 7.2.6). */
#ifndef FERRY_AGENT_ANNOUNCE_H
#define FERRY_AGENT_ANNOUNCE_H

#include <ferry/config/plan.h>
#include <uv.h>

/* Sends one round at once and three more within the next 1.3 s, as long as the address is here, since a neighbour may
 * ignore news about an entry that is younger than a second. What cannot be sent is lost: neighbours then learn when
 * they next ask. */
void fy_announce(uv_loop_t *loop, const struct fy_service_address *addresses, size_t count);

#endif
