/* ferry checkpoint list */
#include "checkpoint_text.h"
#include "commands.h"
#include "listing.h"

#include <string.h>

struct values {
    const char *workload;
};

static const struct cli_option options[] = {
    {"workload", CLI_TEXT, "WORKLOAD", "only of this one", offsetof(struct values, workload), 0},
    {0},
};

struct totals {
    const char *workload; /* NULL: all are listed */
    uint64_t logical_bytes, real_bytes;
};

static bool takes(const Ferry__Control__Reply *reply, void *data)
{
    struct totals *totals = data;
    if (totals->workload && strcmp(totals->workload, reply->checkpoint->workload) != 0)
        return false;
    totals->logical_bytes += reply->checkpoint->logical_bytes;
    totals->real_bytes += reply->checkpoint->real_bytes;
    return true;
}

static int row(struct fy_buf *cells, const Ferry__Control__Reply *reply, struct fy_error *err)
{
    return checkpoint_row(cells, reply ? reply->checkpoint : NULL, err);
}

static void json(struct fy_json *out, const Ferry__Control__Reply *reply)
{
    checkpoint_json(out, NULL, reply->checkpoint);
}

static void json_end(struct fy_json *out, const void *data)
{
    const struct totals *totals = data;
    fy_json_uint(out, "logical_bytes", totals->logical_bytes);
    fy_json_uint(out, "real_bytes", totals->real_bytes);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct totals totals = {.workload = values->workload};
    const struct listing listing = {.array = "checkpoints",
                                    .kind = FERRY__CONTROL__REPLY__KIND_CHECKPOINT,
                                    .row = row,
                                    .json = json,
                                    .takes = takes,
                                    .json_end = json_end,
                                    .data = &totals};
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    (void)count;
    (void)operands;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_LIST;
    request.checkpoint_list = &nothing;
    return listing_print(cli, &request, &listing);
}

const struct cli_command cmd_checkpoint_list = {
    .name = "checkpoint list",
    .operands = "",
    .summary = "List checkpoints, oldest first, with what they hold and what they take",
    .description =
        "LOGICAL is the size of the image set, REAL what it takes on the disk, CHAIN how many checkpoints a\n"
        "restore reads.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .run = run,
};
