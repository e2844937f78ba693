/* ROLLBACK, RECOVER, END, lost links and pauses: everything that may take several attempts. */
#include "source_internal.h"

/* How often the destination is told again that it should discard, after the link was lost. It asks by itself later. */
#define MAX_ABORT_ATTEMPTS 12u

/* How often the last copy is tried to be restored. */
#define MAX_RESTORES 3u

/* ---- links and pauses ---- */

void source_pause(struct fy_source *s)
{
    s->busy |= SOURCE_PAUSING;
    s->ops->retry_later(s->ctx, s->attempts++);
}

void source_redial(struct fy_source *s)
{
    s->ops->expect(s->ctx, FY_SOURCE_WAIT_NOTHING);
    if (!(s->busy & SOURCE_PAUSING))
        source_pause(s);
}

static bool wants_link(const struct fy_source *s)
{
    bool speaks = s->phase == FY_SOURCE_COMMIT || s->phase == FY_SOURCE_RECOVER || s->phase == FY_SOURCE_ROLLBACK;
    return speaks && !s->peer_settled && s->link == FY_SWITCH_LINK_NONE;
}

void fy_source_retry(struct fy_source *s)
{
    s->busy &= ~(unsigned)SOURCE_PAUSING;
    bool must_write = (s->phase == FY_SOURCE_ROLLBACK && s->commit_tried && !s->abort_durable) ||
                      (s->phase == FY_SOURCE_RECOVER && !s->recover_durable);
    if (s->phase == FY_SOURCE_KILL)
        source_settle(s, FY_SETTLE_KILL);
    else if (wants_link(s) && !must_write) {
        s->link = FY_SWITCH_LINK_OPENING;
        s->link_is_new = true;
        s->ops->expect(s->ctx, FY_SOURCE_WAIT_HELLO);
        s->ops->dial(s->ctx);
    } else
        source_advance(s);
}

void fy_source_link_lost(struct fy_source *s, const struct fy_error *err)
{
    s->link = FY_SWITCH_LINK_NONE;
    s->decision_said = false;
    if (s->phase == FY_SOURCE_COMMIT)
        source_redial(s);
    else if (!fy_source_fail(s, err))
        source_advance(s);
}

/* After the decision, and for an abort, a silent peer is a lost link. */
void fy_source_late(struct fy_source *s, const struct fy_error *err)
{
    if (fy_source_fail(s, err))
        return;
    if (s->link == FY_SWITCH_LINK_OPEN || s->link == FY_SWITCH_LINK_OPENING) {
        s->link = FY_SWITCH_LINK_CLOSING;
        s->ops->hang_up(s->ctx, err);
    }
}

/* ---- ROLLBACK ---- */

void source_rollback(struct fy_source *s)
{
    bool offered = s->phase >= FY_SOURCE_OFFER;
    source_enter(s, FY_SOURCE_ROLLBACK);
    if (!offered)
        s->peer_settled = true;
    if (s->busy & SOURCE_SENDING)
        s->ops->send_stop(s->ctx);
    if (s->busy & SOURCE_DUMPING)
        s->ops->resume(s->ctx);
    source_advance(s);
}

/* Returns whether the destination knows, or need not or cannot be told any more. */
static bool told_to_discard(struct fy_source *s, bool patient)
{
    if (s->peer_settled)
        return true;
    if (s->link == FY_SWITCH_LINK_OPEN && !s->decision_said) {
        s->decision_said = true;
        s->ops->expect(s->ctx, FY_SOURCE_WAIT_ABORTED);
        s->ops->say(s->ctx, s->link_is_new ? FY_SAY_RESOLVE_ABORT : FY_SAY_ABORT, NULL);
        return s->peer_settled;
    }
    if (s->link != FY_SWITCH_LINK_NONE)
        return false;
    if (!s->prepare_said) /* it was never told to prepare: it discards by itself */
        return true;
    if (!patient && s->attempts >= MAX_ABORT_ATTEMPTS)
        return true;
    source_redial(s);
    return false;
}

static void advance_rollback(struct fy_source *s)
{
    if (s->commit_tried && !s->abort_durable) {
        if (!(s->busy & (SOURCE_WRITING | SOURCE_PAUSING)))
            source_write(s, FY_STAGE_ABORT);
        return;
    }
    if (s->must_release) {
        s->must_release = false;
        source_settle(s, FY_SETTLE_RELEASE);
        return;
    }
    if (s->busy & SOURCE_SETTLING || !told_to_discard(s, false) || s->busy)
        return;
    source_enter(s, FY_SOURCE_END);
    source_advance(s);
}

/* ---- RECOVER ---- */

void source_recover(struct fy_source *s)
{
    source_enter(s, FY_SOURCE_RECOVER);
    source_advance(s);
}

/* First the record, then the destination's word that it never will run it, and only then the restore. */
static void advance_recover(struct fy_source *s)
{
    if (s->runs_there) {
        if (!(s->busy & SOURCE_WRITING))
            source_complete(s);
        return;
    }
    if (!s->recover_durable) {
        if (!(s->busy & (SOURCE_WRITING | SOURCE_PAUSING)))
            source_write(s, FY_STAGE_RECOVER);
        return;
    }
    if (s->must_clear) {
        s->must_clear = false;
        source_settle(s, FY_SETTLE_RESTORED);
        return;
    }
    if (s->busy & SOURCE_SETTLING || !told_to_discard(s, true) || s->busy)
        return;
    s->busy |= SOURCE_RESTORING;
    s->ops->restore(s->ctx);
}

static void runs_here(struct fy_source *s)
{
    s->runs_here = true;
    source_enter(s, FY_SOURCE_END);
    source_advance(s);
}

void fy_source_restored(struct fy_source *s, bool runs, const struct fy_error *err)
{
    s->busy &= ~(unsigned)SOURCE_RESTORING;
    if (err)
        s->ops->blame(s->ctx, err);
    if (runs) {
        runs_here(s);
        return;
    }
    if (++s->restores < MAX_RESTORES) {
        source_pause(s);
        return;
    }
    s->keep_images = true;
    source_enter(s, FY_SOURCE_END);
    source_advance(s);
}

/* ---- END ---- */

static void advance_end(struct fy_source *s)
{
    if (s->busy || s->finished)
        return;
    if (s->link == FY_SWITCH_LINK_NONE) {
        s->finished = true;
        s->ops->finish(s->ctx);
    } else if (s->link != FY_SWITCH_LINK_CLOSING) {
        s->link = FY_SWITCH_LINK_CLOSING;
        s->ops->farewell(s->ctx);
    }
}

void source_advance(struct fy_source *s)
{
    if (s->phase == FY_SOURCE_ROLLBACK)
        advance_rollback(s);
    else if (s->phase == FY_SOURCE_RECOVER)
        advance_recover(s);
    else if (s->phase == FY_SOURCE_END)
        advance_end(s);
}

/* ---- what others want to know, and say ---- */

/* A record that is not on the disk is no decision, and a kill that goes on is nothing to act upon. */
enum fy_saying fy_source_decision(const struct fy_source *s)
{
    if (s->phase == FY_SOURCE_ROLLBACK || s->phase == FY_SOURCE_RECOVER)
        return s->commit_tried && !s->abort_durable && !s->recover_durable ? FY_SAY_UNDECIDED : FY_SAY_DECIDED_ABORT;
    if (s->phase == FY_SOURCE_END)
        return s->runs_there ? FY_SAY_DECIDED_COMMIT : FY_SAY_DECIDED_ABORT;
    return s->phase == FY_SOURCE_COMMIT || s->phase == FY_SOURCE_FINISH ? FY_SAY_DECIDED_COMMIT : FY_SAY_UNDECIDED;
}

static int nothing_to_resolve(const struct fy_source *s, struct fy_error *err)
{
    fy_error_set(err, FY_E_BUSY, "the job is in phase %s, where nothing waits for an operator",
                 fy_source_phase_row(s->phase)->name);
    return fy_error_next(err, "before the decision, end it with: ferry job cancel");
}

int fy_source_resolve(struct fy_source *s, bool commit, struct fy_error *err)
{
    bool in_commit = s->phase == FY_SOURCE_COMMIT;
    bool in_telling = (s->phase == FY_SOURCE_ROLLBACK || s->phase == FY_SOURCE_RECOVER) && !s->peer_settled;
    if (s->link == FY_SWITCH_LINK_OPEN) {
        fy_error_set(err, FY_E_BUSY,
                     "the destination is reached, or its link is not yet given up: the job ends by itself");
        return fy_error_next(err, "watch it with: ferry job watch; a lost link is given up after timeouts.link");
    }
    if (!in_commit && !(in_telling && !commit))
        return nothing_to_resolve(s, err);
    if (in_commit && !commit && !s->ops->can_recover(s->ctx)) {
        fy_error_set(err, FY_E_UNSUPPORTED, "the image set here is not whole: only the destination has it");
        return fy_error_next(err, "resolve the job there");
    }
    if (commit)
        source_complete(s);
    else if (in_commit) {
        s->peer_settled = true;
        source_recover(s);
    } else {
        s->peer_settled = true;
        source_advance(s);
    }
    return 0;
}
