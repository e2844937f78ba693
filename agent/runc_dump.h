/* The dump of a container with runc, also of one that another program made with runc and keeps the rest of. Private to
 * the drivers. */
#ifndef FERRY_AGENT_RUNC_DUMP_H
#define FERRY_AGENT_RUNC_DUMP_H

#include "dump.h"
#include "runc_call.h"

struct fy_runc_dump;

/* How the container's own program is brought in; NULL for `runc/ID`, which has none. */
struct fy_runc_dump_owner {
    /* In the place of fy_dump_stage(), which is to be called now or later. */
    void (*stage)(struct fy_runc_dump *dump, const char *stage);
    /* In the place of fy_dump_criu_ended(). */
    void (*criu_ended)(struct fy_runc_dump *dump);
    /* In the place of fy_dump_ended(). */
    void (*ended)(struct fy_runc_dump *dump, enum fy_workload_state state, const struct fy_error *why);
};

struct fy_runc_dump {
    struct fy_dump base;
    const struct fy_runc_dump_owner *owner;
    char id[FY_WORKLOAD_ID_SIZE]; /* as runc knows the container */
    struct fy_runc_call *call;    /* NULL before it starts and once it has ended */
    bool is_absent;               /* there was no such container */
    bool checkpoint_began;
    bool checkpoint_done; /* runc said that it went well */
    bool put_right;       /* once is enough: what is then still wrong is reported */
    char words[512];
};

/* Begins with asking runc about dump->id. What fails later ends with the owner's criu_ended(). */
int fy_runc_dump_begin(struct fy_runc_dump *dump, struct fy_error *err);
/* The rest of a driver. */
void fy_runc_dump_answer(struct fy_dump *dump, bool go_on);
void fy_runc_dump_terminate(struct fy_dump *dump);
pid_t fy_runc_dump_program(const struct fy_dump *dump);
void fy_runc_dump_take_up(struct fy_dump *dump);
void fy_runc_dump_settle(struct fy_dump *dump);

#endif
