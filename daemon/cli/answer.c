#include "answer.h"
#include "json_job.h"
#include "session.h"
#include "wrap.h"

struct asking {
    const struct cli *cli;
    const struct answer *answer;
    enum cli_exit code;
};

static enum cli_exit print_json(const struct asking *asking, const Ferry__Control__Reply *reply)
{
    struct fy_json *json = fy_json_new(true);
    if (json)
        asking->answer->json(json, reply);
    return json_print(json) < 0 ? CLI_FAILED : CLI_DONE;
}

static enum cli_exit print_text(const struct asking *asking, const Ferry__Control__Reply *reply)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_buf text;
    fy_buf_init(&text, 0);
    int result = asking->answer->text(&text, reply, &err);
    if (result == 0)
        wrap_write(stdout, (const char *)text.data, text.size);
    else
        cli_report(asking->cli, &err);
    fy_buf_done(&text);
    return result == 0 ? CLI_DONE : CLI_FAILED;
}

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    struct asking *asking = data;
    (void)session;
    (void)frame;
    if (reply->kind_case == asking->answer->kind)
        asking->code = asking->cli->json ? print_json(asking, reply) : print_text(asking, reply);
}

enum cli_exit answer_print(const struct cli *cli, Ferry__Control__Request *request, const struct answer *answer)
{
    struct asking asking = {.cli = cli, .answer = answer};
    const struct session_call call = {.request = request, .reply = on_reply, .data = &asking};
    enum cli_exit code = session_simple(cli, &call);
    return code == CLI_DONE ? asking.code : code;
}
