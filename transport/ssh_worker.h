/* The worker thread of an SSH link. */
#ifndef FERRY_TRANSPORT_SSH_WORKER_H
#define FERRY_TRANSPORT_SSH_WORKER_H

#include "ssh_conn.h"

struct fy_ssh_worker {
    struct fy_ssh_bridge *bridge;
    const struct fy_ssh_target *target;
};

/* Thread function; `data` is a struct fy_ssh_worker that outlives the thread. Goes from the name look-up to the end of
 * the connection and reports everything, the end last, through the bridge. */
void *fy_ssh_worker_main(void *data);

#endif
