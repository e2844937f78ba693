/* ferry peer list */
#include "commands.h"
#include "json_job.h"
#include "session.h"

#include <stdio.h>

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    (void)session;
    (void)frame;
    struct fy_json *json = data;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_PEER)
        return;
    if (!json) {
        (void)printf("%-20s  %s\n", reply->peer->name, reply->peer->address);
        return;
    }
    fy_json_open_object(json, NULL);
    fy_json_string(json, "name", reply->peer->name);
    fy_json_string(json, "address", reply->peer->address);
    fy_json_close_object(json);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)operands;
    (void)values;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    struct fy_json *json = cli->json ? fy_json_new(true) : NULL;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_PEER_LIST;
    request.peer_list = &nothing;
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_open_array(json, "peers");
    }
    const struct session_call call = {.request = &request, .reply = on_reply, .data = json};
    enum cli_exit code = session_simple(cli, &call);
    if (!json || code != CLI_DONE) {
        fy_json_free(json);
        return code;
    }
    fy_json_close_array(json);
    fy_json_close_object(json);
    return json_print(json) < 0 ? CLI_FAILED : CLI_DONE;
}

const struct cli_command cmd_peer_list = {
    .name = "peer list",
    .operands = "",
    .summary = "List the hosts that ferryd can move workloads to",
    .run = run,
};
