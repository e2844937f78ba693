/* When all of a group may go on, and what a restart makes of one that was in the middle of it. */
#include <ferry/agent/switchover_group.h>

bool fy_group_ready(struct fy_group *group)
{
    group->ready++;
    group->decided = group->ready == group->members && !group->failed;
    return group->decided;
}

bool fy_group_pinned(struct fy_group *group)
{
    group->pinned++;
    group->struck = group->pinned == group->members && !group->failed;
    return group->struck;
}

bool fy_group_given_up(struct fy_group *group)
{
    if (group->struck || group->failed)
        return false;
    group->failed = true;
    return true;
}

/* ABORT is only ever written before the first kill, DONE and RECOVER only after the last. */
bool fy_group_goes_on(const struct fy_group_evidence *members, size_t count)
{
    bool all_pinned = true;
    bool is_past = false;
    for (size_t i = 0; i < count; i++) {
        if (members[i].stage == FY_STAGE_ABORT)
            return false;
        is_past = is_past || members[i].stage == FY_STAGE_DONE || members[i].stage == FY_STAGE_RECOVER;
        all_pinned = all_pinned && !members[i].stands_or_runs;
    }
    return is_past || all_pinned;
}
