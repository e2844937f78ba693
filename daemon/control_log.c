/* Sends a job's logs: file after file, piece after piece, read by libuv's threads; a slow client is waited for.
 *
 *     NEXT_FILE --opened--> READ --bytes--> SEND --taken--> READ ... --end of file--> CLOSE --> NEXT_FILE ... --> done
 */
#include "control.h"
#include "job_logs.h"

#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

#define PIECE_BYTES (256u * 1024u)
#define MAX_UNSENT_FRAMES 4
#define RETRY_MS 20

struct log_stream {
    struct client *client; /* NULL: gone */
    struct fy_control_server *server;
    uv_fs_t fs;
    uv_timer_t wait;
    char *directory;
    struct dirent **files;
    int file_count, file; /* `file` is the one at work */
    uv_file fd;
    int64_t offset;
    uint8_t *piece; /* being read, or read and not sent */
};

static void next_file(struct log_stream *stream);
static void read_piece(struct log_stream *stream);

/* ---- the end ---- */

static void free_stream(struct log_stream *stream)
{
    for (int i = 0; i < stream->file_count; i++)
        free(stream->files[i]);
    free(stream->files);
    free(stream->directory);
    free(stream->piece);
    free(stream);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct log_stream *stream = fy_container_of((uv_timer_t *)handle, struct log_stream, wait);
    struct fy_control_server *server = stream->server;
    free_stream(stream);
    server_release(server);
}

/* `err` NULL: all was sent. */
static void finish(struct log_stream *stream, const struct fy_error *err)
{
    struct client *client = stream->client;
    if (client) {
        Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
        client->log_stream = NULL;
        if (err)
            client_reply_failure(client, err);
        else
            client_reply(client, &reply, true, NULL, 0);
    }
    uv_close((uv_handle_t *)&stream->wait, on_timer_closed);
}

void log_stream_forget(struct client *client)
{
    if (client->log_stream)
        client->log_stream->client = NULL;
    client->log_stream = NULL;
}

/* ---- one file ---- */

static void on_file_closed(uv_fs_t *fs)
{
    struct log_stream *stream = fy_container_of(fs, struct log_stream, fs);
    uv_fs_req_cleanup(fs);
    stream->file++;
    next_file(stream);
}

static void close_file(struct log_stream *stream)
{
    (void)uv_fs_close(stream->server->options.loop, &stream->fs, stream->fd, on_file_closed);
}

static void on_wait(uv_timer_t *timer)
{
    read_piece(fy_container_of(timer, struct log_stream, wait));
}

static void send_piece(struct log_stream *stream, size_t size)
{
    Ferry__Control__Reply reply = FERRY__CONTROL__REPLY__INIT;
    Ferry__Control__LogText text = FERRY__CONTROL__LOG_TEXT__INIT;
    text.name = stream->files[stream->file]->d_name;
    reply.kind_case = FERRY__CONTROL__REPLY__KIND_LOG;
    reply.log = &text;
    client_reply(stream->client, &reply, false, fy_take(stream->piece), size);
    stream->offset += (int64_t)size;
}

static void on_read(uv_fs_t *fs)
{
    struct log_stream *stream = fy_container_of(fs, struct log_stream, fs);
    ssize_t got = fs->result;
    uv_fs_req_cleanup(fs);
    if (got <= 0 || !stream->client) {
        free(fy_take(stream->piece));
        close_file(stream);
        return;
    }
    send_piece(stream, (size_t)got);
    read_piece(stream);
}

static void read_piece(struct log_stream *stream)
{
    if (stream->client && client_unsent_frames(stream->client) >= MAX_UNSENT_FRAMES) {
        (void)uv_timer_start(&stream->wait, on_wait, RETRY_MS, 0);
        return;
    }
    stream->piece = stream->client ? malloc(PIECE_BYTES) : NULL;
    if (!stream->piece) {
        close_file(stream);
        return;
    }
    uv_buf_t buf = uv_buf_init((char *)stream->piece, PIECE_BYTES);
    (void)uv_fs_read(stream->server->options.loop, &stream->fs, stream->fd, &buf, 1, stream->offset, on_read);
}

static void on_opened(uv_fs_t *fs)
{
    struct log_stream *stream = fy_container_of(fs, struct log_stream, fs);
    ssize_t fd = fs->result;
    uv_fs_req_cleanup(fs);
    if (fd < 0) {
        struct fy_error err = FY_ERROR_INIT;
        fy_error_errno(&err, (int)-fd, "opening %s/%s", stream->directory, stream->files[stream->file]->d_name);
        finish(stream, &err);
        return;
    }
    stream->fd = (uv_file)fd;
    stream->offset = 0;
    read_piece(stream);
}

static void next_file(struct log_stream *stream)
{
    if (stream->file >= stream->file_count || !stream->client) {
        finish(stream, NULL);
        return;
    }
    FY_AUTO_FREE char *path = NULL;
    struct fy_error err = FY_ERROR_INIT;
    if (asprintf(&path, "%s/%s", stream->directory, stream->files[stream->file]->d_name) < 0) {
        fy_error_set(&err, FY_E_NOMEM, "no memory for sending logs");
        finish(stream, &err);
        return;
    }
    (void)uv_fs_open(stream->server->options.loop, &stream->fs, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0,
                     on_opened);
}

/* ---- the beginning ---- */

static int find_files(struct log_stream *stream, struct fy_error *err)
{
    stream->file_count = scandir(stream->directory, &stream->files, job_log_filter, alphasort);
    if (stream->file_count > 0)
        return 0;
    stream->file_count = 0;
    fy_error_set(err, FY_E_NOT_FOUND, "no log has been written to %s", stream->directory);
    return fy_error_next(err, "it ended, or is, before CRIU or the runtime was started; see: ferry job show");
}

int log_stream_start(struct client *client, const char *log_dir, struct fy_error *err)
{
    struct log_stream *stream = calloc(1, sizeof(*stream));
    if (!stream || !(stream->directory = strdup(log_dir))) {
        free(stream);
        return fy_error_set(err, FY_E_NOMEM, "no memory for sending logs");
    }
    if (find_files(stream, err) < 0) {
        free_stream(stream);
        return -1;
    }
    stream->client = client;
    stream->server = client->server;
    client->server->outstanding++;
    client->log_stream = stream;
    (void)uv_timer_init(client->server->options.loop, &stream->wait);
    next_file(stream);
    return 0;
}
