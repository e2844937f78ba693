/* The hands of the destination's machine, and what its job table answers. */
#include "sim.h"

static void entered(void *ctx, enum fy_destination_phase phase)
{
    sim_trace(ctx, "destination: %s", fy_destination_phase_row(phase)->name);
}

static void blame(void *ctx, const struct fy_error *why)
{
    sim_trace(ctx, "destination blames: %s", why ? why->message : "");
}

/* ---- timers ---- */

static void late(struct world *w, unsigned number)
{
    struct fy_error err = FY_ERROR_INIT;
    if (w->hosts[DESTINATION].deadline != number)
        return;
    fy_error_set(&err, FY_E_TIMEOUT, "waited in vain");
    fy_destination_late(&w->destination, &err);
}

static void expect(void *ctx, enum fy_destination_wait wait)
{
    struct world *w = ctx;
    w->hosts[DESTINATION].deadline = wait == FY_DESTINATION_WAIT_NOTHING ? 0 : ++w->deadlines;
    if (wait != FY_DESTINATION_WAIT_NOTHING)
        sim_at(w, 30000000, TO_DESTINATION_LIFE, late, "destination's deadline", w->hosts[DESTINATION].deadline);
}

static void retry(struct world *w, unsigned arg)
{
    (void)arg;
    fy_destination_retry(&w->destination);
}

static void retry_later(void *ctx, unsigned attempt)
{
    sim_at(ctx, 250000ull << (attempt < 4 ? attempt : 4), TO_DESTINATION_LIFE, retry, "destination tries again", 0);
}

/* ---- links ---- */

static void hang_up(void *ctx, const struct fy_error *why)
{
    (void)why;
    net_close(ctx, DESTINATION);
}

static void farewell(void *ctx)
{
    net_close(ctx, DESTINATION);
}

static void say(void *ctx, enum fy_saying saying)
{
    struct world *w = ctx;
    if (saying == FY_SAY_PREPARED && w->hosts[DESTINATION].disk.stage != FY_STAGE_PREPARED)
        sim_fail(w, "PREPARED is said without its record");
    if (saying == FY_SAY_DONE && w->hosts[DESTINATION].disk.stage != FY_STAGE_DONE)
        sim_fail(w, "DONE is said without its record");
    net_say(w, DESTINATION, saying);
}

/* Each question has a number, so that one that was stopped hears no answer. */
static void answered(struct world *w, unsigned number)
{
    enum fy_saying answer = FY_SAY_UNDECIDED;
    if (number != w->question)
        return;
    w->question = 0;
    if (!w->net_is_cut && w->hosts[SOURCE].is_up && w->source_is_known)
        answer = sim_source_decision(w);
    sim_trace(w, "destination is told %u", answer);
    fy_destination_asked(&w->destination, answer, w->epoch);
}

static void ask(void *ctx, unsigned attempt)
{
    struct world *w = ctx;
    w->question = ++w->questions;
    sim_at(w, (500000ull << (attempt < 5 ? attempt : 5)) + sim_delay(w), TO_DESTINATION_LIFE, answered, "asked",
           w->question);
}

static void stopped(struct world *w, unsigned arg)
{
    (void)arg;
    fy_destination_asked(&w->destination, FY_SAY_UNDECIDED, 0);
}

static void ask_stop(void *ctx)
{
    struct world *w = ctx;
    w->question = 0;
    sim_at(w, 0, TO_DESTINATION_LIFE, stopped, "asking has stopped", 0);
}

/* ---- workload ---- */

static void preflighted(struct world *w, unsigned arg)
{
    (void)arg;
    if (w->destination.phase == FY_DESTINATION_ASK)
        net_send(w, DESTINATION, MESSAGE_ANSWER);
    fy_destination_preflighted(&w->destination, w->destination.phase == FY_DESTINATION_ASK, NULL);
}

static void preflight(void *ctx)
{
    sim_at(ctx, sim_delay(ctx), TO_DESTINATION_LIFE, preflighted, "preflighted", 0);
}

static void receive(void *ctx)
{
    (void)ctx;
}

static void receiving_stopped(struct world *w, unsigned arg)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)arg;
    fy_error_set(&err, FY_E_CANCELLED, "stopped");
    fy_destination_received(&w->destination, &err);
}

static void receive_stop(void *ctx)
{
    sim_at(ctx, sim_delay(ctx), TO_DESTINATION_LIFE, receiving_stopped, "receiving has stopped", 0);
}

static void checked(struct world *w, unsigned arg)
{
    (void)arg;
    fy_destination_checked(&w->destination, NULL);
}

static void check(void *ctx)
{
    struct world *w = ctx;
    w->hosts[DESTINATION].restore.set_kept = true;
    sim_at(w, sim_delay(w), TO_DESTINATION_LIFE, checked, "checked", 0);
}

static void restore(void *ctx)
{
    criu_restore(ctx, DESTINATION);
}

static void run(void *ctx)
{
    criu_run(ctx, DESTINATION);
}

static void drop(void *ctx)
{
    criu_drop(ctx, DESTINATION);
}

static void unstaged(struct world *w, unsigned arg)
{
    (void)arg;
    fy_destination_unstaged(&w->destination, NULL);
}

static void unstage(void *ctx)
{
    struct world *w = ctx;
    w->hosts[DESTINATION].restore.set_kept = false;
    if (sim_chance(w, 30))
        fy_destination_unstaged(&w->destination, NULL);
    else
        sim_at(w, sim_delay(w), TO_DESTINATION_LIFE, unstaged, "unstaged", 0);
}

static bool has_set(void *ctx)
{
    return ((struct world *)ctx)->hosts[DESTINATION].restore.set_kept;
}

static void settle(void *ctx)
{
    criu_settle_restore(ctx, DESTINATION);
}

/* ---- record ---- */

static void journal(void *ctx, enum fy_stage stage)
{
    disk_write(ctx, DESTINATION, stage);
}

static void finish(void *ctx)
{
    struct world *w = ctx;
    struct sim_host *host = &w->hosts[DESTINATION];
    host->ended = true;
    host->ended_is_durable = sim_chance(w, 70);
    host->completed = w->destination.runs_here;
    host->restore.set_kept = false;
    sim_trace(w, "destination has ended: %s", host->completed ? "completed" : "discarded");
}

const struct fy_destination_ops sim_destination_ops = {
    .entered = entered,
    .blame = blame,
    .expect = expect,
    .retry_later = retry_later,
    .hang_up = hang_up,
    .farewell = farewell,
    .say = say,
    .ask = ask,
    .ask_stop = ask_stop,
    .preflight = preflight,
    .receive = receive,
    .receive_stop = receive_stop,
    .check = check,
    .restore = restore,
    .run = run,
    .drop = drop,
    .unstage = unstage,
    .has_set = has_set,
    .settle = settle,
    .journal = journal,
    .finish = finish,
};

/* ---- what comes over a link ---- */

static void begin(struct world *w, const struct message *message)
{
    if (w->destination_began)
        return; /* a job's id is taken once */
    w->destination_began = true;
    w->hosts[DESTINATION].link = message->link;
    fy_destination_init(&w->destination, &sim_destination_ops, w);
    fy_destination_greeted(&w->destination);
    fy_destination_offered(&w->destination, w->epoch);
}

/* As the job table does: a job that has ended is answered from memory, one that goes on takes the link. */
static void resolve(struct world *w, const struct message *message)
{
    struct sim_host *host = &w->hosts[DESTINATION];
    struct fy_error why = FY_ERROR_INIT;
    fy_error_set(&why, FY_E_CANCELLED, "the source gave up");
    bool takes_leave = w->destination_began && w->destination.phase == FY_DESTINATION_END;
    if (!w->destination_began || host->ended || takes_leave) {
        unsigned own = host->link;
        bool runs = host->ended ? host->completed : w->destination.runs_here;
        host->link = message->link;
        net_say(w, DESTINATION, !w->destination_began ? FY_SAY_UNKNOWN : runs ? FY_SAY_DONE : FY_SAY_ABORTED);
        net_close(w, DESTINATION);
        host->link = own;
        return;
    }
    host->link = message->link;
    fy_destination_linked(&w->destination);
    if (fy_destination_heard(&w->destination, message->saying, message->epoch, &why) == FY_HEARD_WRONG)
        net_close(w, DESTINATION);
}

static void hear(struct world *w, const struct message *message)
{
    struct fy_error why = FY_ERROR_INIT;
    fy_error_set(&why, FY_E_REMOTE, "the source said so");
    enum fy_heard heard = fy_destination_heard(&w->destination, message->saying, message->epoch, &why);
    if (heard == FY_HEARD_WRONG && w->destination.phase < FY_DESTINATION_DISCARD)
        sim_fail(w, "the destination refuses an honest word");
}

void sim_destination_receives(struct world *w, const struct message *message)
{
    bool resolves = message->saying == FY_SAY_RESOLVE_COMMIT || message->saying == FY_SAY_RESOLVE_ABORT;
    if (message->is_saying && resolves)
        resolve(w, message);
    else if (!message->is_saying && message->kind == MESSAGE_OFFER)
        begin(w, message);
    else if (message->link != w->hosts[DESTINATION].link)
        return;
    else if (message->is_saying)
        hear(w, message);
    else if (w->destination.phase == FY_DESTINATION_RECEIVE) {
        net_send(w, DESTINATION, MESSAGE_RECEIVED);
        fy_destination_received(&w->destination, NULL);
    }
}
