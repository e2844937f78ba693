/* ferry peer check PEER */
#include "answer.h"
#include "commands.h"

#include <ferry/base/text.h>
#include <string.h>

static int text(struct fy_buf *out, const Ferry__Control__Reply *reply, struct fy_error *err)
{
    const Ferry__Control__PeerCheck *check = reply->peer_check;
    char connect[FY_TEXT_SIZE], latency[FY_TEXT_SIZE], rate[FY_TEXT_SIZE];
    fy_text_duration(check->connect_us * 1000, connect);
    fy_text_duration(check->latency_us * 1000, latency);
    if (fy_buf_printf(out, err,
                      "%s answers: it calls itself %s\n"
                      "  version    %s, protocol %u.%u\n"
                      "  link       %s\n"
                      "  connected  %s\n"
                      "  round trip %s\n",
                      check->name, check->remote_name, check->version, check->protocol_major, check->protocol_minor,
                      check->link, connect, latency) < 0)
        return -1;
    if (!check->has_throughput_bytes)
        return 0;
    fy_text_bytes(check->throughput_bytes, rate);
    return fy_buf_printf(out, err, "  throughput %s/s on one connection\n", rate);
}

/* The link's description ends with it: "ssh:ferry@10.1.1.2:22 aes128-ctr". */
static const char *cipher_of(const char *link)
{
    const char *space = strrchr(link, ' ');
    return space ? space + 1 : "";
}

static void json(struct fy_json *out, const Ferry__Control__Reply *reply)
{
    const Ferry__Control__PeerCheck *check = reply->peer_check;
    fy_json_open_object(out, NULL);
    fy_json_string(out, "peer", check->name);
    fy_json_bool(out, "ok", true);
    fy_json_string(out, "remote_name", check->remote_name);
    fy_json_string(out, "version", check->version);
    fy_json_uint(out, "protocol_major", check->protocol_major);
    fy_json_uint(out, "protocol_minor", check->protocol_minor);
    fy_json_string(out, "link", check->link);
    fy_json_number(out, "connect_ms", (double)check->connect_us / 1000.0);
    fy_json_number(out, "latency_ms", (double)check->latency_us / 1000.0);
    if (check->has_throughput_bytes)
        fy_json_uint(out, "throughput_bytes_per_second", check->throughput_bytes);
    else
        fy_json_null(out, "throughput_bytes_per_second");
    fy_json_string(out, "cipher", cipher_of(check->link));
    fy_json_close_object(out);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    static const struct answer answer = {.kind = FERRY__CONTROL__REPLY__KIND_PEER_CHECK, .text = text, .json = json};
    (void)count;
    (void)values;
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__PeerRef ref = FERRY__CONTROL__PEER_REF__INIT;
    ref.peer = operands[0];
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_PEER_CHECK;
    request.peer_check = &ref;
    return answer_print(cli, &request, &answer);
}

const struct cli_command cmd_peer_check = {
    .name = "peer check",
    .operands = "PEER",
    .summary = "Connect to a peer and measure the way there",
    .min_operands = 1,
    .max_operands = 1,
    .run = run,
};
