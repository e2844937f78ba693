/* The repair mode that CRIU puts TCP sockets in while it dumps them, and leaves them in until the decision.
 *
 * A socket in repair mode refuses its task every read and write: should CRIU die while it holds the tasks, they would
 * wake up to errors that no program expects. So the mode is ended while they are held, which the packet locks hide from
 * everybody; it is begun again before they are killed, so that their sockets vanish without a word to the peers. */
#ifndef FERRY_AGENT_REPAIR_H
#define FERRY_AGENT_REPAIR_H

#include "proc.h"

struct fy_repair_socket {
    struct fy_process process; /* one that has it open */
    int fd;                    /* there */
};

struct fy_repair {
    struct fy_repair_socket *sockets;
    size_t count;
    size_t capacity;
};

/* Ends the mode of every socket of the frozen tasks that is in it, and notes which. Blocks: for the thread pool.
 * FY_E_NOMEM, FY_E_IO: some are still in it. */
int fy_repair_end(const struct fy_process_tree *tree, struct fy_repair *repair, struct fy_error *err);
/* Begins it again. The same errors. */
int fy_repair_begin_again(const struct fy_repair *repair, struct fy_error *err);
void fy_repair_done(struct fy_repair *repair);

#endif
