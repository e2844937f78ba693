/* ferry job list */
#include "commands.h"
#include "format_job.h"
#include "json_job.h"
#include "session.h"

#include <stdio.h>

struct listing {
    struct fy_json *json; /* NULL: text */
    struct fy_buf text;
    struct fy_error err;
};

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    (void)session;
    (void)frame;
    struct listing *listing = data;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_JOB)
        return;
    if (listing->json)
        json_job(listing->json, NULL, reply->job);
    else
        (void)format_job_row(&listing->text, reply->job, &listing->err);
}

static enum cli_exit print_json(struct listing *listing, enum cli_exit code)
{
    if (code != CLI_DONE) {
        fy_json_free(listing->json);
        return code;
    }
    fy_json_close_array(listing->json);
    fy_json_close_object(listing->json);
    return json_print(listing->json) < 0 ? CLI_FAILED : CLI_DONE;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)operands;
    (void)values;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    struct listing listing = {.json = cli->json ? fy_json_new(true) : NULL};
    fy_buf_init(&listing.text, 0);
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_JOB_LIST;
    request.job_list = &nothing;
    if (listing.json) {
        fy_json_open_object(listing.json, NULL);
        fy_json_open_array(listing.json, "jobs");
    } else {
        (void)format_job_row(&listing.text, NULL, &listing.err);
    }
    const struct session_call call = {.request = &request, .reply = on_reply, .data = &listing};
    enum cli_exit code = session_simple(cli, &call);
    if (listing.json)
        code = print_json(&listing, code);
    else if (code == CLI_DONE)
        (void)fwrite(listing.text.data, 1, listing.text.size, stdout);
    fy_buf_done(&listing.text);
    return code;
}

const struct cli_command cmd_job_list = {
    .name = "job list",
    .operands = "",
    .summary = "List jobs, oldest first",
    .run = run,
};
