/* A child `criu swrk 3` and our end of its socket. `ended` waits for both: the exit and what was still in the socket.
 */
#include "swrk.h"

#include <ferry/agent/child.h>
#include <ferry/base/cleanup.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define MESSAGE_LIMIT_BYTES 65536

struct fy_swrk {
    uv_poll_t poll;
    int fd;
    struct fy_child *child; /* NULL once it has ended */
    bool poll_closed;
    bool notification_waits;
    const struct fy_swrk_events *events;
    void *data;
    struct fy_swrk_result result;
    uint8_t message[MESSAGE_LIMIT_BYTES];
};

static void finish_if_all_ended(struct fy_swrk *swrk)
{
    if (swrk->child || !swrk->poll_closed)
        return;
    swrk->events->ended(swrk, &swrk->result, swrk->data);
    free(swrk);
}

static void poll_handle_closed(uv_handle_t *handle)
{
    struct fy_swrk *swrk = fy_container_of(handle, struct fy_swrk, poll);
    (void)close(swrk->fd);
    swrk->poll_closed = true;
    finish_if_all_ended(swrk);
}

static void close_socket(struct fy_swrk *swrk)
{
    if (!uv_is_closing((uv_handle_t *)&swrk->poll))
        uv_close((uv_handle_t *)&swrk->poll, poll_handle_closed);
}

/* ---- messages ---- */

static void keep_words(struct fy_swrk *swrk, const char *words, size_t size)
{
    while (size > 0 && strchr("\r\n \t", words[size - 1]))
        size--;
    if (swrk->result.words[0] || size == 0)
        return;
    if (size > sizeof(swrk->result.words) - 1)
        size = sizeof(swrk->result.words) - 1;
    for (size_t i = 0; i < size; i++)
        swrk->result.words[i] = (unsigned char)words[i] < ' ' || words[i] == 0x7f ? ' ' : words[i];
    swrk->result.words[size] = '\0';
}

static void keep_response(struct fy_swrk *swrk, const CriuResp *response)
{
    struct fy_swrk_result *result = &swrk->result;
    result->responded = true;
    result->success = response->success;
    result->cr_errno = response->has_cr_errno ? response->cr_errno : 0;
    if (response->restore)
        result->restore_pid = response->restore->pid;
    if (response->version)
        result->version = response->version->major_number * 10000 + response->version->minor_number * 100 +
                          response->version->sublevel;
    if (response->cr_errmsg)
        keep_words(swrk, response->cr_errmsg, strlen(response->cr_errmsg));
}

static void take_message(struct fy_swrk *swrk, const uint8_t *bytes, size_t size)
{
    CriuResp *response = criu_resp__unpack(NULL, size, bytes);
    if (!response) {
        static const char unreadable[] = "CRIU sent a message that is none of its RPC";
        keep_words(swrk, unreadable, sizeof(unreadable) - 1);
        close_socket(swrk);
        return;
    }
    if (response->type != CRIU_REQ_TYPE__NOTIFY) {
        keep_response(swrk, response);
    } else if (swrk->child) { /* nobody waits for the answer to what a dead CRIU has asked */
        const CriuNotify *notify = response->notify;
        swrk->notification_waits = true;
        swrk->events->notified(swrk, notify && notify->script ? notify->script : "",
                               notify && notify->has_pid ? notify->pid : 0, swrk->data);
    }
    criu_resp__free_unpacked(response, NULL);
}

/* Returns whether there may be more. */
static bool receive(struct fy_swrk *swrk)
{
    ssize_t size = recv(swrk->fd, swrk->message, sizeof(swrk->message), MSG_DONTWAIT | MSG_TRUNC);
    if (size < 0)
        return errno == EINTR;
    if (size == 0 || (size_t)size > sizeof(swrk->message)) {
        close_socket(swrk);
        return false;
    }
    take_message(swrk, swrk->message, (size_t)size);
    return !uv_is_closing((uv_handle_t *)&swrk->poll);
}

static void socket_ready(uv_poll_t *poll, int status, int events)
{
    struct fy_swrk *swrk = fy_container_of(poll, struct fy_swrk, poll);
    (void)events;
    if (status < 0)
        close_socket(swrk);
    else
        (void)receive(swrk);
}

static int send_request(int fd, const CriuReq *request, struct fy_error *err)
{
    size_t size = criu_req__get_packed_size(request);
    FY_AUTO_FREE uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for a request to CRIU");
    (void)criu_req__pack(request, bytes);
    if (send(fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)size)
        return fy_error_errno(err, errno, "cannot send CRIU a request of %zu bytes", size);
    return 0;
}

void fy_swrk_answer(struct fy_swrk *swrk, bool success)
{
    CriuReq answer = CRIU_REQ__INIT;
    answer.type = CRIU_REQ_TYPE__NOTIFY;
    answer.has_notify_success = 1;
    answer.notify_success = success;
    if (!swrk->notification_waits || uv_is_closing((uv_handle_t *)&swrk->poll))
        return;
    swrk->notification_waits = false;
    /* A closed socket is the only likely reason; CRIU takes it for a veto. */
    if (send_request(swrk->fd, &answer, NULL) < 0)
        close_socket(swrk);
}

/* ---- the child ---- */

static void child_ended(struct fy_child *child, const struct fy_child_result *result, void *data)
{
    struct fy_swrk *swrk = data;
    struct fy_error err = FY_ERROR_INIT;
    (void)child;
    swrk->child = NULL;
    while (!uv_is_closing((uv_handle_t *)&swrk->poll) && receive(swrk)) {
    }
    keep_words(swrk, result->output, result->output_size);
    if (!swrk->result.responded && fy_child_check("criu", result, &err) < 0) {
        swrk->result.words[0] = '\0';
        keep_words(swrk, err.message, strlen(err.message));
    }
    close_socket(swrk);
    finish_if_all_ended(swrk);
}

static int start_child(struct fy_swrk *swrk, uv_loop_t *loop, const char *criu, int child_fd, struct fy_error *err)
{
    const char *const argv[] = {criu, "swrk", "3", NULL};
    struct fy_child_options options = {.argv = argv, .inherit_fd = child_fd};
    return fy_child_start(loop, &options, child_ended, swrk, &swrk->child, err);
}

int fy_swrk_start(uv_loop_t *loop, const char *criu, const CriuReq *request, const struct fy_swrk_events *events,
                  void *data, struct fy_swrk **swrk_out, struct fy_error *err)
{
    int fds[2];
    struct fy_swrk *swrk = calloc(1, sizeof(*swrk));
    if (!swrk)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for starting CRIU");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        free(swrk);
        return fy_error_errno(err, errno, "cannot make a socket for CRIU");
    }
    FY_AUTO_CLOSE int child_fd = fds[1];
    swrk->fd = fds[0];
    swrk->events = events;
    swrk->data = data;
    /* The request waits in the socket for CRIU. */
    if (send_request(swrk->fd, request, err) < 0 || start_child(swrk, loop, criu, child_fd, err) < 0) {
        (void)close(swrk->fd);
        free(swrk);
        return -1;
    }
    (void)uv_poll_init(loop, &swrk->poll, swrk->fd);
    (void)uv_poll_start(&swrk->poll, UV_READABLE, socket_ready);
    *swrk_out = swrk;
    return 0;
}

void fy_swrk_kill(struct fy_swrk *swrk)
{
    if (swrk->child)
        fy_child_kill(swrk->child);
}

pid_t fy_swrk_pid(const struct fy_swrk *swrk)
{
    return swrk->child ? fy_child_pid(swrk->child) : 0;
}
