/* The hands of the source's machine. */
#include "sim.h"

static void entered(void *ctx, enum fy_source_phase phase)
{
    struct world *w = ctx;
    sim_trace(w, "source: %s", fy_source_phase_row(phase)->name);
    if (phase == FY_SOURCE_ROLLBACK && w->group)
        group_given_up(w);
}

static void blame(void *ctx, const struct fy_error *why)
{
    sim_trace(ctx, "source blames: %s", why ? why->message : "");
}

/* ---- timers ---- */

static void late(struct world *w, unsigned number)
{
    struct fy_error err = FY_ERROR_INIT;
    if (w->hosts[SOURCE].deadline != number)
        return;
    fy_error_set(&err, FY_E_TIMEOUT, "waited in vain");
    fy_source_late(&w->source, &err);
}

static void expect(void *ctx, enum fy_source_wait wait)
{
    struct world *w = ctx;
    w->hosts[SOURCE].deadline = wait == FY_SOURCE_WAIT_NOTHING ? 0 : ++w->deadlines;
    if (wait != FY_SOURCE_WAIT_NOTHING)
        sim_at(w, 5000000, TO_SOURCE_LIFE, late, "source's deadline", w->hosts[SOURCE].deadline);
}

static void retry(struct world *w, unsigned arg)
{
    (void)arg;
    fy_source_retry(&w->source);
}

static void retry_later(void *ctx, unsigned attempt)
{
    sim_at(ctx, 250000ull << (attempt < 4 ? attempt : 4), TO_SOURCE_LIFE, retry, "source tries again", 0);
}

static void inspected(struct world *w, unsigned arg)
{
    (void)arg;
    fy_source_inspected(&w->source, NULL);
}

static void inspect(void *ctx)
{
    sim_at(ctx, 100, TO_SOURCE_LIFE, inspected, "inspected", 0);
}

/* ---- link ---- */

static void dial(void *ctx)
{
    net_dial(ctx);
}

static void hang_up(void *ctx, const struct fy_error *why)
{
    (void)why;
    net_close(ctx, SOURCE);
}

static void farewell(void *ctx)
{
    net_close(ctx, SOURCE);
}

static void offer(void *ctx)
{
    net_send(ctx, SOURCE, MESSAGE_OFFER);
}

static void say(void *ctx, enum fy_saying saying, const struct fy_error *why)
{
    (void)why;
    net_say(ctx, SOURCE, saying);
}

void sim_source_receives(struct world *w, const struct message *message)
{
    struct fy_error why = FY_ERROR_INIT;
    if (!message->is_saying && message->kind == MESSAGE_ANSWER)
        fy_source_answered(&w->source, FY_OFFER_ACCEPTED, NULL);
    else if (!message->is_saying)
        fy_source_received(&w->source, true);
    else {
        fy_error_set(&why, FY_E_REMOTE, "the destination said so");
        enum fy_heard heard = fy_source_heard(&w->source, message->saying, message->epoch, &why);
        if (heard == FY_HEARD_WRONG && w->source.phase < FY_SOURCE_ROLLBACK)
            sim_fail(w, "the source refuses an honest word");
    }
}

/* ---- workload ---- */

static void dump(void *ctx)
{
    criu_dump(ctx);
}

static void give_kill(void *ctx)
{
    criu_kill(ctx);
}

static void resume(void *ctx)
{
    criu_resume(ctx);
}

static void checked(struct world *w, unsigned arg)
{
    (void)arg;
    fy_source_checked(&w->source, NULL);
}

static void check(void *ctx)
{
    sim_at(ctx, sim_delay(ctx), TO_SOURCE_LIFE, checked, "checked", 0);
}

static void sent(struct world *w, unsigned stopped)
{
    struct fy_error err = FY_ERROR_INIT;
    if (stopped)
        fy_error_set(&err, FY_E_CANCELLED, "stopped");
    fy_source_sent(&w->source, stopped ? &err : NULL);
}

static void queued(struct world *w, unsigned arg)
{
    (void)arg;
    if (w->source.phase != FY_SOURCE_CHECK && w->source.phase != FY_SOURCE_SEND)
        return;
    net_send(w, SOURCE, MESSAGE_SET);
    fy_source_queued(&w->source);
}

static void send_set(void *ctx)
{
    struct world *w = ctx;
    w->hosts[SOURCE].restore.set_kept = w->set_whole_at_source;
}

static void send_complete(void *ctx)
{
    sim_at(ctx, sim_delay(ctx), TO_SOURCE_LIFE, queued, "set is queued", 0);
    sim_at(ctx, 3000000 + sim_delay(ctx), TO_SOURCE_LIFE, sent, "sending has ended", 0);
}

static void send_stop(void *ctx)
{
    struct world *w = ctx;
    if (!w->source.was_held)
        sim_at(w, sim_delay(w), TO_SOURCE_LIFE, sent, "sending has stopped", 1);
}

static void go(struct world *w, unsigned arg)
{
    (void)arg;
    if (w->source.phase != FY_SOURCE_READY)
        return;
    if (w->group)
        group_ready(w);
    else
        fy_source_go(&w->source);
}

static void ready(void *ctx)
{
    struct world *w = ctx;
    if (sim_chance(w, 50))
        go(w, 0);
    else
        sim_at(w, sim_delay(w), TO_SOURCE_LIFE, go, "go", 0);
}

static void pin(void *ctx)
{
    criu_pin(ctx);
}

static void withdrawn(struct world *w, unsigned arg)
{
    (void)arg;
    fy_source_withdrawn(&w->source, NULL);
}

static void withdraw(void *ctx)
{
    sim_at(ctx, sim_delay(ctx), TO_SOURCE_LIFE, withdrawn, "withdrawn", 0);
}

static bool can_recover(void *ctx)
{
    return ((struct world *)ctx)->hosts[SOURCE].restore.set_kept;
}

static void restore(void *ctx)
{
    criu_restore(ctx, SOURCE);
}

static void settle(void *ctx, enum fy_source_settling settling)
{
    criu_settle_dump(ctx, settling);
}

/* ---- record ---- */

static void journal(void *ctx, enum fy_stage stage)
{
    disk_write(ctx, SOURCE, stage);
}

static void finish(void *ctx)
{
    struct world *w = ctx;
    struct sim_host *host = &w->hosts[SOURCE];
    w->traces = false;
    host->ended = true;
    host->ended_is_durable = sim_chance(w, 70);
    host->completed = w->source.runs_there;
    sim_trace(w, "source has ended: %s", host->completed ? "completed" : "rolled back");
}

enum fy_saying sim_source_decision(const struct world *w)
{
    if (w->hosts[SOURCE].ended)
        return w->hosts[SOURCE].completed ? FY_SAY_DECIDED_COMMIT : FY_SAY_DECIDED_ABORT;
    return fy_source_decision(&w->source);
}

const struct fy_source_ops sim_source_ops = {
    .entered = entered,
    .blame = blame,
    .expect = expect,
    .retry_later = retry_later,
    .inspect = inspect,
    .dial = dial,
    .hang_up = hang_up,
    .farewell = farewell,
    .offer = offer,
    .say = say,
    .dump = dump,
    .kill = give_kill,
    .resume = resume,
    .check = check,
    .send = send_set,
    .send_complete = send_complete,
    .send_stop = send_stop,
    .ready = ready,
    .pin = pin,
    .withdraw = withdraw,
    .can_recover = can_recover,
    .restore = restore,
    .settle = settle,
    .journal = journal,
    .finish = finish,
};
