/* The agent's own functions behind the job table's seam. */
#include <ferry/daemon/ops.h>

const struct fy_migration_ops fy_agent_ops = {
    .start = fy_migration_start,
    .go = fy_migration_go,
    .cancel = fy_migration_cancel,
    .set_bandwidth = fy_migration_set_bandwidth,
    .receive = fy_receiver_start,
    .receive_cancel = fy_receiver_cancel,
    .peer_check = fy_peer_check,
};
