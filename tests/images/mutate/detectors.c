/* Those who are asked whether a set is damaged. */
#include "mutate.h"
#include <fcntl.h>
#include <ferry/base/error.h>
#include <ferry/imgcore/manifest.h>
#include <ferry/imgcore/verify.h>
#include <stdlib.h>
#include <unistd.h>

#define LEVELS_MAX 16

static void *prepare_nothing(int dir_fd)
{
    (void)dir_fd;
    return NULL;
}

static void forget_nothing(void *prepared)
{
    (void)prepared;
}

/* Lazy dumps are taken as whole, so that their files are looked at. */
static bool verifier_notices(int dir_fd, void *prepared)
{
    struct fy_imageset_options options = {.accept_lazy = true};
    struct fy_imageset_summary summary;
    struct fy_error err = FY_ERROR_INIT;

    (void)prepared;
    if (fy_imageset_check(dir_fd, &options, &summary, &err) == 0) {
        fy_imageset_summary_done(&summary);
        return false;
    }
    if (err.code != FY_E_VERIFY && err.code != FY_E_UNSUPPORTED && err.code != FY_E_LIMIT)
        die("the verifier fails: %s", err.message);
    return true;
}

/* One manifest for each level: a manifest says nothing about what `parent` leads to. */
struct levels {
    int fds[LEVELS_MAX];
    struct fy_manifest *manifests[LEVELS_MAX];
    size_t count;
};

static void *prepare_manifests(int dir_fd)
{
    struct fy_manifest_options options = {.threads = 1};
    struct levels *levels = calloc(1, sizeof(*levels));
    struct fy_error err = FY_ERROR_INIT;

    if (!levels)
        die("no memory");
    for (int fd = openat(dir_fd, ".", O_DIRECTORY | O_CLOEXEC); fd >= 0;
         fd = openat(fd, "parent", O_DIRECTORY | O_CLOEXEC)) {
        if (levels->count == LEVELS_MAX)
            die("more levels than places");
        if (fy_manifest_create(fd, &options, &levels->manifests[levels->count], &err) < 0)
            die("no manifest can be made: %s", err.message);
        levels->fds[levels->count++] = fd;
    }
    return levels;
}

static bool manifests_notice(int dir_fd, void *prepared)
{
    const struct levels *levels = prepared;
    struct fy_error err = FY_ERROR_INIT;
    size_t count = 0;

    (void)dir_fd;
    for (size_t i = 0; i < levels->count && count == 0; i++)
        if (fy_manifest_compare(levels->manifests[i], levels->fds[i], 1, NULL, NULL, &count, &err) < 0)
            die("comparing with the manifest fails: %s", err.message);
    return count > 0;
}

static void forget_manifests(void *prepared)
{
    struct levels *levels = prepared;

    for (size_t i = 0; i < levels->count; i++) {
        fy_manifest_free(levels->manifests[i]);
        (void)close(levels->fds[i]);
    }
    free(levels);
}

const struct detector detectors[] = {
    {"verify", prepare_nothing, verifier_notices, forget_nothing, false},
    {"manifest", prepare_manifests, manifests_notice, forget_manifests, true},
};
const size_t detector_count = sizeof(detectors) / sizeof(detectors[0]);
_Static_assert(sizeof(detectors) / sizeof(detectors[0]) <= DETECTORS_MAX, "more detectors than places");

/* What does not find the whole set whole would notice everything. */
void panel_open(struct panel *panel, const struct shop *shop)
{
    for (size_t i = 0; i < detector_count; i++) {
        panel->prepared[i] = detectors[i].prepare(shop->fd);
        if (detectors[i].notices(shop->fd, panel->prepared[i]))
            die("%s: %s does not find the set whole as it is", shop->path, detectors[i].name);
    }
}

void panel_close(struct panel *panel)
{
    for (size_t i = 0; i < detector_count; i++)
        detectors[i].done(panel->prepared[i]);
}

bool panel_notices(const struct panel *panel, const struct shop *shop, size_t detector)
{
    return detectors[detector].notices(shop->fd, panel->prepared[detector]);
}
