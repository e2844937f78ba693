/* What an earlier ferryd's record of a job means, and what it left of the restore. */
#include "destination_internal.h"

void fy_destination_restart(struct fy_destination *d, const struct fy_destination_ops *ops, void *ctx, uint64_t epoch,
                            enum fy_stage stage)
{
    *d = (struct fy_destination){.ops = ops, .ctx = ctx, .epoch = epoch, .phase = FY_DESTINATION_LOOK};
    d->prepared_durable = stage == FY_STAGE_PREPARED;
    ops->entered(ctx, d->phase);
    d->busy |= DESTINATION_SETTLING;
    if (d->prepared_durable)
        destination_ask(d);
    ops->settle(ctx);
}

void fy_destination_settled(struct fy_destination *d, enum fy_tasks tasks, const struct fy_error *err)
{
    struct fy_error gone = FY_ERROR_INIT;
    d->busy &= ~(unsigned)DESTINATION_SETTLING;
    if (err)
        d->ops->blame(d->ctx, err);
    if (d->prepared_durable && tasks == FY_TASKS_WHOLE) { /* they were let run, so COMMIT had come */
        d->runs_here = true;
        destination_enter(d, FY_DESTINATION_FINISH);
        destination_write(d, FY_STAGE_DONE);
    } else if (!d->prepared_durable || d->abort_wanted)
        destination_discard(d);
    else if (d->ops->has_set(d->ctx))
        destination_restore_again(d);
    else {
        fy_error_set(&gone, FY_E_NOT_FOUND, "the image set was lost with this host's memory");
        fy_error_next(&gone, "'durable: true' in the plan keeps it on disk");
        destination_strand(d, &gone);
    }
}
