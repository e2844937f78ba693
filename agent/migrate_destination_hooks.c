/* The hooks of the destination: those that the source has named, and this host has. Each stage stands in front of what
 * the machine is told or wants done; giving up ends what runs.
 *
 *     ASK ─ pre-dump ─> answer … CHECK ─ post-dump ─> WAIT ─> RESTORE: pre-restore ─ restore ─ held ─ post-restore ─>
 *     RECORD … END ─ post-commit or post-abort ─> gone */
#include "migrate_destination.h"

void fy_receiver_run_hooks(struct fy_receiver *receiver, enum fy_hook_stage stage,
                           void (*then)(void *receiver, const struct fy_error *err))
{
    const struct fy_error *failure = &receiver->report.error;
    const struct fy_hook_facts facts = {
        .spec = &receiver->spec,
        .side = FY_HOOK_DESTINATION,
        .job_id = receiver->options.job_id,
        .peer = receiver->report.peer,
        .job_dir = receiver->job_dir,
        .images_dir = receiver->images_dir,
        .log_dir = receiver->options.log_dir,
        .root_pid = receiver->report.root_pid,
        .failure = stage == FY_HOOK_POST_ABORT && fy_error_is_set(failure) ? failure : NULL,
    };
    fy_hook_point_run(&receiver->hooks, receiver->host, &facts, stage, then, receiver);
}

static void held_hooks_done(void *data, const struct fy_error *err)
{
    struct fy_receiver *receiver = data;
    if (receiver->core.phase == FY_DESTINATION_RESTORE && receiver->restore) {
        if (err)
            (void)fy_destination_fail(&receiver->core, err);
        else
            fy_destination_held(&receiver->core);
    }
    fy_receiver_finish_if_wanted(receiver);
}

/* Only the first time: what is restored again was agreed upon. */
void fy_receiver_held(struct fy_receiver *receiver)
{
    if (receiver->core.phase == FY_DESTINATION_RESTORE)
        fy_receiver_run_hooks(receiver, FY_HOOK_POST_RESTORE, held_hooks_done);
    else
        fy_destination_held(&receiver->core);
}
