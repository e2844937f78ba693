/* Preflight at the destination: every question that can be answered before anything is frozen, one item each. */
#ifndef FERRY_AGENT_PREFLIGHT_H
#define FERRY_AGENT_PREFLIGHT_H

#include <ferry/agent/driver.h>
#include <ferry/agent/migrate.h>
#include <ferry/peer.pb-c.h>

struct fy_preflight;

/* Last and exactly once, never before the start call has returned. `items` are valid during the call. */
typedef void (*fy_preflight_cb)(const struct fy_preflight_item *items, size_t count, bool accepted,
                                uint64_t space_bytes, void *data);
/* `offer` and `spec` are borrowed until the callback; `spec` is what fy_migrate_offer_to_spec() made of the offer.
 * `space_bytes` in the callback is what an image set may use in run_dir. */
int fy_preflight_start(const struct fy_host *host, const Ferry__Peer__Offer *offer,
                       const struct fy_migration_spec *spec, fy_preflight_cb done, void *data, struct fy_error *err);

#endif
