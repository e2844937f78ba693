/* The control server: its clients and its end. */
#include "control.h"

#include <ferry/base/cleanup.h>

int fy_control_server_new(const struct fy_control_options *options, struct fy_control_server **server,
                          struct fy_error *err)
{
    struct fy_control_server *made = calloc(1, sizeof(*made));
    if (!made)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the control server");
    made->options = *options;
    *server = made;
    return 0;
}

void fy_control_server_publish(struct fy_control_server *server, struct fy_record *record, bool step)
{
    for (struct client *client = server->clients, *next; client; client = next) {
        next = client->next;
        watch_publish(client, record, step);
    }
}

static void maybe_finish(struct fy_control_server *server)
{
    if (!server->closing || server->outstanding > 0)
        return;
    void (*closed)(void *) = server->closed;
    void *data = server->closed_data;
    free(server);
    if (closed)
        closed(data);
}

void server_release(struct fy_control_server *server)
{
    server->outstanding--;
    maybe_finish(server);
}

#define FAREWELL_MS 1000

void fy_control_server_close(struct fy_control_server *server, void (*closed)(void *data), void *data)
{
    server->closing = true;
    server->closed = closed;
    server->closed_data = data;
    for (struct client *client = server->clients; client; client = client->next) {
        if (!client->link)
            continue;
        peer_check_stop(client);
        fy_link_finish(client->link, FAREWELL_MS);
    }
    maybe_finish(server);
}
