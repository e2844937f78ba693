/* A short sequence of `ip` and `nft` commands, and then a callback. */
#ifndef FERRY_AGENT_ADDRESS_OP_H
#define FERRY_AGENT_ADDRESS_OP_H

#include <ferry/agent/address.h>
#include <ferry/base/buf.h>

enum fy_address_tool {
    FY_TOOL_NFT,      /* nft -f -: all or nothing */
    FY_TOOL_IP,       /* ip -batch -: stops at the first failure */
    FY_TOOL_IP_FORCE, /* ip -force -batch -: what fails is passed over, and is no failure */
};

struct fy_address_op;

/* `finally` (may be NULL) runs on the loop when all steps went well, before `done`. */
typedef void (*fy_address_finally)(struct fy_address_op *op);

struct fy_address_op {
    const struct fy_host *host;
    char job_id[64];
    struct fy_service_address addresses[FY_MAX_ADDRESSES];
    size_t count;
    struct {
        enum fy_address_tool tool;
        char *input; /* ours */
    } steps[2];
    size_t step_count;
    size_t next_step;
    fy_address_finally finally;
    fy_address_cb done;
    void *data;
    uv_timer_t starter; /* so that `done` never comes from within the start call */
    struct fy_error error;
};

/* A new operation without steps; NULL with FY_E_NOMEM. */
struct fy_address_op *fy_address_op_new(const struct fy_host *host, const char *job_id,
                                        const struct fy_service_address *addresses, size_t count, fy_address_cb done,
                                        void *data, struct fy_error *err);
/* For an operation that was not started. NULL is legal. */
void fy_address_op_free(struct fy_address_op *op);
/* Takes the text of `input`; an empty one makes no step. */
int fy_address_op_add(struct fy_address_op *op, enum fy_address_tool tool, struct fy_buf *input, struct fy_error *err);
/* Cannot fail: whatever goes wrong is told by `done`. */
void fy_address_op_start(struct fy_address_op *op);

#endif
