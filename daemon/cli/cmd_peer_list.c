/* ferry peer list */
#include "commands.h"
#include "listing.h"

static int row(struct fy_buf *cells, const Ferry__Control__Reply *reply, struct fy_error *err)
{
    if (!reply)
        return fy_buf_printf(cells, err, "PEER\tADDRESS\n");
    return fy_buf_printf(cells, err, "%s\t%s\n", reply->peer->name, reply->peer->address);
}

static void json(struct fy_json *out, const Ferry__Control__Reply *reply)
{
    fy_json_open_object(out, NULL);
    fy_json_string(out, "name", reply->peer->name);
    fy_json_string(out, "address", reply->peer->address);
    fy_json_close_object(out);
}

static enum cli_exit run(struct cli *cli, int count, char **operands, const void *values)
{
    static const struct listing listing = {
        .array = "peers", .kind = FERRY__CONTROL__REPLY__KIND_PEER, .row = row, .json = json};
    Ferry__Control__Request request = FERRY__CONTROL__REQUEST__INIT;
    Ferry__Control__Nothing nothing = FERRY__CONTROL__NOTHING__INIT;
    (void)count;
    (void)operands;
    (void)values;
    request.kind_case = FERRY__CONTROL__REQUEST__KIND_PEER_LIST;
    request.peer_list = &nothing;
    return listing_print(cli, &request, &listing);
}

const struct cli_command cmd_peer_list = {
    .name = "peer list",
    .operands = "",
    .summary = "List the hosts that ferryd can move workloads to",
    .run = run,
};
