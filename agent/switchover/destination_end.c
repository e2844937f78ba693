/* AGAIN, STRANDED, DISCARD, END, questions, pauses and lost links: everything that may take several attempts. */
#include "destination_internal.h"

/* ---- asking ---- */

void destination_ask(struct fy_destination *d)
{
    bool waits = d->phase == FY_DESTINATION_PREPARED || d->phase == FY_DESTINATION_AGAIN ||
                 d->phase == FY_DESTINATION_STRANDED || d->phase == FY_DESTINATION_LOOK;
    if (!waits || d->commit_known || d->link == FY_SWITCH_LINK_OPEN || d->busy & DESTINATION_ASKING)
        return;
    d->busy |= DESTINATION_ASKING;
    d->ops->ask(d->ctx, d->questions++);
}

void fy_destination_asked(struct fy_destination *d, enum fy_saying answer, uint64_t epoch)
{
    d->busy &= ~(unsigned)DESTINATION_ASKING;
    if (answer != FY_SAY_UNDECIDED)
        (void)fy_destination_heard(d, answer, epoch, NULL);
    destination_ask(d);
    destination_advance(d);
}

/* ---- links and pauses ---- */

void fy_destination_linked(struct fy_destination *d)
{
    d->link = FY_SWITCH_LINK_OPEN;
}

void fy_destination_link_lost(struct fy_destination *d, const struct fy_error *err)
{
    d->link = FY_SWITCH_LINK_NONE;
    if (fy_destination_fail(d, err))
        return;
    destination_ask(d);
    destination_advance(d);
}

void fy_destination_late(struct fy_destination *d, const struct fy_error *err)
{
    (void)fy_destination_fail(d, err);
}

void destination_pause(struct fy_destination *d)
{
    d->busy |= DESTINATION_PAUSING;
    d->ops->retry_later(d->ctx, d->attempts++);
}

void fy_destination_retry(struct fy_destination *d)
{
    d->busy &= ~(unsigned)DESTINATION_PAUSING;
    if (d->phase == FY_DESTINATION_FINISH)
        destination_write(d, FY_STAGE_DONE);
    else if (d->phase == FY_DESTINATION_AGAIN && !(d->busy & DESTINATION_RESTORING)) {
        d->busy |= DESTINATION_RESTORING;
        d->ops->restore(d->ctx);
    } else
        destination_advance(d);
}

/* ---- AGAIN, STRANDED ---- */

void destination_restore_again(struct fy_destination *d)
{
    d->held = false;
    d->tries++;
    if (d->phase != FY_DESTINATION_AGAIN)
        destination_enter(d, FY_DESTINATION_AGAIN);
    destination_ask(d);
    destination_pause(d);
}

void destination_strand(struct fy_destination *d, const struct fy_error *why)
{
    d->ops->blame(d->ctx, why);
    d->commit_known = false; /* it has to be heard again */
    destination_enter(d, FY_DESTINATION_STRANDED);
    if (d->link == FY_SWITCH_LINK_OPEN)
        d->ops->say(d->ctx, FY_SAY_UNREADY);
    destination_ask(d);
}

/* ---- DISCARD, END ---- */

void destination_discard(struct fy_destination *d)
{
    destination_enter(d, FY_DESTINATION_DISCARD);
    if (d->busy & DESTINATION_RECEIVING)
        d->ops->receive_stop(d->ctx);
    if (d->busy & DESTINATION_RESTORING)
        d->ops->drop(d->ctx);
    destination_advance(d);
}

static void advance_discard(struct fy_destination *d)
{
    if (d->busy)
        return;
    if (!d->unstaged) {
        d->unstaged = true;
        d->busy |= DESTINATION_UNSTAGING;
        d->ops->unstage(d->ctx);
        return;
    }
    if (d->prepared_durable && !d->discard_written) {
        d->discard_written = true;
        destination_write(d, FY_STAGE_ABORT);
        return;
    }
    if (d->link == FY_SWITCH_LINK_OPEN)
        d->ops->say(d->ctx, FY_SAY_ABORTED);
    destination_enter(d, FY_DESTINATION_END);
    destination_advance(d);
}

void fy_destination_unstaged(struct fy_destination *d, const struct fy_error *err)
{
    d->busy &= ~(unsigned)DESTINATION_UNSTAGING;
    if (err)
        d->ops->blame(d->ctx, err);
    destination_advance(d);
}

static void advance_end(struct fy_destination *d)
{
    if (d->busy || d->finished)
        return;
    if (d->link == FY_SWITCH_LINK_NONE) {
        d->finished = true;
        d->ops->finish(d->ctx);
    } else if (d->link != FY_SWITCH_LINK_CLOSING) {
        d->link = FY_SWITCH_LINK_CLOSING;
        d->ops->farewell(d->ctx);
    }
}

void destination_advance(struct fy_destination *d)
{
    if (d->phase == FY_DESTINATION_DISCARD)
        advance_discard(d);
    else if (d->phase == FY_DESTINATION_END)
        advance_end(d);
}

void fy_destination_end(struct fy_destination *d)
{
    destination_enter(d, FY_DESTINATION_END);
    destination_advance(d);
}

/* ---- an operator ---- */

int fy_destination_resolve(struct fy_destination *d, bool commit, struct fy_error *err)
{
    bool waits =
        d->phase == FY_DESTINATION_PREPARED || d->phase == FY_DESTINATION_AGAIN || d->phase == FY_DESTINATION_STRANDED;
    if (d->link == FY_SWITCH_LINK_OPEN && d->phase != FY_DESTINATION_STRANDED) {
        fy_error_set(err, FY_E_BUSY, "the source is reached, or its link is not yet given up: it decides by itself");
        return fy_error_next(err, "watch the job with: ferry job watch; a lost link is given up after timeouts.link");
    }
    if (!waits) {
        fy_error_set(err, FY_E_BUSY, "the job is in phase %s, where nothing waits for an operator",
                     fy_destination_phase_row(d->phase)->name);
        return fy_error_next(err, "before PREPARED, end it with: ferry job cancel");
    }
    (void)fy_destination_heard(d, commit ? FY_SAY_DECIDED_COMMIT : FY_SAY_DECIDED_ABORT, d->epoch, NULL);
    return 0;
}
