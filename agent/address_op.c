/* Running of address operations, one child process after the other. */
#include "address_op.h"

#include <ferry/agent/child.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>

#define TOOL_DEADLINE_MS 10000u

static const struct {
    const char *const *argv;
    const char *name;
} tools[] = {
    [FY_TOOL_NFT] = {(const char *const[]){"nft", "-f", "-", NULL}, "nft"},
    [FY_TOOL_IP] = {(const char *const[]){"ip", "-batch", "-", NULL}, "ip"},
    [FY_TOOL_IP_FORCE] = {(const char *const[]){"ip", "-force", "-batch", "-", NULL}, "ip"},
};

static void run_next(struct fy_address_op *op);

struct fy_address_op *fy_address_op_new(const struct fy_host *host, const char *job_id,
                                        const struct fy_service_address *addresses, size_t count, fy_address_cb done,
                                        void *data, struct fy_error *err)
{
    struct fy_address_op *op = calloc(1, sizeof *op);
    if (!op) {
        fy_error_set(err, FY_E_NOMEM, "no memory for moving an address");
        return NULL;
    }
    op->host = host;
    op->count = count;
    op->done = done;
    op->data = data;
    (void)snprintf(op->job_id, sizeof op->job_id, "%s", job_id);
    if (count > 0)
        memcpy(op->addresses, addresses, count * sizeof *addresses);
    return op;
}

void fy_address_op_free(struct fy_address_op *op)
{
    if (!op)
        return;
    for (size_t i = 0; i < op->step_count; i++)
        free(op->steps[i].input);
    free(op);
}

int fy_address_op_add(struct fy_address_op *op, enum fy_address_tool tool, struct fy_buf *input, struct fy_error *err)
{
    if (input->size == 0)
        return 0;
    char *text = fy_buf_take_string(input);
    if (!text)
        return fy_error_set(err, FY_E_NOMEM, "no memory for commands of %s", tools[tool].name);
    op->steps[op->step_count].tool = tool;
    op->steps[op->step_count++].input = text;
    return 0;
}

static void starter_closed(uv_handle_t *handle)
{
    struct fy_address_op *op = fy_container_of(handle, struct fy_address_op, starter);
    fy_address_cb done = op->done;
    void *data = op->data;
    struct fy_error error = op->error;
    fy_address_op_free(op);
    done(fy_error_is_set(&error) ? &error : NULL, data);
}

static void finish(struct fy_address_op *op)
{
    if (!fy_error_is_set(&op->error) && op->finally)
        op->finally(op);
    uv_close((uv_handle_t *)&op->starter, starter_closed);
}

static void ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    (void)child;
    struct fy_address_op *op = data;
    enum fy_address_tool tool = op->steps[op->next_step++].tool;
    bool may_fail = tool == FY_TOOL_IP_FORCE && !result->timed_out;
    if (!may_fail && fy_child_check(tools[tool].name, result, &op->error) < 0) {
        fy_error_wrap(&op->error, "changing a service address");
        finish(op);
        return;
    }
    run_next(op);
}

static void run_next(struct fy_address_op *op)
{
    if (op->next_step == op->step_count) {
        finish(op);
        return;
    }
    struct fy_child_options options = {
        .argv = tools[op->steps[op->next_step].tool].argv,
        .input = op->steps[op->next_step].input,
        .inherit_fd = -1,
        .deadline_ms = TOOL_DEADLINE_MS,
    };
    struct fy_child *child = NULL;
    if (fy_child_start(op->host->loop, &options, ended, op, &child, &op->error) < 0)
        finish(op);
}

static void started(uv_timer_t *starter)
{
    run_next(fy_container_of(starter, struct fy_address_op, starter));
}

void fy_address_op_start(struct fy_address_op *op)
{
    (void)uv_timer_init(op->host->loop, &op->starter);
    (void)uv_timer_start(&op->starter, started, 0, 0);
}
