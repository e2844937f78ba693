/* What an earlier ferryd's record of a job means, and what it left of the dump. */
#include "source_internal.h"

#include <stdlib.h>

void source_settle(struct fy_source *s, enum fy_source_settling settling)
{
    s->busy |= SOURCE_SETTLING;
    s->ops->settle(s->ctx, settling);
}

/* Whether PREPARE was ever sent is not in the journal: the destination is told in any case. */
void fy_source_restart(struct fy_source *s, enum fy_stage stage)
{
    s->prepare_said = true;
    s->was_held = true;
    s->commit_tried = stage == FY_STAGE_COMMIT;
    s->link_is_new = true;
    if (stage == FY_STAGE_COMMIT) {
        s->phase = FY_SOURCE_LOOK;
        s->ops->entered(s->ctx, s->phase);
        source_settle(s, FY_SETTLE_LOOK);
    } else if (stage == FY_STAGE_RECOVER) {
        s->phase = FY_SOURCE_RECOVER;
        s->tasks_gone = true;
        s->recover_durable = true;
        s->must_clear = true;
        s->ops->entered(s->ctx, s->phase);
        source_advance(s);
    } else {
        s->phase = FY_SOURCE_ROLLBACK;
        s->must_release = true;
        s->ops->entered(s->ctx, s->phase);
        source_advance(s);
    }
}

static void decide_again(struct fy_source *s, bool goes_on)
{
    if (!goes_on) {
        s->must_release = true;
        source_rollback(s);
        return;
    }
    source_enter(s, FY_SOURCE_KILL);
    source_settle(s, FY_SETTLE_KILL);
}

void fy_source_restart_together(struct fy_source *s, bool goes_on)
{
    s->together = true;
    s->prepare_said = s->was_held = s->commit_tried = s->link_is_new = true;
    s->phase = FY_SOURCE_LOOK;
    s->ops->entered(s->ctx, s->phase);
    decide_again(s, goes_on);
}

/* The image set here did not outlive the host's memory: if the destination has not discarded its own yet, that is the
 * only one, and the decision stands as it was. */
static void give_back(struct fy_source *s)
{
    source_enter(s, FY_SOURCE_COMMIT);
    source_redial(s);
}

void fy_source_settled(struct fy_source *s, enum fy_tasks tasks, const struct fy_error *err)
{
    s->busy &= ~(unsigned)SOURCE_SETTLING;
    if (err)
        s->ops->blame(s->ctx, err);
    switch (s->phase) {
    case FY_SOURCE_LOOK:
        decide_again(s, tasks != FY_TASKS_WHOLE);
        break;
    case FY_SOURCE_KILL:
        if (tasks == FY_TASKS_GONE)
            source_killed(s);
        else
            source_pause(s);
        break;
    case FY_SOURCE_RECOVER:
        if (tasks == FY_TASKS_WHOLE)
            fy_source_restored(s, true, NULL);
        else if (!s->ops->can_recover(s->ctx))
            give_back(s);
        else
            source_advance(s);
        break;
    default: /* ROLLBACK */
        s->tasks_gone = tasks == FY_TASKS_GONE;
        source_advance(s);
    }
}
