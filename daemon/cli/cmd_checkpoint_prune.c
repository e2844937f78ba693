/* ferry checkpoint prune */
#include "commands.h"
#include "listing.h"

#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <stdio.h>

struct values {
    const char *schedule;
    bool dry_run;
};

static const struct cli_option options[] = {
    {"schedule", CLI_TEXT, "NAME", "only the checkpoints of this schedule", offsetof(struct values, schedule), 0},
    {"dry-run", CLI_FLAG, NULL, "only show what would be removed and why", offsetof(struct values, dry_run), 'n'},
    {0},
};

struct prune {
    bool dry_run;
    size_t removed;
    uint64_t removed_bytes;
};

static bool takes(const Ferry__Control__Reply *reply, void *data)
{
    struct prune *prune = data;
    prune->removed += reply->prune->remove ? 1 : 0;
    prune->removed_bytes += reply->prune->remove ? reply->prune->real_bytes : 0;
    return true;
}

static int row(struct fy_buf *cells, const Ferry__Control__Reply *reply, struct fy_error *err)
{
    if (!reply)
        return fy_buf_printf(cells, err, "\tCHECKPOINT\t~WORKLOAD\t-CREATED\t>REAL\t=WHY\n");
    const Ferry__Control__PruneVerdict *verdict = reply->prune;
    char taken[LISTING_TIME_SIZE], real[FY_TEXT_SIZE];
    listing_cell_time(verdict->taken_s * 1000000, taken);
    fy_text_bytes(verdict->real_bytes, real);
    return fy_buf_printf(cells, err, "%s\t%s\t%s\t%s\t%s\t%s\n", verdict->remove ? "remove" : "keep",
                         verdict->checkpoint, verdict->workload, taken, real, verdict->why);
}

static void json(struct fy_json *out, const Ferry__Control__Reply *reply)
{
    const Ferry__Control__PruneVerdict *verdict = reply->prune;
    char taken[FY_CLOCK_TEXT_SIZE];
    fy_clock_format(verdict->taken_s * 1000000, taken);
    fy_json_open_object(out, NULL);
    fy_json_string(out, "checkpoint", verdict->checkpoint);
    fy_json_string(out, "schedule", verdict->schedule);
    fy_json_string(out, "workload", verdict->workload);
    fy_json_string(out, "created", taken);
    fy_json_uint(out, "real_bytes", verdict->real_bytes);
    fy_json_bool(out, "remove", verdict->remove);
    fy_json_string(out, "why", verdict->why);
    fy_json_close_object(out);
}

static void json_end(struct fy_json *out, const void *data)
{
    const struct prune *prune = data;
    fy_json_bool(out, "dry_run", prune->dry_run);
}

static void print_sum(const struct prune *prune)
{
    char bytes[FY_TEXT_SIZE];
    fy_text_bytes(prune->removed_bytes, bytes);
    (void)printf("%zu checkpoint%s (%s) %s\n", prune->removed, prune->removed == 1 ? "" : "s", bytes,
                 prune->dry_run ? "would be removed" : "are being removed, each in a job: ferry job list");
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    struct prune prune = {.dry_run = values->dry_run};
    const struct listing listing = {.array = "checkpoints",
                                    .kind = FERRY__CONTROL__REPLY__KIND_PRUNE,
                                    .row = row,
                                    .json = json,
                                    .takes = takes,
                                    .json_end = json_end,
                                    .data = &prune};
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointPrune ask = FERRY__CONTROL__CHECKPOINT_PRUNE__INIT;
    (void)count;
    (void)operands;
    ask.schedule = (char *)(uintptr_t)values->schedule;
    ask.has_dry_run = 1;
    ask.dry_run = values->dry_run;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_PRUNE;
    request.checkpoint_prune = &ask;
    enum cli_exit code = listing_print(cli, &request, &listing);
    if (code == CLI_DONE && !cli->json)
        print_sum(&prune);
    return code;
}

const struct cli_command cmd_checkpoint_prune = {
    .name = "checkpoint prune",
    .operands = "",
    .summary = "Remove what the schedules' rules no longer keep, and say why",
    .options = options,
    .values_bytes = sizeof(struct values),
    .run = run,
};
