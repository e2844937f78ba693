/* What goes wrong, what an operator does about it, and what must have come of it in the end. */
#include "sim.h"

#include <string.h>

/* ---- crashes and starts ---- */

static void lose_power(struct world *w, enum host host)
{
    struct restore *restore = &w->hosts[host].restore;
    if (host == SOURCE) {
        w->source_power_lost = w->source_power_lost || w->tasks != TASKS_DEAD;
        w->tasks = TASKS_DEAD;
        w->dump_alive = w->traces = w->pinned = false;
        w->dumps++;
        bool owned = restore->copy == COPY_RUNS || w->hosts[SOURCE].disk.stage == FY_STAGE_RECOVER;
        w->source_power_lost = w->source_power_lost || owned;
    } else if (w->destination_began && !(w->hosts[host].ended && !w->hosts[host].completed))
        w->destination_power_lost = w->destination_power_lost || restore->copy == COPY_RUNS || !w->durable;
    restore->alive = false;
    restore->copy = COPY_NONE;
    restore->set_kept = restore->set_kept && host == DESTINATION && w->durable;
}

static void crash(struct world *w, enum host host, bool power_lost, bool transaction_is_there)
{
    struct sim_host *at = &w->hosts[host];
    sim_trace(w, "%s of the %s", power_lost ? "power loss" : "death of ferryd",
              host == SOURCE ? "source" : "destination");
    if (power_lost)
        lose_power(w, host);
    if (!at->is_up)
        return;
    disk_crash(w, host, transaction_is_there);
    at->is_up = false;
    at->life++;
    at->deadline = 0;
    if (host == DESTINATION)
        w->question = 0;
    net_host_died(w, host);
    if (!power_lost)
        criu_ferryd_died(w, host);
    at->ended = at->ended && at->ended_is_durable;
}

void sim_crash(struct world *w, enum host host, bool power_lost)
{
    bool transaction_is_there = sim_chance(w, 50);
    for (unsigned i = 0; i < sim_member_count(w); i++)
        crash(&sim_members(w)[i], host, power_lost, transaction_is_there);
}

static void start_source(struct world *w, bool goes_on)
{
    struct sim_host *at = &w->hosts[SOURCE];
    if (at->ended)
        return;
    if (at->disk.stage == FY_STAGE_NONE || at->disk.stage == FY_STAGE_DONE) {
        at->ended = at->ended_is_durable = true;
        at->completed = at->disk.stage == FY_STAGE_DONE;
        return;
    }
    fy_source_init(&w->source, &sim_source_ops, w, w->epoch);
    if (w->group && at->disk.stage == FY_STAGE_COMMIT)
        fy_source_restart_together(&w->source, goes_on);
    else
        fy_source_restart(&w->source, at->disk.stage);
}

static void start_destination(struct world *w)
{
    struct sim_host *at = &w->hosts[DESTINATION];
    if (!w->destination_began || at->ended)
        return;
    if (at->disk.stage == FY_STAGE_DONE) {
        at->ended = at->ended_is_durable = at->completed = true;
        return;
    }
    fy_destination_restart(&w->destination, &sim_destination_ops, w, w->epoch, at->disk.stage);
}

void sim_start(struct world *w, unsigned host)
{
    struct world *members = sim_members(w);
    bool goes_on = w->group && group_goes_on(w->group);
    if (w->hosts[host].is_up || w->hosts[host].is_gone)
        return;
    if (w->group && host == SOURCE)
        w->group->core.struck = true; /* from here on each goes its own way */
    for (unsigned i = 0; i < sim_member_count(w); i++)
        members[i].hosts[host].is_up = true;
    for (unsigned i = 0; i < sim_member_count(w); i++) {
        sim_trace(&members[i], "%s's ferryd starts", host == SOURCE ? "source" : "destination");
        if (host == SOURCE)
            start_source(&members[i], goes_on);
        else
            start_destination(&members[i]);
    }
}

/* ---- one fault, at any step ---- */

static void set_net(struct world *w, unsigned is_cut)
{
    for (unsigned i = 0; i < sim_member_count(w); i++) {
        sim_members(w)[i].net_is_cut = is_cut;
        if (is_cut)
            net_lose(&sim_members(w)[i]);
    }
}

static void set_disk(struct world *w, enum host host, bool is_full)
{
    sim_trace(w, "disk %u is %s", host, is_full ? "full" : "empty");
    for (unsigned i = 0; i < sim_member_count(w); i++)
        sim_members(w)[i].hosts[host].disk.is_full = is_full;
}

static void empty_disk(struct world *w, unsigned host)
{
    set_disk(w, host, false);
}

static void cancel(struct world *w)
{
    struct fy_error err = FY_ERROR_INIT;
    fy_error_set(&err, FY_E_CANCELLED, "cancelled");
    sim_trace(w, "cancel");
    if (w->hosts[SOURCE].is_up && !w->hosts[SOURCE].ended)
        (void)fy_source_fail(&w->source, &err);
}

void sim_crash_and_start(struct world *w, enum host host, bool power_lost)
{
    sim_crash(w, host, power_lost);
    sim_at(w, sim_delay(w) * 4, TO_WORLD, sim_start, "start", host);
}

static void one_fault(struct world *w)
{
    enum host host = sim_chance(w, 50) ? SOURCE : DESTINATION;
    unsigned kind = sim_below(w, 100);
    if (kind < 30)
        sim_crash_and_start(w, host, false);
    else if (kind < 38)
        sim_crash_and_start(w, host, true);
    else if (kind < 48)
        criu_dies(w, host);
    else if (kind < 62)
        net_lose(w);
    else if (kind < 72) {
        set_net(w, true);
        sim_at(w, sim_delay(w) * 8, TO_WORLD, set_net, "the net is whole", false);
    } else if (kind < 82)
        net_repeat(w);
    else if (kind < 92) {
        set_disk(w, host, true);
        sim_at(w, sim_delay(w) * 8, TO_WORLD, empty_disk, "the disk has room", host);
    } else
        cancel(w);
    for (unsigned i = 0; i < sim_member_count(w); i++)
        sim_check(&sim_members(w)[i]);
}

/* Often several in a row: what is hard is what happens in the middle of getting over something. */
void sim_inject(struct world *w)
{
    bool is_early = w->source.phase < FY_SOURCE_SEND;
    struct world *first = sim_members(w);
    if (first->faults_left == 0 || (is_early && !first->early_faults) || sim_below(w, is_early ? 30 : 8) != 0)
        return;
    first->faults_left--;
    one_fault(w);
}

/* ---- the end ---- */

void sim_heal(struct world *w)
{
    sim_trace(w, "---- heal ----");
    set_net(w, false);
    for (enum host host = SOURCE; host <= DESTINATION; host++) {
        set_disk(w, host, false);
        sim_start(w, host);
    }
    sim_check(w);
}

/* A prepared copy whose source cannot be asked and has stopped to tell, or one that could not be restored when it could
 * still fail: the cases that are an operator's. */
void sim_operate(struct world *w, unsigned attempts)
{
    struct fy_error err = FY_ERROR_INIT;
    sim_trace(w, "---- an operator ----");
    if (attempts > 0) /* it may be busy trying by itself */
        sim_at(w, 3100000, TO_WORLD, sim_operate, "an operator looks again", attempts - 1);
    if (!w->destination_began || w->hosts[DESTINATION].ended)
        return;
    enum fy_saying decision = sim_source_decision(w);
    bool commit = decision == FY_SAY_DECIDED_COMMIT && w->hosts[DESTINATION].restore.set_kept;
    if (decision != FY_SAY_UNDECIDED) /* a set that is lost leaves nothing but to end the job */
        (void)fy_destination_resolve(&w->destination, commit, &err);
    sim_check(w);
}

void sim_judge(struct world *w)
{
    bool at_source = w->tasks == TASKS_RUN || w->hosts[SOURCE].restore.copy == COPY_RUNS;
    bool at_destination = w->hosts[DESTINATION].restore.copy == COPY_RUNS;
    if (w->tasks == TASKS_PARTLY || w->tasks == TASKS_FROZEN)
        sim_fail(w, "the source's tasks are left half way");
    else if (!at_source && !at_destination && !w->source_power_lost && !w->destination_power_lost &&
             !(w->source.keep_images && w->clumsy_restores && w->hosts[SOURCE].restore.set_kept))
        sim_fail(w, "no copy runs, and no host had taken it down");
    else if (!w->hosts[SOURCE].ended)
        sim_fail(w, "the source's job has not ended");
    else if (w->destination_began && !w->hosts[DESTINATION].ended)
        sim_fail(w, "the destination's job has not ended");
    else if (w->hosts[SOURCE].completed && at_source)
        sim_fail(w, "the source says that it runs at the destination, and it does not");
}
