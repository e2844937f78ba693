/* Expanding and verifying: both read everything; one keeps it. */
#include "content.h"
#include "stored_check.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

/* The first damage, as an error. */
static void first_damage(const struct fy_checkpoint_damage *damage, void *data)
{
    fy_error_set(data, FY_E_VERIFY, "%s", damage->what);
}

/* Says where the damage is that made `why` happen, if the hashes of what is stored tell it. */
static void locate(const struct fy_checkpoint_store *store, const char *id, const struct fy_error *why,
                   struct fy_error *err)
{
    size_t count = 0;
    struct fy_error found = FY_ERROR_INIT;
    if (why->code == FY_E_VERIFY)
        (void)stored_check(store, id, first_damage, &found, NULL, &count, NULL);
    fy_error_propagate(err, fy_error_is_set(&found) ? &found : why);
}

static int open_target(const char *path, int *fd, struct fy_error *err)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd < 0 ? fy_error_errno(err, errno, "opening %s", path) : 0;
}

static int expand(const struct fy_checkpoint_store *store, const char *id, const char *images_dir,
                  const char *extra_dir, struct fy_checkpoint_progress *progress, struct fy_error *err)
{
    FY_AUTO_CLOSE int images_fd = -1;
    FY_AUTO_CLOSE int extra_fd = -1;
    struct view *view = NULL;
    if (open_target(images_dir, &images_fd, err) < 0 || (extra_dir && open_target(extra_dir, &extra_fd, err) < 0) ||
        view_open(store, id, &view, err) < 0)
        return -1;
    const struct content_target target = {.images_fd = images_fd, .extra_fd = extra_fd};
    int result = content_check(view, &target, progress, err);
    view_close(view);
    return result;
}

int fy_checkpoint_expand(const struct fy_checkpoint_store *store, const char *id, const char *images_dir,
                         const char *extra_dir, struct fy_checkpoint_progress *progress, struct fy_error *err)
{
    struct fy_error why = FY_ERROR_INIT;
    if (expand(store, id, images_dir, extra_dir, progress, &why) == 0)
        return 0;
    locate(store, id, &why, err);
    return -1;
}

/* ---- verifying ---- */

static int check_content(const struct fy_checkpoint_store *store, const char *id,
                         struct fy_checkpoint_progress *progress, bool *whole_look, struct fy_error *err)
{
    FY_AUTO_FREE char *scratch = NULL;
    struct fy_error why = FY_ERROR_INIT;
    struct view *view = NULL;
    if (view_open(store, id, &view, &why) < 0) {
        *whole_look = why.code != FY_E_DENIED; /* encrypted, and the key is not here: what is stored is whole */
        if (*whole_look)
            fy_error_propagate(err, &why);
        return *whole_look ? -1 : 0;
    }
    *whole_look = true;
    FY_AUTO_CLOSE int images_fd = -1;
    int result = 0;
    if (asprintf(&scratch, "%s/verify-%s-XXXXXX", store->options.scratch, id) < 0) {
        scratch = NULL;
        result = fy_error_set(err, FY_E_NOMEM, "no memory for a directory's name");
    } else if (!mkdtemp(scratch)) {
        result = fy_error_errno(err, errno, "creating %s", scratch);
    } else {
        result = open_target(scratch, &images_fd, err);
    }
    const struct content_target target = {.images_fd = images_fd, .extra_fd = -1, .sparse_pages = true};
    if (result == 0)
        result = content_check(view, &target, progress, err);
    view_close(view);
    if (scratch)
        (void)fy_fs_remove_tree(scratch, NULL);
    return result;
}

struct first_of {
    fy_checkpoint_damage_cb report;
    void *data;
    struct fy_error *first;
};

static void pass_on(const struct fy_checkpoint_damage *damage, void *data)
{
    const struct first_of *of = data;
    fy_error_set(of->first, FY_E_VERIFY, "%s", damage->what);
    if (of->report)
        of->report(damage, of->data);
}

int fy_checkpoint_verify(const struct fy_checkpoint_store *store, const char *id, fy_checkpoint_damage_cb report,
                         void *data, struct fy_checkpoint_progress *progress, bool *whole_look, struct fy_error *err)
{
    size_t count = 0;
    struct fy_error first = FY_ERROR_INIT;
    struct first_of of = {report, data, &first};
    *whole_look = false;
    if (stored_check(store, id, pass_on, &of, progress, &count, err) < 0)
        return -1;
    if (count > 0) {
        fy_error_propagate(err, &first);
        return -1;
    }
    if (check_content(store, id, progress, whole_look, &first) == 0)
        return 0;
    if (first.code == FY_E_VERIFY && report) {
        const struct fy_checkpoint_damage damage = {.id = id, .file = "", .what = first.message};
        report(&damage, data);
    }
    fy_error_propagate(err, &first);
    return -1;
}
