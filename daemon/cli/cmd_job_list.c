/* ferry job list */
#include "commands.h"
#include "format_job.h"
#include "json_job.h"
#include "listing.h"

static int row(struct fy_buf *cells, const Ferry__Control__Reply *reply, struct fy_error *err)
{
    return format_job_row(cells, reply ? reply->job : NULL, err);
}

static void json(struct fy_json *out, const Ferry__Control__Reply *reply)
{
    json_job(out, NULL, reply->job);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    static const struct listing listing = {
        .array = "jobs", .kind = FERRY__CONTROL__REPLY__KIND_JOB, .row = row, .json = json};
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    (void)count;
    (void)operands;
    (void)values;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_JOB_LIST;
    request.job_list = &nothing;
    return listing_print(cli, &request, &listing);
}

const struct cli_command cmd_job_list = {
    .name = "job list",
    .operands = "",
    .summary = "List jobs, oldest first",
    .run = run,
};
