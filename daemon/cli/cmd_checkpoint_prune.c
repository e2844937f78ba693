/* ferry checkpoint prune */
#include "commands.h"
#include "json_job.h"
#include "session.h"

#include <ferry/base/buf.h>
#include <ferry/base/clock.h>
#include <ferry/base/text.h>
#include <stdio.h>
#include <time.h>

#define ROW "%-6s  %-24s  %-20s  %-19s  %10s  %s\n"

struct values {
    const char *schedule;
    bool dry_run;
};

static const struct cli_option options[] = {
    {"schedule", CLI_TEXT, "NAME", "only the checkpoints of this schedule", offsetof(struct values, schedule), 0},
    {"dry-run", CLI_FLAG, NULL, "only show what would be removed and why", offsetof(struct values, dry_run), 'n'},
    {0},
};

struct listing {
    struct fy_json *json; /* NULL: text */
    struct fy_buf text;
    size_t removed;
    uint64_t removed_bytes;
    struct fy_error err;
};

static void print_row(struct listing *listing, const Ferry__Control__PruneVerdict *verdict)
{
    char taken[32] = "-", real[FY_TEXT_SIZE];
    time_t seconds = verdict->taken_s;
    struct tm tm;
    if (localtime_r(&seconds, &tm))
        (void)strftime(taken, sizeof taken, "%Y-%m-%d %H:%M:%S", &tm);
    fy_text_bytes(verdict->real_bytes, real);
    (void)fy_buf_printf(&listing->text, &listing->err, ROW, verdict->remove ? "remove" : "keep", verdict->checkpoint,
                        verdict->workload, taken, real, verdict->why);
}

static void print_object(struct listing *listing, const Ferry__Control__PruneVerdict *verdict)
{
    char taken[FY_CLOCK_TEXT_SIZE];
    fy_clock_format(verdict->taken_s * 1000000, taken);
    fy_json_open_object(listing->json, NULL);
    fy_json_string(listing->json, "checkpoint", verdict->checkpoint);
    fy_json_string(listing->json, "schedule", verdict->schedule);
    fy_json_string(listing->json, "workload", verdict->workload);
    fy_json_string(listing->json, "created", taken);
    fy_json_uint(listing->json, "real_bytes", verdict->real_bytes);
    fy_json_bool(listing->json, "remove", verdict->remove);
    fy_json_string(listing->json, "why", verdict->why);
    fy_json_close_object(listing->json);
}

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    struct listing *listing = data;
    (void)session;
    (void)frame;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_PRUNE)
        return;
    listing->removed += reply->prune->remove ? 1 : 0;
    listing->removed_bytes += reply->prune->remove ? reply->prune->real_bytes : 0;
    if (listing->json)
        print_object(listing, reply->prune);
    else
        print_row(listing, reply->prune);
}

static enum cli_exit finish(struct listing *listing, bool dry_run)
{
    char bytes[FY_TEXT_SIZE];
    if (listing->json) {
        fy_json_close_array(listing->json);
        fy_json_bool(listing->json, "dry_run", dry_run);
        fy_json_close_object(listing->json);
        return json_print(listing->json) < 0 ? CLI_FAILED : CLI_DONE;
    }
    fy_text_bytes(listing->removed_bytes, bytes);
    (void)fwrite(listing->text.data, 1, listing->text.size, stdout);
    (void)printf("%zu checkpoint%s (%s) %s\n", listing->removed, listing->removed == 1 ? "" : "s", bytes,
                 dry_run ? "would be removed" : "are being removed, each in a job: ferry job list");
    return CLI_DONE;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    const struct values *values = given;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__CheckpointPrune prune = FERRY__CONTROL__CHECKPOINT_PRUNE__INIT;
    struct listing listing = {.json = cli->json ? fy_json_new(true) : NULL};
    (void)count;
    (void)operands;
    fy_buf_init(&listing.text, 0);
    prune.schedule = (char *)(uintptr_t)values->schedule;
    prune.has_dry_run = 1;
    prune.dry_run = values->dry_run;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_PRUNE;
    request.checkpoint_prune = &prune;
    if (listing.json) {
        fy_json_open_object(listing.json, NULL);
        fy_json_open_array(listing.json, "checkpoints");
    } else {
        (void)fy_buf_printf(&listing.text, &listing.err, ROW, "", "CHECKPOINT", "WORKLOAD", "CREATED", "REAL", "WHY");
    }
    const struct session_call call = {.request = &request, .reply = on_reply, .data = &listing};
    enum cli_exit code = session_simple(cli, &call);
    if (code == CLI_DONE)
        code = finish(&listing, values->dry_run);
    else
        fy_json_free(listing.json);
    fy_buf_done(&listing.text);
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
