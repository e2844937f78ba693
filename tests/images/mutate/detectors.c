/* Those who are asked whether a set is damaged. */
#include "mutate.h"
#include <ferry/base/error.h>
#include <ferry/imgcore/verify.h>

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

const struct detector detectors[] = {
    {"verify", prepare_nothing, verifier_notices, forget_nothing},
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
