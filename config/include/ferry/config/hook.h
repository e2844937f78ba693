/* Hooks: programs of the operator's own that run at a stage of a migration, as a plan names them.
 *
 *     hooks:
 *       - {stage: pre-dump, on: source, run: drain-web, deadline: 10s}
 *
 * A plan only names them: what runs is the executable of that name in the hooks_dir of the host that runs it. */
#ifndef FERRY_CONFIG_HOOK_H
#define FERRY_CONFIG_HOOK_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stdint.h>

/* In the order in which they come. The last two come after the decision: what fails there is told and changes nothing.
 */
enum fy_hook_stage {
    FY_HOOK_PRE_DUMP,     /* nothing is frozen yet */
    FY_HOOK_POST_DUMP,    /* source: the tasks are frozen, the images written; destination: the images have arrived */
    FY_HOOK_PRE_RESTORE,  /* before the destination restores */
    FY_HOOK_POST_RESTORE, /* destination: restored, held; source: it has heard so and has not decided */
    FY_HOOK_POST_COMMIT,  /* the workload runs at the destination */
    FY_HOOK_POST_ABORT,   /* the migration was given up: the workload runs at the source */
};

enum fy_hook_side { FY_HOOK_SOURCE, FY_HOOK_DESTINATION };

#define FY_MAX_HOOKS 16
#define FY_HOOK_NAME_SIZE 64
#define FY_HOOK_DEADLINE_MS 30000u /* unless the plan says otherwise */
#define FY_HOOK_MAX_DEADLINE_MS 3600000u

struct fy_hook {
    enum fy_hook_stage stage;
    enum fy_hook_side side;
    char name[FY_HOOK_NAME_SIZE]; /* of a file in hooks_dir: fy_hook_name_is_valid() */
    uint64_t deadline_ms;         /* 1 to FY_HOOK_MAX_DEADLINE_MS */
};

/* "pre-dump", …; FY_E_USAGE names the nearest one. */
int fy_hook_stage_parse(const char *text, enum fy_hook_stage *stage, struct fy_error *err);
const char *fy_hook_stage_name(enum fy_hook_stage stage);
/* "source" or "destination". */
int fy_hook_side_parse(const char *text, enum fy_hook_side *side, struct fy_error *err);
const char *fy_hook_side_name(enum fy_hook_side side);
/* Letters, digits, '.', '_' and '-', at most 63, beginning with a letter or a digit: it cannot leave its directory. */
bool fy_hook_name_is_valid(const char *name);
/* Whether a failure at this stage aborts the migration. */
bool fy_hook_stage_may_abort(enum fy_hook_stage stage);

#endif
