/* A migration's hooks on the wire, where the source tells the destination which of the destination's own it is to run,
 * and in the journal, for the source's. */
#ifndef FERRY_AGENT_MIGRATE_HOOKS_H
#define FERRY_AGENT_MIGRATE_HOOKS_H

#include <ferry/config/plan.h>
#include <ferry/peer.pb-c.h>

struct fy_wire_hooks {
    Ferry__Peer__Hook messages[FY_MAX_HOOKS];
    Ferry__Peer__Hook *list[FY_MAX_HOOKS];
    size_t count;
};

/* Those of one side of `spec`, which is borrowed. */
void fy_wire_hooks_fill(struct fy_wire_hooks *hooks, const struct fy_migration_spec *spec, enum fy_hook_side side);
/* Adds them to `spec` as hooks of that side, each field checked. FY_E_PROTOCOL. */
int fy_wire_hooks_read(Ferry__Peer__Hook *const *list, size_t count, enum fy_hook_side side,
                       struct fy_migration_spec *spec, struct fy_error *err);

#endif
