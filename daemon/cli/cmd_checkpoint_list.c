/* ferry checkpoint list */
#include "checkpoint_text.h"
#include "commands.h"
#include "json_job.h"
#include "session.h"

#include <stdio.h>
#include <string.h>

struct values {
    const char *workload;
};

static const struct cli_option options[] = {
    {"workload", CLI_TEXT, "WORKLOAD", "only of this one", offsetof(struct values, workload), 0},
    {0},
};

struct listing {
    const struct values *values;
    struct fy_json *json; /* NULL: text */
    struct fy_buf text;
    uint64_t logical_bytes, real_bytes;
    struct fy_error err;
};

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    struct listing *listing = data;
    (void)session;
    (void)frame;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_CHECKPOINT)
        return;
    const Ferry__Control__Checkpoint *checkpoint = reply->checkpoint;
    if (listing->values->workload && strcmp(listing->values->workload, checkpoint->workload) != 0)
        return;
    listing->logical_bytes += checkpoint->logical_bytes;
    listing->real_bytes += checkpoint->real_bytes;
    if (listing->json)
        checkpoint_json(listing->json, NULL, checkpoint);
    else
        (void)checkpoint_row(&listing->text, checkpoint, &listing->err);
}

static enum cli_exit print_json(struct listing *listing, enum cli_exit code)
{
    if (code != CLI_DONE) {
        fy_json_free(listing->json);
        return code;
    }
    fy_json_close_array(listing->json);
    fy_json_uint(listing->json, "logical_bytes", listing->logical_bytes);
    fy_json_uint(listing->json, "real_bytes", listing->real_bytes);
    fy_json_close_object(listing->json);
    return json_print(listing->json) < 0 ? CLI_FAILED : CLI_DONE;
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    struct listing listing = {.values = values, .json = cli->json ? fy_json_new(true) : NULL};
    (void)count;
    (void)operands;
    fy_buf_init(&listing.text, 0);
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_CHECKPOINT_LIST;
    request.checkpoint_list = &nothing;
    if (listing.json) {
        fy_json_open_object(listing.json, NULL);
        fy_json_open_array(listing.json, "checkpoints");
    } else {
        (void)checkpoint_row(&listing.text, NULL, &listing.err);
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
