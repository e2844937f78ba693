/* Requests about checkpoints. */
#include "control.h"

#include <ferry/base/cleanup.h>
#include <ferry/daemon/checkpoints.h>
#include <string.h>
#include <unistd.h>

static struct fy_checkpoints *checkpoints_of(const struct client *client)
{
    return client->server->options.checkpoints;
}

/* ---- looking ---- */

static void reply_checkpoint(struct client *client, const struct fy_checkpoint_entry *entry, bool last)
{
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    struct fy_checkpoint_shown shown;
    fy_checkpoints_show(checkpoints_of(client), entry, &shown);
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_CHECKPOINT;
    reply.checkpoint = &shown.message;
    client_reply(client, &reply, last, NULL, 0);
}

static void on_pump(uv_timer_t *timer)
{
    list_pump(fy_container_of(timer, struct client, pump));
}

/* There may be thousands, and others come and go meanwhile. */
void list_pump(struct client *client)
{
    const struct fy_checkpoints *checkpoints = checkpoints_of(client);
    size_t first = fy_checkpoints_after(checkpoints, client->listed_us, client->listed), next = first;
    for (; next < fy_checkpoints_count(checkpoints) && client_unsent_frames(client) < LIST_WINDOW_FRAMES; next++) {
        struct fy_checkpoint_entry entry;
        fy_checkpoints_at(checkpoints, next, &entry);
        client->listed_us = entry.record ? entry.record->created_us : 0;
        memcpy(client->listed, entry.id, sizeof client->listed);
        reply_checkpoint(client, &entry, false);
    }
    if (next < fy_checkpoints_count(checkpoints)) {
        (void)uv_timer_start(&client->pump, on_pump, next > first ? LIST_PUMP_MS : LIST_SLOW_MS, 0);
        return;
    }
    (void)uv_timer_stop(&client->pump);
    client->lists = false;
    reply_end(client);
}

int handle_checkpoint_list(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    (void)request;
    (void)err;
    client->lists = true;
    client->listed_us = INT64_MIN;
    client->listed[0] = '\0';
    list_pump(client);
    return 0;
}

int handle_checkpoint_show(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    if (fy_checkpoints_find(checkpoints_of(client), request->checkpoint_show->checkpoint, &entry, err) < 0)
        return -1;
    reply_checkpoint(client, &entry, true);
    return 0;
}

/* ---- jobs ---- */

static int take_label(const char *text, struct fy_checkpoint_label *label, struct fy_error *err)
{
    const char *equals = strchr(text, '=');
    size_t key = equals ? (size_t)(equals - text) : 0;
    if (key == 0 || key >= sizeof label->key || strlen(equals + 1) >= sizeof label->value)
        return fy_error_set(err, FY_E_USAGE,
                            "'%.80s' is no label: KEY=VALUE, the key of at most %zu and the value of at most %zu bytes",
                            text, sizeof label->key - 1, sizeof label->value - 1);
    (void)snprintf(label->key, sizeof label->key, "%.*s", (int)key, text);
    (void)snprintf(label->value, sizeof label->value, "%s", equals + 1);
    return 0;
}

static int create_from_request(const Ferry__Control__CheckpointCreate *from, struct fy_checkpoint_create *what,
                               struct fy_error *err)
{
    fy_migration_spec_init(&what->spec);
    if (fy_workload_parse(from->workload, &what->spec.workload, err) < 0 ||
        (from->tcp && fy_tcp_mode_parse(from->tcp, &what->spec.tcp, err) < 0))
        return -1;
    if (from->n_labels > FY_ARRAY_SIZE(what->labels))
        return fy_error_set(err, FY_E_LIMIT, "%zu labels; a checkpoint has at most %zu", from->n_labels,
                            FY_ARRAY_SIZE(what->labels));
    for (size_t i = 0; i < from->n_labels; i++) {
        if (take_label(from->labels[i], &what->labels[i], err) < 0)
            return -1;
    }
    what->label_count = from->n_labels;
    what->leave_running = from->has_leave_running && from->leave_running;
    what->spec.file_locks = from->has_file_locks && from->file_locks;
    what->spec.shell_job = from->has_shell_job && from->shell_job;
    what->spec.ext_unix_sockets = from->has_ext_unix_sockets && from->ext_unix_sockets;
    what->spec.link_remap = from->has_link_remap && from->link_remap;
    return 0;
}

int handle_checkpoint_create(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_record *record;
    FY_AUTO_FREE struct fy_checkpoint_create *what = calloc(1, sizeof *what);
    if (!what)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a request");
    if (create_from_request(request->checkpoint_create, what, err) < 0 ||
        fy_checkpoints_create(checkpoints_of(client), what, &record, err) < 0)
        return -1;
    return watch_job(client, record, err);
}

int handle_checkpoint_verify(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_record *record;
    if (fy_checkpoints_verify(checkpoints_of(client), request->checkpoint_verify->checkpoint, false, &record, err) < 0)
        return -1;
    return watch_job(client, record, err);
}

int handle_checkpoint_restore(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__CheckpointRestore *from = request->checkpoint_restore;
    struct fy_record *record;
    enum fy_tcp_mode tcp = FY_TCP_CLOSE;
    if (from->tcp && fy_tcp_mode_parse(from->tcp, &tcp, err) < 0)
        return -1;
    if ((from->on ? fy_checkpoints_restore_on(checkpoints_of(client), from->checkpoint, from->on, from->as, tcp,
                                              &record, err)
                  : fy_checkpoints_restore(checkpoints_of(client), from->checkpoint, from->as, tcp, &record, err)) < 0)
        return -1;
    return watch_job(client, record, err);
}

int handle_checkpoint_replicate(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_record *record;
    if (fy_checkpoints_replicate(checkpoints_of(client), request->checkpoint_replicate->checkpoint,
                                 request->checkpoint_replicate->to, &record, err) < 0)
        return -1;
    return watch_job(client, record, err);
}

int handle_checkpoint_remove(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    struct fy_record *record;
    if (fy_checkpoints_remove(checkpoints_of(client), request->checkpoint_remove->checkpoint, &record, err) < 0)
        return -1;
    return watch_job(client, record, err);
}

/* ---- files ---- */

/* Others may be allowed to use ferryd, but it must not read and write files for them that they could not. */
static int check_files(const struct client *client, const char *file, struct fy_error *err)
{
    if (client->uid != 0 && client->uid != geteuid()) {
        fy_error_set(err, FY_E_DENIED, "only root may have ferryd read and write files");
        return fy_error_next(err, "run it as root");
    }
    return file[0] == '/' ? 0 : fy_error_set(err, FY_E_USAGE, "%.200s is no absolute path", file);
}

int handle_checkpoint_export(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__CheckpointExport *from = request->checkpoint_export;
    struct fy_record *record;
    struct fy_checkpoint_entry entry;
    struct fy_checkpoint_export what = {.file = from->file};
    if (check_files(client, from->file, err) < 0 || fy_export_format_parse(from->format, &what.form, err) < 0 ||
        fy_archive_compression_parse(from->compression, &what.compression, err) < 0 ||
        fy_checkpoints_find(checkpoints_of(client), from->checkpoint, &entry, err) < 0)
        return -1;
    memcpy(what.id, entry.id, sizeof what.id);
    if (fy_checkpoints_export(checkpoints_of(client), &what, &record, err) < 0)
        return -1;
    return watch_job(client, record, err);
}

int handle_checkpoint_import(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    const Ferry__Control__CheckpointImport *from = request->checkpoint_import;
    const struct fy_checkpoint_import what = {.file = from->file, .as = from->as};
    struct fy_record *record;
    struct fy_workload workload;
    if (check_files(client, from->file, err) < 0 || (from->as && fy_workload_parse(from->as, &workload, err) < 0) ||
        fy_checkpoints_import(checkpoints_of(client), &what, &record, err) < 0)
        return -1;
    return watch_job(client, record, err);
}

/* ---- pins ---- */

/* Lives until the state is on the disk, whatever becomes of who asked. */
struct pinning {
    struct fy_control_server *server;
    struct client *client; /* NULL: gone */
    char id[FY_CHECKPOINT_ID_SIZE];
};

static void pinned(const struct fy_error *err, void *data)
{
    struct pinning *pinning = data;
    struct client *client = pinning->client;
    struct fy_control_server *server = pinning->server;
    struct fy_checkpoint_entry entry;
    struct fy_error gone = FY_ERROR_INIT;
    if (client) {
        client->pinning = NULL;
        if (err)
            client_reply_failure(client, err);
        else if (fy_checkpoints_find(server->options.checkpoints, pinning->id, &entry, &gone) < 0)
            client_reply_failure(client, &gone);
        else
            reply_checkpoint(client, &entry, true);
    }
    free(pinning);
    server_release(server);
}

void pinning_forget(struct client *client)
{
    if (client->pinning)
        client->pinning->client = NULL;
    client->pinning = NULL;
}

static int pin(struct client *client, const char *checkpoint, bool pins, struct fy_error *err)
{
    struct fy_checkpoint_entry entry;
    if (fy_checkpoints_find(checkpoints_of(client), checkpoint, &entry, err) < 0)
        return -1;
    struct pinning *pinning = calloc(1, sizeof *pinning);
    if (!pinning)
        return fy_error_set(err, FY_E_NOMEM, "no memory for a request");
    pinning->server = client->server;
    pinning->client = client;
    memcpy(pinning->id, entry.id, sizeof pinning->id);
    if (fy_checkpoints_pin(checkpoints_of(client), entry.id, pins, pinned, pinning, err) < 0) {
        free(pinning);
        return -1;
    }
    client->pinning = pinning;
    client->server->outstanding++;
    return 0;
}

int handle_checkpoint_pin(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    return pin(client, request->checkpoint_pin->checkpoint, true, err);
}

int handle_checkpoint_unpin(struct client *client, const Ferry__Control__Request *request, struct fy_error *err)
{
    return pin(client, request->checkpoint_unpin->checkpoint, false, err);
}
