/* Asks CRIU for its version, as RPC: that also shows that it starts at all. */
#include "swrk.h"

#include <ferry/agent/driver.h>
#include <ferry/base/cleanup.h>

#include <stdlib.h>

struct version_query {
    struct fy_swrk *swrk;
    fy_criu_version_cb done;
    void *data;
    uv_timer_t deadline;
    int version;
    struct fy_error err;
};

#define QUERY_LIMIT_MS 10000

static void closed(uv_handle_t *handle)
{
    struct version_query *query = handle->data;
    const struct fy_error *err = fy_error_is_set(&query->err) ? &query->err : NULL;
    query->done(err ? 0 : query->version, err, query->data);
    free(query);
}

static void notified(struct fy_swrk *swrk, const char *stage, pid_t pid, void *data)
{
    (void)stage;
    (void)pid;
    (void)data;
    fy_swrk_answer(swrk, true);
}

static void ended(struct fy_swrk *swrk, const struct fy_swrk_result *result, void *data)
{
    struct version_query *query = data;
    (void)swrk;
    query->version = result->version;
    if (!result->responded || !result->success || result->version <= 0) {
        fy_error_set(&query->err, FY_E_UNSUPPORTED, "CRIU does not say its version: %s",
                     result->words[0] ? result->words : "it ended without a word");
        fy_error_next(&query->err, "run `criu check` on this host; deploy/get-criu installs one that works");
    } else if (result->version < FY_CRIU_MIN_VERSION) {
        fy_error_set(&query->err, FY_E_UNSUPPORTED, "CRIU is %d.%d.%d, and ferry needs 4.2 or newer",
                     result->version / 10000, result->version / 100 % 100, result->version % 100);
        fy_error_next(&query->err, "install a newer CRIU (deploy/get-criu does)");
    }
    uv_close((uv_handle_t *)&query->deadline, closed);
}

static void late(uv_timer_t *timer)
{
    struct version_query *query = timer->data;
    fy_swrk_kill(query->swrk);
}

static void start_failed(uv_handle_t *handle)
{
    free(handle->data);
}

int fy_criu_version(const struct fy_host *host, fy_criu_version_cb done, void *data, struct fy_error *err)
{
    static const struct fy_swrk_events events = {.notified = notified, .ended = ended};
    CriuReq request = CRIU_REQ__INIT;
    request.type = CRIU_REQ_TYPE__VERSION;
    struct version_query *query = calloc(1, sizeof(*query));
    if (!query)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for asking CRIU its version");
    query->done = done;
    query->data = data;
    (void)uv_timer_init(host->loop, &query->deadline);
    query->deadline.data = query;
    if (fy_swrk_start(host->loop, host->settings->criu, &request, &events, query, &query->swrk, err) < 0) {
        if (err && err->code == FY_E_NOT_FOUND)
            fy_error_next(
                err, "install CRIU 4.2 or newer (deploy/get-criu does), or name its path in ferryd's configuration");
        uv_close((uv_handle_t *)&query->deadline, start_failed);
        return -1;
    }
    (void)uv_timer_start(&query->deadline, late, QUERY_LIMIT_MS, 0);
    return 0;
}
