/* INSPECT … COMMIT: the way forward. */
#include "source_internal.h"

#include <stdlib.h>
#include <string.h>

#define BIT(phase) (1u << FY_SOURCE_##phase)
#define NOTHING "nothing"
#define UNTOUCHED "nothing was touched: the job ends, the workload runs on"
#define RUNS_ON                                                                                                        \
    "no COMMIT: CRIU is gone and has let the tasks go; locks are removed, the destination is told to discard"
#define RUNNING "the workload, running"
#define FROZEN "the workload, frozen; CRIU lets it run on when ferryd is gone"
#define ON_ITS_WAY "part of the image set"
#define FORWARD "no task is left: the destination is told until it answers"

static const struct fy_switch_phase rows[FY_SOURCE_PHASES] = {
    [FY_SOURCE_INSPECT] = {"inspect", BIT(CONNECT) | BIT(ROLLBACK), NOTHING, RUNNING, NOTHING, "it is looked at",
                           UNTOUCHED},
    [FY_SOURCE_CONNECT] = {"connect", BIT(OFFER) | BIT(ROLLBACK), NOTHING, RUNNING, NOTHING, "the link opens",
                           UNTOUCHED},
    [FY_SOURCE_OFFER] = {"offer", BIT(BEGIN) | BIT(END) | BIT(ROLLBACK), NOTHING, RUNNING, NOTHING,
                         "the destination answers the offer", UNTOUCHED},
    [FY_SOURCE_BEGIN] = {"begin", BIT(DUMP) | BIT(ROLLBACK), NOTHING, RUNNING, NOTHING, "BEGUN is written", UNTOUCHED},
    [FY_SOURCE_DUMP] = {"dump", BIT(CHECK) | BIT(ROLLBACK), "BEGUN", FROZEN, ON_ITS_WAY, "CRIU writes the image set",
                        RUNS_ON},
    [FY_SOURCE_CHECK] = {"check", BIT(SEND) | BIT(ROLLBACK), "BEGUN", FROZEN, ON_ITS_WAY, "the image set is verified",
                         RUNS_ON},
    [FY_SOURCE_SEND] = {"send", BIT(PREPARE) | BIT(ROLLBACK), "BEGUN", FROZEN, ON_ITS_WAY, "the image set is sent",
                        RUNS_ON},
    [FY_SOURCE_PREPARE] = {"prepare", BIT(READY) | BIT(ROLLBACK), "BEGUN", FROZEN, "the image set",
                           "the destination restores and holds", RUNS_ON},
    [FY_SOURCE_READY] = {"ready", BIT(DECIDE) | BIT(ROLLBACK), "BEGUN", FROZEN, "a prepared copy, held",
                         "it is decided, with all that move together", RUNS_ON},
    [FY_SOURCE_DECIDE] = {"decide", BIT(PIN) | BIT(KILL) | BIT(ROLLBACK), "BEGUN, perhaps COMMIT", FROZEN,
                          "a prepared copy, held", "COMMIT is written",
                          "as the journal says; with COMMIT the kill has not begun, and the decision is taken back"},
    [FY_SOURCE_PIN] = {"pin", BIT(KILL) | BIT(ROLLBACK), "COMMIT", "the workload, frozen, also when ferryd is gone",
                       "a prepared copy, held", "all that move together are made to stand still",
                       "all or none: when all of them stand still it goes on with all, else all are taken back"},
    [FY_SOURCE_KILL] = {"kill", BIT(WITHDRAW) | BIT(ROLLBACK), "COMMIT", "tasks that are being killed",
                        "a prepared copy, held", "the tasks here end",
                        "whole tasks: the decision is taken back; else the kill is finished by pid and start time"},
    [FY_SOURCE_WITHDRAW] = {"withdraw", BIT(COMMIT) | BIT(RECOVER), "COMMIT", "the service address",
                            "a prepared copy, held", "the address leaves this host", FORWARD},
    [FY_SOURCE_COMMIT] = {"commit", BIT(FINISH) | BIT(RECOVER) | BIT(END), "COMMIT", NOTHING,
                          "a prepared copy, or the running workload",
                          "the destination is told, over new links as needed, until it says DONE", FORWARD},
    [FY_SOURCE_FINISH] = {"finish", BIT(END), "COMMIT or DONE", NOTHING, "the running workload", "DONE is written",
                          "the destination is asked once more, and says DONE"},
    [FY_SOURCE_RECOVER] = {"recover", BIT(COMMIT) | BIT(FINISH) | BIT(END), "COMMIT or RECOVER", "the whole image set",
                           "an image set that it could not restore",
                           "the destination is told to discard, then the workload is restored here",
                           "the same, from the image set; without it the destination is told COMMIT again"},
    [FY_SOURCE_LOOK] = {"look", BIT(KILL) | BIT(ROLLBACK), "COMMIT", "what an earlier ferryd has left",
                        "a prepared copy, held", "CRIU's end is awaited, and the tasks are looked for",
                        "looked at again"},
    [FY_SOURCE_ROLLBACK] = {"rollback", BIT(END), "BEGUN or ABORT", RUNNING, "perhaps a copy that never runs",
                            "the tasks run on, the destination is told to discard, for a dozen links at most", RUNS_ON},
    [FY_SOURCE_END] = {"end", 0, "the job's record", NOTHING, NOTHING, "what was in flight is removed", NOTHING},
};

const struct fy_switch_phase *fy_source_phase_row(enum fy_source_phase phase)
{
    return &rows[phase];
}

void source_enter(struct fy_source *s, enum fy_source_phase phase)
{
    if (!(rows[s->phase].successors & 1u << phase))
        abort(); /* going on could destroy a workload, or run it twice */
    s->phase = phase;
    s->attempts = 0;
    s->ops->expect(s->ctx, FY_SOURCE_WAIT_NOTHING);
    s->ops->entered(s->ctx, phase);
}

static bool is_over(const struct fy_source *s)
{
    return s->phase == FY_SOURCE_ROLLBACK || s->phase == FY_SOURCE_END;
}

bool fy_source_is_decided(const struct fy_source *s)
{
    return s->phase >= FY_SOURCE_DECIDE && s->phase <= FY_SOURCE_LOOK;
}

bool fy_source_fail(struct fy_source *s, const struct fy_error *err)
{
    if (is_over(s) || fy_source_is_decided(s))
        return false;
    s->ops->blame(s->ctx, err);
    source_rollback(s);
    return true;
}

/* Something came home: whether it may still go on here. */
static bool goes_on(struct fy_source *s, unsigned was_busy, const struct fy_error *err)
{
    s->busy &= ~was_busy;
    if (!is_over(s) && err)
        (void)fy_source_fail(s, err);
    else if (is_over(s))
        source_advance(s);
    else
        return true;
    return false;
}

void source_write(struct fy_source *s, enum fy_stage stage)
{
    s->busy |= SOURCE_WRITING;
    s->commit_tried = s->commit_tried || stage == FY_STAGE_COMMIT;
    s->ops->journal(s->ctx, stage);
}

/* ---- INSPECT, CONNECT, OFFER, BEGIN ---- */

void fy_source_init(struct fy_source *s, const struct fy_source_ops *ops, void *ctx, uint64_t epoch)
{
    *s = (struct fy_source){.ops = ops, .ctx = ctx, .epoch = epoch, .phase = FY_SOURCE_INSPECT};
}

void fy_source_start(struct fy_source *s)
{
    s->busy |= SOURCE_INSPECTING;
    s->ops->inspect(s->ctx);
}

void fy_source_inspected(struct fy_source *s, const struct fy_error *err)
{
    if (!goes_on(s, SOURCE_INSPECTING, err))
        return;
    source_enter(s, FY_SOURCE_CONNECT);
    s->link = FY_SWITCH_LINK_OPENING;
    s->ops->expect(s->ctx, FY_SOURCE_WAIT_HELLO);
    s->ops->dial(s->ctx);
}

void fy_source_greeted(struct fy_source *s)
{
    if (s->link != FY_SWITCH_LINK_OPENING)
        return; /* it is being given up */
    s->link = FY_SWITCH_LINK_OPEN;
    if (s->phase == FY_SOURCE_CONNECT) {
        source_enter(s, FY_SOURCE_OFFER);
        s->ops->expect(s->ctx, FY_SOURCE_WAIT_ANSWER);
        s->ops->offer(s->ctx);
    } else if (s->phase == FY_SOURCE_COMMIT) {
        s->ops->expect(s->ctx, FY_SOURCE_WAIT_DONE);
        s->ops->say(s->ctx, FY_SAY_RESOLVE_COMMIT, NULL);
    } else
        source_advance(s);
}

void fy_source_answered(struct fy_source *s, enum fy_source_verdict verdict, const struct fy_error *err)
{
    if (s->phase != FY_SOURCE_OFFER)
        return;
    s->peer_settled = verdict != FY_OFFER_ACCEPTED; /* it keeps nothing of what it refused or was only asked */
    if (verdict == FY_OFFER_REFUSED)
        (void)fy_source_fail(s, err);
    else if (verdict == FY_OFFER_ANSWERED) {
        source_enter(s, FY_SOURCE_END);
        source_advance(s);
    } else {
        source_enter(s, FY_SOURCE_BEGIN);
        source_write(s, FY_STAGE_BEGUN);
    }
}

/* Pages are sent from when CRIU writes the first. */
static void begun(struct fy_source *s, const struct fy_error *err)
{
    if (!goes_on(s, 0, err))
        return;
    source_enter(s, FY_SOURCE_DUMP);
    s->busy |= SOURCE_SENDING;
    s->ops->send(s->ctx);
    if (s->phase != FY_SOURCE_DUMP)
        return;
    s->busy |= SOURCE_DUMPING;
    s->ops->dump(s->ctx);
}

/* ---- DUMP, CHECK, SEND ---- */

void fy_source_held(struct fy_source *s)
{
    if (s->phase != FY_SOURCE_DUMP)
        return; /* rolling back: the driver has its decision */
    s->was_held = true;
    source_enter(s, FY_SOURCE_CHECK);
    s->ops->send_complete(s->ctx);
    s->busy |= SOURCE_CHECKING;
    s->ops->check(s->ctx);
}

/* PREPARE follows the last byte at once, when the set has been found whole; that the bytes have arrived is acknowledged
 * on its own. */
static void prepare_if_sent(struct fy_source *s)
{
    if (s->phase != FY_SOURCE_SEND || !s->set_queued)
        return;
    if (!s->prepare_said) {
        s->prepare_said = true;
        s->ops->say(s->ctx, FY_SAY_PREPARE, NULL);
    }
    if (s->phase != FY_SOURCE_SEND || !s->set_kept)
        return;
    source_enter(s, FY_SOURCE_PREPARE);
    s->ops->expect(s->ctx, FY_SOURCE_WAIT_PREPARED);
}

void fy_source_checked(struct fy_source *s, const struct fy_error *err)
{
    if (!goes_on(s, SOURCE_CHECKING, err))
        return;
    source_enter(s, FY_SOURCE_SEND);
    s->ops->expect(s->ctx, FY_SOURCE_WAIT_RECEIVED);
    prepare_if_sent(s);
}

void fy_source_queued(struct fy_source *s)
{
    s->set_queued = true;
    prepare_if_sent(s);
}

void fy_source_received(struct fy_source *s, bool all)
{
    s->set_kept = s->set_kept || all;
    if (s->phase == FY_SOURCE_SEND)
        s->ops->expect(s->ctx, FY_SOURCE_WAIT_RECEIVED);
    prepare_if_sent(s);
}

void fy_source_sent(struct fy_source *s, const struct fy_error *err)
{
    if (goes_on(s, SOURCE_SENDING, s->set_kept ? NULL : err))
        source_advance(s); /* RECOVER waits for it */
}

/* Behind the decision, and before anything was killed for it. */
static void take_back(struct fy_source *s, const struct fy_error *why)
{
    s->ops->blame(s->ctx, why);
    source_rollback(s);
}

/* What moves together has no way back from here: the others are being killed. */
static void kill_ended(struct fy_source *s, const struct fy_error *why)
{
    if (s->tasks_gone)
        source_killed(s);
    else if (s->together)
        source_pause(s);
    else
        take_back(s, why);
}

/* The dump has ended. Once the image set is complete, tasks that are gone without a decision are no reason to give up:
 * what was dumped is then all there is. */
void fy_source_dumped(struct fy_source *s, enum fy_tasks tasks, const struct fy_error *err)
{
    struct fy_error early = FY_ERROR_INIT;
    s->busy &= ~(unsigned)SOURCE_DUMPING;
    s->tasks_gone = tasks == FY_TASKS_GONE;
    fy_error_propagate(&early, err);
    fy_error_set(&early, FY_E_DUMP, "the dump ended before it was decided upon");
    if (s->phase == FY_SOURCE_KILL)
        kill_ended(s, &early);
    else if (s->phase == FY_SOURCE_PIN) {
        if (!s->tasks_gone)
            take_back(s, &early);
    } else if (is_over(s)) {
        if (s->tasks_gone) {
            s->keep_images = s->was_held;
            s->ops->blame(s->ctx, &early);
        }
        source_advance(s);
    } else if (!(s->tasks_gone && s->was_held) && s->phase != FY_SOURCE_DECIDE)
        (void)fy_source_fail(s, &early);
}

/* ---- READY, DECIDE, KILL, WITHDRAW, COMMIT ---- */

void fy_source_go(struct fy_source *s)
{
    if (s->phase != FY_SOURCE_READY)
        return;
    source_enter(s, FY_SOURCE_DECIDE);
    source_write(s, FY_STAGE_COMMIT);
}

static void kill_tasks(struct fy_source *s)
{
    source_enter(s, FY_SOURCE_KILL);
    if (s->tasks_gone)
        source_killed(s);
    else
        s->ops->kill(s->ctx);
}

/* Not before the record is on the disk: a kill without it would be presumed not to have been. */
static void decided(struct fy_source *s, const struct fy_error *err)
{
    bool ended_whole = !(s->busy & SOURCE_DUMPING) && !s->tasks_gone;
    if (err)
        s->ops->blame(s->ctx, err);
    if (err || s->peer_lost || ended_whole)
        source_rollback(s);
    else if (s->together) {
        source_enter(s, FY_SOURCE_PIN);
        s->ops->pin(s->ctx);
    } else
        kill_tasks(s);
}

void fy_source_pinned(struct fy_source *s, const struct fy_error *err)
{
    if (s->phase != FY_SOURCE_PIN)
        return;
    if (err)
        take_back(s, err);
    else
        kill_tasks(s);
}

void source_killed(struct fy_source *s)
{
    s->tasks_gone = true;
    source_enter(s, FY_SOURCE_WITHDRAW);
    s->busy |= SOURCE_WITHDRAWING;
    s->ops->withdraw(s->ctx);
}

/* The tasks are gone and the destination waits: an address that would not go is told, and does not stop us. */
void fy_source_withdrawn(struct fy_source *s, const struct fy_error *err)
{
    s->busy &= ~(unsigned)SOURCE_WITHDRAWING;
    if (err)
        s->ops->blame(s->ctx, err);
    if (s->peer_lost && s->ops->can_recover(s->ctx)) {
        source_recover(s);
        return;
    }
    source_enter(s, FY_SOURCE_COMMIT);
    if (s->link == FY_SWITCH_LINK_OPEN) {
        s->ops->expect(s->ctx, FY_SOURCE_WAIT_DONE);
        s->ops->say(s->ctx, FY_SAY_COMMIT, NULL);
    } else if (s->link == FY_SWITCH_LINK_NONE)
        source_redial(s);
}

void source_complete(struct fy_source *s)
{
    s->peer_settled = true;
    s->runs_there = true;
    source_enter(s, FY_SOURCE_FINISH);
    source_write(s, FY_STAGE_DONE);
}

/* ---- the journal ---- */

void fy_source_journaled(struct fy_source *s, enum fy_stage stage, const struct fy_error *err)
{
    s->busy &= ~(unsigned)SOURCE_WRITING;
    switch (stage) {
    case FY_STAGE_BEGUN:
        begun(s, err);
        break;
    case FY_STAGE_COMMIT:
        decided(s, err);
        break;
    case FY_STAGE_DONE: /* when it could not be written, a restart asks the destination once more, which knows */
        source_enter(s, FY_SOURCE_END);
        source_advance(s);
        break;
    default: /* ABORT and RECOVER are written again until they are there: what follows rests on them */
        s->abort_durable = s->abort_durable || (stage == FY_STAGE_ABORT && !err);
        s->recover_durable = s->recover_durable || (stage == FY_STAGE_RECOVER && !err);
        if (err)
            source_pause(s);
        else
            source_advance(s);
    }
}

/* ---- what the destination says ---- */

static enum fy_heard unready(struct fy_source *s, const struct fy_error *why)
{
    s->peer_lost = true;
    if (fy_source_fail(s, why) || is_over(s) || s->phase == FY_SOURCE_RECOVER || s->phase == FY_SOURCE_FINISH)
        return FY_HEARD_TAKEN;
    if (s->phase == FY_SOURCE_PIN) {
        take_back(s, why);
        return FY_HEARD_TAKEN;
    }
    s->ops->blame(s->ctx, why);
    if (s->phase != FY_SOURCE_COMMIT)
        return FY_HEARD_TAKEN; /* settled as soon as the record is written, or the tasks here have ended */
    if (s->ops->can_recover(s->ctx))
        source_recover(s);
    return FY_HEARD_TAKEN; /* else it has the only image set, and tries again whenever it is told again */
}

/* Before the decision a destination may give up on its own. After it, it has lost all that it had. */
static enum fy_heard aborted(struct fy_source *s, enum fy_saying saying, const struct fy_error *why)
{
    s->peer_settled = true;
    s->peer_lost = true;
    if (fy_source_fail(s, why))
        return FY_HEARD_TAKEN;
    if (is_over(s) || s->phase == FY_SOURCE_RECOVER) {
        source_advance(s);
        return FY_HEARD_TAKEN;
    }
    if (s->phase == FY_SOURCE_FINISH)
        return FY_HEARD_REPEATED;
    if (s->phase == FY_SOURCE_PIN) {
        take_back(s, why);
        return FY_HEARD_TAKEN;
    }
    s->ops->blame(s->ctx, why);
    if (s->phase != FY_SOURCE_COMMIT)
        return FY_HEARD_TAKEN;
    if (saying == FY_SAY_ABORTED && s->ops->can_recover(s->ctx)) {
        source_recover(s);
        return FY_HEARD_TAKEN;
    }
    s->keep_images = true;
    source_enter(s, FY_SOURCE_END);
    source_advance(s);
    return FY_HEARD_TAKEN;
}

static enum fy_heard done(struct fy_source *s)
{
    if (s->phase == FY_SOURCE_COMMIT) {
        source_complete(s);
        return FY_HEARD_TAKEN;
    }
    if (s->phase == FY_SOURCE_RECOVER && !s->peer_settled) { /* it could run it after all */
        s->runs_there = true;
        source_advance(s);
        return FY_HEARD_TAKEN;
    }
    if (s->phase == FY_SOURCE_ROLLBACK && !s->peer_settled) { /* an operator decided so, over there */
        s->peer_settled = true;
        s->runs_there = true;
        source_advance(s);
        return FY_HEARD_TAKEN;
    }
    return s->phase > FY_SOURCE_COMMIT ? FY_HEARD_REPEATED : FY_HEARD_WRONG;
}

enum fy_heard fy_source_heard(struct fy_source *s, enum fy_saying saying, uint64_t epoch, const struct fy_error *why)
{
    if (epoch != s->epoch)
        return FY_HEARD_WRONG;
    switch (saying) {
    case FY_SAY_PREPARED:
        if (s->phase != FY_SOURCE_PREPARE)
            return s->phase > FY_SOURCE_PREPARE ? FY_HEARD_REPEATED : FY_HEARD_WRONG;
        source_enter(s, FY_SOURCE_READY);
        s->ops->ready(s->ctx);
        return FY_HEARD_TAKEN;
    case FY_SAY_DONE:
        return done(s);
    case FY_SAY_UNREADY:
        return unready(s, why);
    case FY_SAY_ABORTED:
    case FY_SAY_UNKNOWN:
        return s->phase < FY_SOURCE_OFFER ? FY_HEARD_WRONG : aborted(s, saying, why);
    default:
        return FY_HEARD_WRONG;
    }
}
