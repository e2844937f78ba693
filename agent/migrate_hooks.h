/* A migration's hooks on the wire: the source tells the destination which of the destination's own it is to run. */
#ifndef FERRY_AGENT_MIGRATE_HOOKS_H
#define FERRY_AGENT_MIGRATE_HOOKS_H

#include <ferry/config/plan.h>
#include <ferry/peer.pb-c.h>

struct fy_offer_hooks {
    Ferry__Peer__Hook messages[FY_MAX_HOOKS];
    Ferry__Peer__Hook *list[FY_MAX_HOOKS];
};

/* Source: puts the destination's hooks of `spec` (borrowed) into the offer; `hooks` lives as long as that. */
void fy_offer_fill_hooks(Ferry__Peer__Offer *offer, struct fy_offer_hooks *hooks, const struct fy_migration_spec *spec);
/* Destination: the offer's hooks into `spec`, each field checked. FY_E_PROTOCOL. */
int fy_offer_read_hooks(const Ferry__Peer__Offer *offer, struct fy_migration_spec *spec, struct fy_error *err);

#endif
