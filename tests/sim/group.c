/* What the job table does for migrations that move together, and what must have come of them. */
#include "sim.h"

struct world *sim_members(struct world *w)
{
    return w->group ? w->group->members : w;
}

unsigned sim_member_count(const struct world *w)
{
    return w->group ? w->group->count : 1;
}

void group_ready(struct world *w)
{
    struct group *group = w->group;
    if (!fy_group_ready(&group->core))
        return;
    group->transaction = true;
    for (unsigned i = 0; i < group->count; i++)
        fy_source_go(&group->members[i].source);
    group->transaction = false;
    disk_transaction(group);
}

static void conclude(struct group *group, const struct fy_error *err)
{
    for (unsigned i = 0; i < group->count; i++)
        fy_source_pinned(&group->members[i].source, err);
}

/* One after the other, and ferryd may die in between. */
static void strike(struct group *group)
{
    unsigned last =
        group->members->chaos && sim_chance(group->members, 5) ? sim_below(group->members, group->count) : group->count;
    for (unsigned i = 0; i < last; i++)
        fy_source_pinned(&group->members[i].source, NULL);
    if (last < group->count)
        sim_crash_and_start(group->members, SOURCE, sim_chance(group->members, 20));
}

void group_pinned(struct world *w, const struct fy_error *err)
{
    struct fy_error failed = FY_ERROR_INIT;
    if (w->group->core.failed)
        fy_error_set(&failed, FY_E_CANCELLED, "another one of the group was given up");
    fy_error_propagate(&failed, err);
    if (fy_error_is_set(&failed))
        fy_source_pinned(&w->source, &failed);
    else if (fy_group_pinned(&w->group->core))
        strike(w->group);
}

void group_given_up(struct world *w)
{
    struct fy_error err = FY_ERROR_INIT;
    if (!fy_group_given_up(&w->group->core))
        return;
    fy_error_set(&err, FY_E_CANCELLED, "another one of the group was given up");
    for (unsigned i = 0; i < w->group->count; i++)
        if (&w->group->members[i] != w && !w->group->members[i].hosts[SOURCE].ended)
            (void)fy_source_fail(&w->group->members[i].source, &err);
    conclude(w->group, &err);
}

bool group_goes_on(const struct group *group)
{
    struct fy_group_evidence evidence[SIM_MEMBERS];
    for (unsigned i = 0; i < group->count; i++)
        evidence[i] = (struct fy_group_evidence){
            .stage = group->members[i].hosts[SOURCE].disk.stage,
            .stands_or_runs = group->members[i].traces && !group->members[i].pinned,
        };
    return fy_group_goes_on(evidence, group->count);
}

/* A copy that the destination has lost behind the kills is brought back alone: that is better than none. */
void group_judge(struct group *group)
{
    bool one_moved = false, one_stayed = false;
    for (unsigned i = 0; i < group->count; i++) {
        const struct sim_host *source = &group->members[i].hosts[SOURCE];
        bool was_lost = source->disk.stage == FY_STAGE_RECOVER || source->disk.stage == FY_STAGE_COMMIT;
        one_moved = one_moved || source->completed;
        one_stayed = one_stayed || (!source->completed && !was_lost);
    }
    if (one_moved && one_stayed)
        sim_fail(group->members, "a group is parted");
}
