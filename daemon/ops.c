/* The agent's own functions behind the job table's seam. */
#include <ferry/daemon/ops.h>

const struct fy_migration_ops fy_agent_ops = {
    .start = fy_migration_start,
    .go = fy_migration_go,
    .conclude = fy_migration_conclude,
    .look_back = fy_migration_look_back,
    .take_up = fy_migration_take_up,
    .decision = fy_migration_decision,
    .resolve = fy_migration_resolve,
    .cancel = fy_migration_cancel,
    .set_bandwidth = fy_migration_set_bandwidth,
    .receive = fy_receiver_start,
    .receive_take_up = fy_receiver_take_up,
    .receive_decide = fy_receiver_decide,
    .receive_cancel = fy_receiver_cancel,
    .peer_check = fy_peer_check,
    .peer_check_cancel = fy_peer_check_cancel,
};
