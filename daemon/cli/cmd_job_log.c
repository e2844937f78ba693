/* ferry job log JOB: CRIU's and the runtime's logs as they were kept. */
#include "commands.h"
#include "json_job.h"
#include "scrub.h"
#include "session.h"

#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct logging {
    bool to_terminal;
    struct fy_json *json;  /* NULL: text */
    char name[256];        /* of the log that is being printed */
    struct fy_buf content; /* with JSON: what has come of it */
    struct fy_error err;
};

static void end_json_log(struct logging *logging)
{
    FY_AUTO_FREE char *content = fy_buf_take_string(&logging->content);
    if (!logging->name[0])
        return;
    fy_json_open_object(logging->json, NULL);
    fy_json_string(logging->json, "name", logging->name);
    fy_json_string(logging->json, "text", content);
    fy_json_close_object(logging->json);
}

static void begin_log(struct logging *logging, const char *name)
{
    if (strcmp(name, logging->name) == 0)
        return;
    if (logging->json)
        end_json_log(logging);
    else
        (void)printf("%s==> %s <==\n", logging->name[0] ? "\n" : "", name);
    (void)snprintf(logging->name, sizeof(logging->name), "%s", name);
}

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    struct logging *logging = data;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_LOG)
        return;
    begin_log(logging, reply->log->name);
    FY_AUTO_FREE char *text = malloc(frame->body_bytes + 1);
    if (!text) {
        fy_error_set(&logging->err, FY_E_NOMEM, "no memory for a log");
        session_stop(session);
        return;
    }
    if (frame->body_bytes)
        memcpy(text, frame->body, frame->body_bytes);
    if (logging->to_terminal)
        scrub_text(text, frame->body_bytes, true);
    if (!logging->json)
        (void)fwrite(text, 1, frame->body_bytes, stdout);
    else if (fy_buf_append(&logging->content, text, frame->body_bytes, &logging->err) < 0)
        session_stop(session);
}

static enum cli_exit finish_json(struct logging *logging, enum cli_exit code)
{
    if (code == CLI_DONE) {
        end_json_log(logging);
        fy_json_close_array(logging->json);
        fy_json_close_object(logging->json);
        return json_print(logging->json) < 0 ? CLI_FAILED : CLI_DONE;
    }
    fy_json_free(logging->json);
    return code;
}

#define MAX_JSON_LOG_BYTES (64u * 1024u * 1024u)

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__JobRef ref = FERRY__CONTROL__JOB_REF__INIT;
    struct logging logging = {.to_terminal = !cli->json && isatty(STDOUT_FILENO),
                              .json = cli->json ? fy_json_new(true) : NULL};
    fy_buf_init(&logging.content, MAX_JSON_LOG_BYTES);
    ref.job = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_JOB_LOG;
    request.job_log = &ref;
    if (logging.json) {
        fy_json_open_object(logging.json, NULL);
        fy_json_string(logging.json, "job", operands[0]);
        fy_json_open_array(logging.json, "logs");
    }
    const struct session_call call = {.request = &request, .reply = on_reply, .data = &logging};
    enum cli_exit code = session_simple(cli, &call);
    if (code == CLI_DONE && fy_error_is_set(&logging.err)) {
        cli_report(cli, &logging.err);
        code = CLI_FAILED;
    }
    if (logging.json)
        code = finish_json(&logging, code);
    fy_buf_done(&logging.content);
    return code;
}

const struct cli_command cmd_job_log = {
    .name = "job log",
    .operands = "JOB",
    .summary = "Print the logs that CRIU and the runtime wrote",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
