/* ferry explain LOGFILE|JOB: why did CRIU or the runtime fail? */
#include "commands.h"
#include "format_job.h"
#include "json_job.h"
#include "session.h"

#include <ferry/agent/evidence.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static enum cli_exit print_cause(const struct cli *cli, const struct fy_error *cause)
{
    if (cli->json) {
        json_print_error(cause);
        return CLI_DONE;
    }
    FY_AUTO_FREE char *message = fy_text_printable(cause->message, strlen(cause->message));
    FY_AUTO_FREE char *next = fy_text_printable(cause->next, strlen(cause->next));
    (void)printf("%s\n", message ? message : "");
    if (next && next[0])
        (void)printf("  next: %s\n", next);
    return CLI_DONE;
}

static enum cli_exit explain_file(const struct cli *cli, const char *path)
{
    struct fy_error cause = FY_ERROR_INIT;
    (void)fy_evidence_from_log("it", path, NULL, FY_E_CHILD, &cause);
    return print_cause(cli, &cause);
}

struct explaining {
    const struct cli *cli;
    enum cli_exit code;
};

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    (void)session;
    (void)frame;
    struct explaining *explaining = data;
    struct fy_error cause = FY_ERROR_INIT;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_JOB)
        return;
    error_of_job(reply->job, &cause);
    if (fy_error_is_set(&cause))
        explaining->code = print_cause(explaining->cli, &cause);
    else if (explaining->cli->json)
        explaining->code = json_print_job(reply->job, true) < 0 ? CLI_FAILED : CLI_DONE;
    else
        (void)printf("%s has no failure to explain\n", reply->job->id);
}

static enum cli_exit explain_job(const struct cli *cli, char *job)
{
    struct explaining explaining = {.cli = cli};
    enum cli_exit code = session_about_job(cli, FERRY__CONTROL__REQUEST__KIND_JOB_SHOW, job, on_reply, &explaining);
    return code == CLI_DONE ? explaining.code : code;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    struct stat st;
    bool is_file = stat(operands[0], &st) == 0 && S_ISREG(st.st_mode);
    if (is_file)
        return explain_file(cli, operands[0]);
    if (!strchr(operands[0], '/'))
        return explain_job(cli, operands[0]);
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_NOT_FOUND, "%s: no such file", operands[0]);
    fy_error_next(&err, "name a log of CRIU or runc, or a job of `ferry job list`");
    cli_report(cli, &err);
    return CLI_FAILED;
}

const struct cli_command cmd_explain = {
    .name = "explain",
    .operands = "JOB|LOGFILE",
    .summary = "Say why CRIU or the runtime failed, and what to do",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
