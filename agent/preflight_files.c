/* Looks at each path in the thread pool. */
#include "preflight_files.h"

#include "file_identity.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_PATH_BYTES 120 /* its end says more than its beginning */

struct check {
    uv_work_t work;
    const Ferry__Peer__Offer *offer;
    fy_preflight_files_cb done;
    void *data;
    size_t different;
    const char *first; /* of those; borrowed */
    char why[64];
};

static bool same_content(const Ferry__Peer__OpenFile *file, const struct fy_file_identity *here, const char **why)
{
    *why = "has another size here";
    if (file->has_size_bytes && file->size_bytes != here->size_bytes)
        return false;
    *why = "is of another build here";
    return !file->has_build_id || here->build_id_bytes == 0 ||
           (file->build_id.len == here->build_id_bytes &&
            !memcmp(file->build_id.data, here->build_id, here->build_id_bytes));
}

/* NULL, or what is wrong with it here. */
static const char *difference(const Ferry__Peer__OpenFile *file)
{
    struct fy_file_identity here;
    const char *why = NULL;
    int failure = fy_file_identify(file->path, &here);
    if (failure == ENOENT || failure == ENOTDIR)
        return "is not here";
    if (failure == EINVAL)
        return "is not a file here";
    if (failure)
        return strerror(failure);
    if (file->directory != here.directory)
        return here.directory ? "is a directory here" : "is no directory here";
    return here.directory || same_content(file, &here, &why) ? NULL : why;
}

static void look(uv_work_t *work)
{
    struct check *check = fy_container_of(work, struct check, work);
    for (size_t i = 0; i < check->offer->n_files; i++) {
        const char *why = difference(check->offer->files[i]);
        if (why && check->different++ == 0) {
            check->first = check->offer->files[i]->path;
            (void)snprintf(check->why, sizeof check->why, "%s", why);
        }
    }
}

static void say(const struct check *check, struct fy_preflight_item *item)
{
    size_t all = check->offer->n_files;
    item->ok = check->different == 0 || check->offer->files_may_come;
    if (check->different == 0) {
        (void)snprintf(item->detail, sizeof item->detail, "the %zu that it uses are the same here", all);
        return;
    }
    char path[SHOWN_PATH_BYTES + 1], others[64] = "";
    size_t size = strlen(check->first);
    bool whole = size < sizeof path - strlen("…");
    fy_text_copy_printable(path, sizeof path,
                           whole ? check->first : check->first + size + strlen("…") + 1 - sizeof path);
    if (check->different > 1)
        (void)snprintf(others, sizeof others, ", nor are %zu others of %zu the same", check->different - 1, all);
    (void)snprintf(item->detail, sizeof item->detail, "%s%s %s%s%s", whole ? "" : "…", path, check->why, others,
                   item->ok ? "; a hook may bring what is missing" : "");
    if (!item->ok)
        (void)snprintf(item->next, sizeof item->next, "%s",
                       check->offer->kind == FERRY__PEER__WORKLOAD_KIND__PROCESS
                           ? "have the same files on both hosts (the same packages, a shared file system, a hook that "
                             "copies them), or let the workload close what it can do without"
                           : "have the sources of the container's bind mounts on both hosts (a shared file system, a "
                             "hook that makes them), or run it without these mounts");
}

static void looked(uv_work_t *work, int status)
{
    (void)status;
    struct check *check = fy_container_of(work, struct check, work);
    struct fy_preflight_item item = {.name = "files"};
    say(check, &item);
    check->done(&item, check->data);
    free(check);
}

int fy_preflight_files_start(uv_loop_t *loop, const Ferry__Peer__Offer *offer, fy_preflight_files_cb done, void *data,
                             struct fy_error *err)
{
    struct check *check = calloc(1, sizeof *check);
    if (!check)
        return fy_error_set(err, FY_E_NOMEM, "no memory for looking at files");
    check->offer = offer;
    check->done = done;
    check->data = data;
    (void)uv_queue_work(loop, &check->work, look, looked); /* fails only without a function */
    return 0;
}
