/* Names of what is in the journal. */
#include <ferry/agent/switchover.h>

#include <string.h>

static const char *const stages[FY_STAGE_COUNT] = {
    [FY_STAGE_NONE] = "none",     [FY_STAGE_BEGUN] = "begun", [FY_STAGE_PREPARED] = "prepared",
    [FY_STAGE_COMMIT] = "commit", [FY_STAGE_ABORT] = "abort", [FY_STAGE_RECOVER] = "recover",
    [FY_STAGE_DONE] = "done",
};

const char *fy_stage_name(enum fy_stage stage)
{
    return stages[stage];
}

enum fy_stage fy_stage_from_name(const char *name)
{
    for (unsigned i = 0; i < FY_STAGE_COUNT; i++)
        if (strcmp(stages[i], name) == 0)
            return (enum fy_stage)i;
    return FY_STAGE_NONE;
}
