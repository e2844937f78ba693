/* ferry job resolve JOB --commit|--abort: for the one case in which the other host is gone. Says what is at stake and
 * asks, on a terminal; elsewhere --yes is the confirmation. */
#include "commands.h"
#include "session.h"
#include "show.h"

#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>

struct values {
    bool commit;
    bool abort;
    bool yes;
};

static const struct cli_option options[] = {
    {"commit", CLI_FLAG, NULL, "the workload runs at the destination, now or already", offsetof(struct values, commit),
     0},
    {"abort", CLI_FLAG, NULL, "the workload stays at the source, the copy is discarded", offsetof(struct values, abort),
     0},
    {"yes", CLI_FLAG, NULL, "do it without asking", offsetof(struct values, yes), 0},
    {0},
};

static bool person_agrees(const struct fy_error *stakes)
{
    char answer[16] = "";
    (void)fprintf(stderr, "%s.\nType yes to do it: ", stakes->message);
    if (!fgets(answer, sizeof(answer), stdin))
        return false;
    return strcmp(answer, "yes\n") == 0;
}

/* ferryd's answer to what is not confirmed says what is at stake. */
static enum cli_exit ask(const struct cli *cli, const struct session_call *call, bool *agreed)
{
    struct fy_error stakes = FY_ERROR_INIT;
    enum session_end end = session_run(cli, call, &stakes);
    if (end == SESSION_FAILED && stakes.code == FY_E_USAGE && isatty(STDIN_FILENO) && !cli->json) {
        *agreed = person_agrees(&stakes);
        return CLI_CANCELLED;
    }
    cli_report(cli, &stakes);
    if (end == SESSION_UNREACHABLE)
        return CLI_NO_AGENT;
    return stakes.code == FY_E_USAGE ? CLI_USAGE : CLI_FAILED;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *given)
{
    (void)count;
    const struct values *values = given;
    struct fy_error err = FY_ERROR_INIT;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__JobResolve resolve = FERRY__CONTROL__JOB_RESOLVE__INIT;
    bool agreed = values->yes;
    if (values->commit == values->abort) {
        fy_error_set(&err, FY_E_USAGE, "job resolve: give one of --commit and --abort");
        fy_error_next(&err, "see what each side holds: ferry job show %s", operands[0]);
        cli_report(cli, &err);
        return CLI_USAGE;
    }
    resolve.job = operands[0];
    resolve.commit = values->commit;
    resolve.has_confirmed = true;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_JOB_RESOLVE;
    request.job_resolve = &resolve;
    const struct session_call call = {.request = &request, .reply = show_reply, .data = cli};
    if (!agreed) {
        enum cli_exit code = ask(cli, &call, &agreed);
        if (!agreed)
            return code;
    }
    resolve.confirmed = true;
    return session_simple(cli, &call);
}

const struct cli_command cmd_job_resolve = {
    .name = "job resolve",
    .operands = "JOB",
    .summary = "Decide a job whose other host is gone for good",
    .description =
        "Refused while the other host can be reached: then the job ends by itself. What is at stake is said,\n"
        "and asked for; a script confirms with --yes. Make sure of the other host first.",
    .options = options,
    .values_bytes = sizeof(struct values),
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
