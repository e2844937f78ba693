/* Facts of messages that have been read already. */
#ifndef FERRY_IMGCORE_INVENTORY_PRIVATE_H
#define FERRY_IMGCORE_INVENTORY_PRIVATE_H

#include <criu/inventory.pb-c.h>
#include <ferry/imgcore/inventory.h>

struct fy_namespace_ids fy_namespace_ids_from(const TaskKobjIdsEntry *ids);
int fy_inventory_from(const InventoryEntry *entry, struct fy_inventory *inventory, struct fy_error *err);

#endif
