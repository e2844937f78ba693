/* A service address that moves with its workload.
 *
 *     destination                                source
 *     fy_address_stage: guard, then add          (address up, tasks frozen, connections locked by CRIU)
 *     restore against it
 *                                                fy_address_withdraw: address removed, CRIU's locks removed
 *     fy_address_go: guard removed
 *     fy_address_announce, if the copy is still there
 *
 * The guard is an nftables table of the job's own: while it stands this host drops every packet from and to the
 * address and answers no ARP or neighbour solicitation for it, so no client ever hears an RST from a kernel that does
 * not have the socket yet, and nobody learns the new place too early. Undo at any time before fy_address_announce:
 * fy_address_unstage. */
#ifndef FERRY_AGENT_ADDRESS_H
#define FERRY_AGENT_ADDRESS_H

#include <ferry/agent/driver.h>

/* Fires exactly once, never before the start call returned. */
typedef void (*fy_address_cb)(const struct fy_error *err, void *data);

/* The addresses, count and job id are copied. With count 0 the callback still fires (from the loop). */
int fy_address_stage(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                     size_t count, fy_address_cb done, void *data, struct fy_error *err);
int fy_address_go(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                  size_t count, fy_address_cb done, void *data, struct fy_error *err);
/* Tells the neighbours that the addresses are here, for good. After fy_address_go, and not when what should answer
 * there is lost meanwhile: the first packet that came would be answered with an RST, so then fy_address_unstage. */
void fy_address_announce(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                         size_t count);
int fy_address_unstage(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                       size_t count, fy_address_cb done, void *data, struct fy_error *err);
int fy_address_withdraw(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                        size_t count, fy_address_cb done, void *data, struct fy_error *err);
/* At the start of ferryd: takes away whatever an earlier one, killed in between, had staged here and nobody runs. Jobs
 * that cannot be read are left. */
int fy_address_sweep(const struct fy_host *host, fy_address_cb done, void *data, struct fy_error *err);
/* Preflight, at the source: the address is on that device. At the destination: the device exists and is up, the address
 * is not there. FY_E_PREFLIGHT. Synchronous (getifaddrs). */
int fy_address_check_source(const struct fy_service_address *addresses, size_t count, struct fy_error *err);
int fy_address_check_destination(const struct fy_service_address *addresses, size_t count, struct fy_error *err);

#endif
