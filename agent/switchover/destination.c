/* GREET … FINISH: the way forward. */
#include "destination_internal.h"

#include <stdlib.h>

#define BIT(phase) (1u << FY_DESTINATION_##phase)
#define NOTHING "nothing"
#define DISCARDS "no PREPARED: nothing can have been decided upon it, everything of the job is removed"
#define RESTORES "restored again from the image set and held; the source is asked"
#define SET "the image set"
#define HELD "a prepared copy, held, and its image set"
#define DECIDES "the decision: its journal is the only one that counts"
#define OWNS "the workload, frozen"

static const struct fy_switch_phase rows[FY_DESTINATION_PHASES] = {
    [FY_DESTINATION_GREET] = {"greet", BIT(ASK) | BIT(END), NOTHING, NOTHING, NOTHING, "the source says what it wants",
                              NOTHING},
    [FY_DESTINATION_ASK] = {"ask", BIT(RECEIVE) | BIT(DISCARD) | BIT(END), NOTHING, NOTHING, "the workload, running",
                            "the offer is answered", DISCARDS},
    [FY_DESTINATION_RECEIVE] = {"receive", BIT(CHECK) | BIT(DISCARD), NOTHING, "part of the image set", OWNS,
                                "the image set arrives", DISCARDS},
    [FY_DESTINATION_CHECK] = {"check", BIT(WAIT) | BIT(DISCARD), NOTHING, SET, OWNS, "the image set is verified",
                              DISCARDS},
    [FY_DESTINATION_WAIT] = {"wait", BIT(RESTORE) | BIT(DISCARD), NOTHING, SET, OWNS, "the source says PREPARE",
                             DISCARDS},
    [FY_DESTINATION_RESTORE] = {"restore", BIT(RECORD) | BIT(DISCARD), NOTHING, SET, OWNS, "CRIU restores", DISCARDS},
    [FY_DESTINATION_RECORD] = {"record", BIT(PREPARED) | BIT(DISCARD), "perhaps PREPARED", HELD, OWNS,
                               "PREPARED is written", "as the journal says; the source has not heard of it"},
    [FY_DESTINATION_PREPARED] = {"prepared", BIT(RUN) | BIT(AGAIN) | BIT(DISCARD), "PREPARED", HELD, DECIDES,
                                 "the source decides; it is asked when the link is lost", RESTORES},
    [FY_DESTINATION_AGAIN] = {"again", BIT(PREPARED) | BIT(RUN) | BIT(STRANDED) | BIT(DISCARD), "PREPARED", SET,
                              DECIDES, "it is restored once more and held", RESTORES},
    [FY_DESTINATION_STRANDED] = {"stranded", BIT(AGAIN) | BIT(DISCARD), "PREPARED", "the image set, if it is not lost",
                                 DECIDES, "the source is asked; after COMMIT it is restored once more", RESTORES},
    [FY_DESTINATION_RUN] = {"run", BIT(FINISH) | BIT(AGAIN) | BIT(STRANDED) | BIT(DISCARD), "PREPARED", HELD,
                            "COMMIT in its journal", "the tasks run", "runs already: recorded; else " RESTORES},
    [FY_DESTINATION_FINISH] = {"finish", BIT(END), "PREPARED or DONE", "the running workload", "COMMIT in its journal",
                               "DONE is written and told", "it runs here: recorded"},
    [FY_DESTINATION_LOOK] = {"look", BIT(FINISH) | BIT(AGAIN) | BIT(STRANDED) | BIT(DISCARD), "as before",
                             "what an earlier ferryd has left", DECIDES,
                             "CRIU's end is awaited, and the tasks are looked for", "looked at again"},
    [FY_DESTINATION_DISCARD] = {"discard", BIT(END), "PREPARED or ABORT", "what is being removed",
                                "the workload, running", "everything of the job is removed",
                                "discarded, when the source has said so"},
    [FY_DESTINATION_END] = {"end", 0, "the job's record", NOTHING, NOTHING, "what was in flight is removed", NOTHING},
};

const struct fy_switch_phase *fy_destination_phase_row(enum fy_destination_phase phase)
{
    return &rows[phase];
}

static bool may_ask(enum fy_destination_phase phase)
{
    return phase == FY_DESTINATION_PREPARED || phase == FY_DESTINATION_AGAIN || phase == FY_DESTINATION_STRANDED ||
           phase == FY_DESTINATION_LOOK;
}

void destination_enter(struct fy_destination *d, enum fy_destination_phase phase)
{
    if (!(rows[d->phase].successors & 1u << phase))
        abort(); /* going on could run a workload twice, or lose it */
    d->phase = phase;
    d->attempts = 0;
    d->ops->expect(d->ctx, FY_DESTINATION_WAIT_NOTHING);
    if (d->busy & DESTINATION_ASKING && !may_ask(phase))
        d->ops->ask_stop(d->ctx);
    d->ops->entered(d->ctx, phase);
}

bool fy_destination_is_bound(const struct fy_destination *d)
{
    return d->phase >= FY_DESTINATION_RECORD && d->phase <= FY_DESTINATION_LOOK;
}

static bool is_over(const struct fy_destination *d)
{
    return d->phase == FY_DESTINATION_DISCARD || d->phase == FY_DESTINATION_END;
}

bool fy_destination_fail(struct fy_destination *d, const struct fy_error *err)
{
    if (is_over(d) || fy_destination_is_bound(d))
        return false;
    if (err)
        d->ops->blame(d->ctx, err);
    if (d->phase != FY_DESTINATION_GREET) {
        destination_discard(d);
        return true;
    }
    destination_enter(d, FY_DESTINATION_END);
    if (d->link == FY_SWITCH_LINK_OPEN && err) {
        d->link = FY_SWITCH_LINK_CLOSING;
        d->ops->hang_up(d->ctx, err);
    } else
        destination_advance(d);
    return true;
}

/* Something came home: whether it may still go on here. */
static bool goes_on(struct fy_destination *d, unsigned was_busy, const struct fy_error *err)
{
    d->busy &= ~was_busy;
    if (!is_over(d) && err)
        (void)fy_destination_fail(d, err);
    else if (is_over(d))
        destination_advance(d);
    else
        return true;
    return false;
}

void destination_write(struct fy_destination *d, enum fy_stage stage)
{
    d->busy |= DESTINATION_WRITING;
    d->ops->journal(d->ctx, stage);
}

/* ---- GREET, ASK ---- */

void fy_destination_init(struct fy_destination *d, const struct fy_destination_ops *ops, void *ctx)
{
    *d = (struct fy_destination){.ops = ops, .ctx = ctx, .phase = FY_DESTINATION_GREET, .link = FY_SWITCH_LINK_OPEN};
    ops->expect(ctx, FY_DESTINATION_WAIT_HELLO);
}

void fy_destination_greeted(struct fy_destination *d)
{
    if (d->phase == FY_DESTINATION_GREET)
        d->ops->expect(d->ctx, FY_DESTINATION_WAIT_REQUEST);
}

void fy_destination_offered(struct fy_destination *d, uint64_t epoch)
{
    d->epoch = epoch;
    destination_enter(d, FY_DESTINATION_ASK);
    d->busy |= DESTINATION_CHECKING_ROOM;
    d->ops->preflight(d->ctx);
}

void fy_destination_preflighted(struct fy_destination *d, bool accepted, const struct fy_error *err)
{
    if (!goes_on(d, DESTINATION_CHECKING_ROOM, err))
        return;
    if (!accepted) {
        destination_enter(d, FY_DESTINATION_END);
        destination_advance(d);
        return;
    }
    destination_enter(d, FY_DESTINATION_RECEIVE);
    d->busy |= DESTINATION_RECEIVING;
    d->ops->expect(d->ctx, FY_DESTINATION_WAIT_SET);
    d->ops->receive(d->ctx);
}

/* ---- RECEIVE, CHECK, WAIT ---- */

void fy_destination_received(struct fy_destination *d, const struct fy_error *err)
{
    if (!goes_on(d, DESTINATION_RECEIVING, err))
        return;
    destination_enter(d, FY_DESTINATION_CHECK);
    d->busy |= DESTINATION_CHECKING;
    d->ops->check(d->ctx);
}

static void restore(struct fy_destination *d)
{
    d->busy |= DESTINATION_RESTORING;
    d->ops->restore(d->ctx);
}

static void prepare(struct fy_destination *d)
{
    destination_enter(d, FY_DESTINATION_RESTORE);
    restore(d);
}

void fy_destination_checked(struct fy_destination *d, const struct fy_error *err)
{
    if (!goes_on(d, DESTINATION_CHECKING, err))
        return;
    destination_enter(d, FY_DESTINATION_WAIT);
    if (d->prepare_wanted)
        prepare(d);
    else
        d->ops->expect(d->ctx, FY_DESTINATION_WAIT_PREPARE);
}

/* ---- RESTORE, RECORD, PREPARED ---- */

static void held_again(struct fy_destination *d)
{
    d->held = true;
    if (d->commit_known) {
        destination_run(d);
        return;
    }
    d->tries = 0;
    destination_enter(d, FY_DESTINATION_PREPARED);
    destination_ask(d);
}

void fy_destination_held(struct fy_destination *d)
{
    struct fy_error err = FY_ERROR_INIT;
    if (d->phase == FY_DESTINATION_AGAIN)
        held_again(d);
    else if (d->phase != FY_DESTINATION_RESTORE)
        return;                                /* discarding: the driver has its decision */
    else if (d->link != FY_SWITCH_LINK_OPEN) { /* nobody was told PREPARED, so nobody can have decided upon it */
        fy_error_set(&err, FY_E_UNREACHABLE, "the link to the source was lost during the restore");
        (void)fy_destination_fail(d, &err);
    } else {
        destination_enter(d, FY_DESTINATION_RECORD);
        destination_write(d, FY_STAGE_PREPARED);
    }
}

/* A record that failed binds nobody: the source hears ABORTED, and it may be found on the disk later without harm. */
static void recorded(struct fy_destination *d, const struct fy_error *err)
{
    d->prepared_durable = !err;
    if (is_over(d)) {
        destination_advance(d);
        return;
    }
    if (err) {
        d->ops->blame(d->ctx, err);
        destination_discard(d);
        return;
    }
    destination_enter(d, FY_DESTINATION_PREPARED);
    if (d->link == FY_SWITCH_LINK_OPEN)
        d->ops->say(d->ctx, FY_SAY_PREPARED);
    if (!(d->busy & DESTINATION_RESTORING)) /* the copy was lost while the record was on its way */
        destination_restore_again(d);
    else
        destination_ask(d);
}

/* ---- RUN, FINISH ---- */

void destination_run(struct fy_destination *d)
{
    d->commit_known = true;
    destination_enter(d, FY_DESTINATION_RUN);
    d->ops->run(d->ctx);
}

static void runs(struct fy_destination *d)
{
    d->runs_here = true;
    destination_enter(d, FY_DESTINATION_FINISH);
    destination_write(d, FY_STAGE_DONE);
}

/* It runs, whatever becomes of the record; but the source hears so only when a restart here will know it too. */
static void finished(struct fy_destination *d, const struct fy_error *err)
{
    if (err) {
        destination_pause(d);
        return;
    }
    if (d->link == FY_SWITCH_LINK_OPEN)
        d->ops->say(d->ctx, FY_SAY_DONE);
    destination_enter(d, FY_DESTINATION_END);
    destination_advance(d);
}

static void copy_lost(struct fy_destination *d, const struct fy_error *err)
{
    d->held = false;
    if (d->phase == FY_DESTINATION_RUN && d->abort_wanted)
        destination_discard(d);
    else if (d->tries < 2)
        destination_restore_again(d);
    else
        destination_strand(d, err);
}

/* The restore has ended. */
void fy_destination_restored(struct fy_destination *d, bool tasks_run, const struct fy_error *err)
{
    struct fy_error early = FY_ERROR_INIT;
    d->busy &= ~(unsigned)DESTINATION_RESTORING;
    fy_error_propagate(&early, err);
    fy_error_set(&early, FY_E_RESTORE, "the restore ended before it was decided upon");
    if (is_over(d))
        destination_advance(d);
    else if (d->phase == FY_DESTINATION_RUN && tasks_run)
        runs(d);
    else if (d->phase == FY_DESTINATION_RECORD)
        return; /* settled as soon as the record is written */
    else if (!fy_destination_fail(d, &early))
        copy_lost(d, &early);
}

void fy_destination_journaled(struct fy_destination *d, enum fy_stage stage, const struct fy_error *err)
{
    d->busy &= ~(unsigned)DESTINATION_WRITING;
    if (stage == FY_STAGE_PREPARED)
        recorded(d, err);
    else if (stage == FY_STAGE_DONE)
        finished(d, err);
    else
        destination_advance(d); /* without the ABORT a restart asks the source again, and hears the same */
}

/* ---- what the source says ---- */

static enum fy_heard commit(struct fy_destination *d)
{
    switch (d->phase) {
    case FY_DESTINATION_PREPARED:
        destination_run(d);
        return FY_HEARD_TAKEN;
    case FY_DESTINATION_LOOK:
    case FY_DESTINATION_AGAIN:
        d->commit_known = true;
        return FY_HEARD_TAKEN;
    case FY_DESTINATION_STRANDED:
        d->commit_known = true;
        d->tries = 0;
        destination_restore_again(d);
        return FY_HEARD_TAKEN;
    case FY_DESTINATION_RUN:
    case FY_DESTINATION_FINISH:
    case FY_DESTINATION_DISCARD:
    case FY_DESTINATION_END:
        return FY_HEARD_REPEATED;
    default:
        return FY_HEARD_WRONG;
    }
}

/* An abort after a commit comes only from a source that takes the workload back because it could not be run here. */
static enum fy_heard source_aborts(struct fy_destination *d, const struct fy_error *why)
{
    if (d->phase == FY_DESTINATION_GREET)
        return FY_HEARD_WRONG;
    if (d->phase == FY_DESTINATION_RUN || d->phase == FY_DESTINATION_LOOK)
        d->abort_wanted = true; /* unless it turns out that they run */
    if (d->phase >= FY_DESTINATION_RUN)
        return FY_HEARD_REPEATED;
    if (why)
        d->ops->blame(d->ctx, why);
    destination_discard(d);
    return FY_HEARD_TAKEN;
}

static enum fy_heard source_prepares(struct fy_destination *d)
{
    bool in_time = d->phase >= FY_DESTINATION_RECEIVE && d->phase <= FY_DESTINATION_WAIT;
    if (!in_time || d->prepare_wanted)
        return d->prepare_wanted ? FY_HEARD_REPEATED : FY_HEARD_WRONG;
    d->prepare_wanted = true;
    if (d->phase == FY_DESTINATION_WAIT)
        prepare(d);
    return FY_HEARD_TAKEN;
}

enum fy_heard fy_destination_heard(struct fy_destination *d, enum fy_saying saying, uint64_t epoch,
                                   const struct fy_error *why)
{
    if (epoch != d->epoch)
        return FY_HEARD_WRONG;
    switch (saying) {
    case FY_SAY_PREPARE:
        return source_prepares(d);
    case FY_SAY_COMMIT:
    case FY_SAY_RESOLVE_COMMIT:
    case FY_SAY_DECIDED_COMMIT:
        return commit(d);
    case FY_SAY_ABORT:
    case FY_SAY_RESOLVE_ABORT:
    case FY_SAY_DECIDED_ABORT:
        return source_aborts(d, why);
    default:
        return FY_HEARD_WRONG;
    }
}
