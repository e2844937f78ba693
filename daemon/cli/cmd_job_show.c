/* ferry job show JOB */
#include "commands.h"
#include "session.h"
#include "show.h"

struct showing {
    const struct cli *cli;
    enum cli_exit code;
};

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    (void)session;
    (void)frame;
    struct showing *showing = data;
    if (reply->kind_case == FERRY__CONTROL__REPLY__KIND_JOB)
        showing->code = show_block(showing->cli, reply->job);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    struct showing showing = {.cli = cli};
    enum cli_exit code =
        session_about_job(cli, FERRY__CONTROL__REQUEST__KIND_JOB_SHOW, operands[0], on_reply, &showing);
    return code == CLI_DONE ? showing.code : code;
}

const struct cli_command cmd_job_show = {
    .name = "job show",
    .operands = "JOB",
    .summary = "Show all that is known of a job",
    .description = "JOB is an id, or the beginning of one that fits no other. The exit code says whether the job\n"
                   "could be shown, not how it ended.",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
