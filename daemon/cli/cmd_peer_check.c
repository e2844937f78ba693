/* ferry peer check PEER */
#include "commands.h"
#include "json_job.h"
#include "session.h"

#include <ferry/base/text.h>
#include <stdio.h>
#include <string.h>

static void print_text(const Ferry__Control__PeerCheck *check)
{
    char connect[FY_TEXT_SIZE], latency[FY_TEXT_SIZE];
    fy_text_duration(check->connect_us * 1000, connect);
    fy_text_duration(check->latency_us * 1000, latency);
    (void)printf("%s answers: it calls itself %s\n", check->name, check->remote_name);
    (void)printf("  %-10s %s, protocol %u.%u\n", "version", check->version, check->protocol_major,
                 check->protocol_minor);
    (void)printf("  %-10s %s\n", "link", check->link);
    (void)printf("  %-10s %s\n", "connected", connect);
    (void)printf("  %-10s %s\n", "round trip", latency);
    if (!check->has_throughput_bytes)
        return;
    char rate[FY_TEXT_SIZE];
    fy_text_bytes(check->throughput_bytes, rate);
    (void)printf("  %-10s %s/s on one connection\n", "throughput", rate);
}

/* The link's description ends with it: "ssh:ferry@10.1.1.2:22 aes128-ctr". */
static const char *cipher_of(const char *link)
{
    const char *space = strrchr(link, ' ');
    return space ? space + 1 : "";
}

static void print_json(const Ferry__Control__PeerCheck *check)
{
    struct fy_json *json = fy_json_new(true);
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "peer", check->name);
        fy_json_bool(json, "ok", true);
        fy_json_string(json, "remote_name", check->remote_name);
        fy_json_string(json, "version", check->version);
        fy_json_uint(json, "protocol_major", check->protocol_major);
        fy_json_uint(json, "protocol_minor", check->protocol_minor);
        fy_json_string(json, "link", check->link);
        fy_json_number(json, "connect_ms", (double)check->connect_us / 1000.0);
        fy_json_number(json, "latency_ms", (double)check->latency_us / 1000.0);
        if (check->has_throughput_bytes)
            fy_json_uint(json, "throughput_bytes_per_second", check->throughput_bytes);
        else
            fy_json_null(json, "throughput_bytes_per_second");
        fy_json_string(json, "cipher", cipher_of(check->link));
        fy_json_close_object(json);
    }
    (void)json_print(json);
}

static void on_reply(struct session *session, const Ferry__Control__Reply *reply, const struct fy_frame *frame,
                     void *data)
{
    (void)session;
    (void)frame;
    const struct cli *cli = data;
    if (reply->kind_case != FERRY__CONTROL__REPLY__KIND_PEER_CHECK)
        return;
    if (cli->json)
        print_json(reply->peer_check);
    else
        print_text(reply->peer_check);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    (void)count;
    (void)values;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__PeerRef ref = FERRY__CONTROL__PEER_REF__INIT;
    ref.peer = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_PEER_CHECK;
    request.peer_check = &ref;
    const struct session_call call = {.request = &request, .reply = on_reply, .data = cli};
    return session_simple(cli, &call);
}

const struct cli_command cmd_peer_check = {
    .name = "peer check",
    .operands = "PEER",
    .summary = "Connect to a peer and measure the way there",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
