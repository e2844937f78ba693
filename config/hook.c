/* The words for hooks. */
#include "names.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/config/hook.h>

#include <string.h>

static const char *const stage_names[] = {
    [FY_HOOK_PRE_DUMP] = "pre-dump",       [FY_HOOK_POST_DUMP] = "post-dump",
    [FY_HOOK_PRE_RESTORE] = "pre-restore", [FY_HOOK_POST_RESTORE] = "post-restore",
    [FY_HOOK_POST_COMMIT] = "post-commit", [FY_HOOK_POST_ABORT] = "post-abort",
};
static const char *const side_names[] = {[FY_HOOK_SOURCE] = "source", [FY_HOOK_DESTINATION] = "destination"};

static bool find(const char *const *names, size_t count, const char *text, size_t *index)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], text) == 0) {
            *index = i;
            return true;
        }
    }
    return false;
}

int fy_hook_stage_parse(const char *text, enum fy_hook_stage *stage, struct fy_error *err)
{
    size_t index = 0;
    if (find(stage_names, FY_ARRAY_SIZE(stage_names), text, &index)) {
        *stage = (enum fy_hook_stage)index;
        return 0;
    }
    const char *near = fy_text_nearest(text, stage_names, FY_ARRAY_SIZE(stage_names));
    if (near)
        return fy_error_set(err, FY_E_USAGE, "unknown stage '%.80s'; use '%s'", text, near);
    return fy_error_set(err, FY_E_USAGE,
                        "unknown stage '%.80s'; the stages are pre-dump, post-dump, pre-restore, post-restore, "
                        "post-commit and post-abort",
                        text);
}

const char *fy_hook_stage_name(enum fy_hook_stage stage)
{
    return stage_names[stage];
}

int fy_hook_side_parse(const char *text, enum fy_hook_side *side, struct fy_error *err)
{
    size_t index = 0;
    if (!find(side_names, FY_ARRAY_SIZE(side_names), text, &index))
        return fy_error_set(err, FY_E_USAGE, "unknown side '%.80s'; use 'source' or 'destination'", text);
    *side = (enum fy_hook_side)index;
    return 0;
}

const char *fy_hook_side_name(enum fy_hook_side side)
{
    return side_names[side];
}

bool fy_hook_name_is_valid(const char *name)
{
    return config_is_peer_name(name);
}

bool fy_hook_stage_may_abort(enum fy_hook_stage stage)
{
    return stage < FY_HOOK_POST_COMMIT;
}
