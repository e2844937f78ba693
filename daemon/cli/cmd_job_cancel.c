/* ferry job cancel JOB: asks, then waits until the job has ended. */
#include "commands.h"
#include "json_job.h"
#include "session.h"
#include "show.h"

#include <ferry/agent/migrate.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>

struct cancel {
    const struct cli *cli;
    char id[FY_JOB_ID_SIZE];
    Ferry__Control__JobState state;
};

static void on_asked(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    (void)session;
    (void)frame;
    struct cancel *cancel = data;
    if (reply->kind_case == FERRY__CONTROL__REPLY__KIND_JOB)
        (void)snprintf(cancel->id, sizeof(cancel->id), "%s", reply->job->id);
}

static void on_watched(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                       void *data)
{
    (void)session;
    (void)frame;
    struct cancel *cancel = data;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_JOB)
        return;
    cancel->state = reply->job->state;
    if (reply->job->has_ended_us)
        (void)show_block(cancel->cli, reply->job);
}

static enum cli_exit wait_for_end(struct cancel *cancel)
{
    enum cli_exit code =
        session_about_job(cancel->cli, FERRY__CONTROL__REQUEST__KIND_JOB_WATCH, cancel->id, on_watched, cancel);
    if (code != CLI_DONE)
        return code;
    return cancel->state == FERRY__CONTROL__JOB_STATE__CANCELLED ? CLI_DONE : CLI_FAILED;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    struct cancel cancel = {.cli = cli};
    enum cli_exit code =
        session_about_job(cli, FERRY__CONTROL__REQUEST__KIND_JOB_CANCEL, operands[0], on_asked, &cancel);
    return code == CLI_DONE ? wait_for_end(&cancel) : code;
}

const struct cli_command cmd_job_cancel = {
    .name = "job cancel",
    .operands = "JOB",
    .summary = "End a job; its workload runs on at the source",
    .description = "Waits until the job has ended. Refused once the switchover is decided: then it completes.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
