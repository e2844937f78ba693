/* CRIU, the drivers around it and the tasks: what goes on whether ferryd lives or not. A CRIU whose ferryd is gone
 * takes the silence for a veto; one that has its answer carries it out. */
#include "sim.h"

static enum belongs life_of(enum host host)
{
    return host == SOURCE ? TO_SOURCE_LIFE : TO_DESTINATION_LIFE;
}

/* ---- the dump ---- */

static void dump_ends(struct world *w, enum tasks_state tasks, bool failed)
{
    struct fy_error err = FY_ERROR_INIT;
    w->dump_alive = false;
    w->dumps++;
    if (tasks == TASKS_RUN && w->tasks == TASKS_FROZEN)
        w->ran_after_dump = true;
    w->tasks = tasks;
    if (!w->hosts[SOURCE].is_up)
        return;
    if (failed)
        fy_error_set(&err, FY_E_DUMP, "CRIU has died");
    if (w->dump_life == w->hosts[SOURCE].life) /* else it is an earlier ferryd's */
        fy_source_dumped(&w->source, tasks == TASKS_DEAD ? FY_TASKS_GONE : FY_TASKS_WHOLE, failed ? &err : NULL);
}

static void killed(struct world *w, unsigned arg)
{
    (void)arg;
    dump_ends(w, TASKS_DEAD, false);
}

static void resumed(struct world *w, unsigned arg)
{
    (void)arg;
    dump_ends(w, TASKS_RUN, false);
}

static void veto(struct world *w)
{
    if (!w->dump_resume_given && !w->dump_kill_given)
        sim_at(w, sim_delay(w), TO_DUMP, resumed, "CRIU resumes the tasks", 0);
    w->dump_resume_given = true;
}

static void held(struct world *w, unsigned arg)
{
    (void)arg;
    if (w->dump_resume_given)
        return;
    if (w->hosts[SOURCE].is_up && w->dump_life == w->hosts[SOURCE].life)
        fy_source_held(&w->source);
    else
        veto(w);
}

static void frozen(struct world *w, unsigned arg)
{
    (void)arg;
    if (w->dump_resume_given)
        return;
    w->tasks = TASKS_FROZEN;
    sim_at(w, sim_delay(w), TO_DUMP, held, "CRIU is held", 0);
}

void criu_dump(struct world *w)
{
    w->dump_alive = true;
    w->dump_life = w->hosts[SOURCE].life;
    w->dump_kill_given = w->dump_resume_given = false;
    w->traces = true;
    sim_at(w, sim_delay(w), TO_DUMP, frozen, "CRIU freezes", 0);
}

void criu_kill(struct world *w)
{
    if (w->hosts[SOURCE].disk.stage != FY_STAGE_COMMIT)
        sim_fail(w, "a kill without its record");
    w->dump_kill_given = true;
    w->kill_began = true;
    sim_at(w, sim_delay(w), TO_DUMP, killed, "CRIU has killed the tasks", 0);
}

static void stopped(struct world *w, unsigned arg)
{
    struct fy_error err = FY_ERROR_INIT;
    (void)arg;
    if (w->dump_alive && !w->dump_resume_given)
        w->pinned = true;
    else if (w->tasks != TASKS_DEAD)
        fy_error_set(&err, FY_E_DUMP, "CRIU does not hold it any more");
    else
        w->pinned = true; /* it needs no more */
    group_pinned(w, fy_error_is_set(&err) ? &err : NULL);
}

void criu_pin(struct world *w)
{
    if (sim_chance(w, 50))
        stopped(w, 0);
    else
        sim_at(w, sim_delay(w), TO_SOURCE_LIFE, stopped, "CRIU is stopped", 0);
}

void criu_resume(struct world *w)
{
    veto(w);
}

/* The driver finishes what a CRIU that died had begun. */
static void driver_killed(struct world *w, unsigned arg)
{
    (void)arg;
    w->tasks = TASKS_DEAD;
    fy_source_dumped(&w->source, FY_TASKS_GONE, NULL);
}

static void dumper_dies(struct world *w)
{
    if (!w->dump_alive)
        return;
    if (!w->dump_kill_given) {
        w->ran_when_pinned = w->ran_when_pinned || (w->pinned && w->dump_life != w->hosts[SOURCE].life);
        dump_ends(w, TASKS_RUN, true);
        return;
    }
    w->dump_alive = false;
    w->dumps++;
    w->tasks = sim_chance(w, 50) ? TASKS_PARTLY : TASKS_RUN;
    if (w->hosts[SOURCE].is_up && w->dump_life == w->hosts[SOURCE].life)
        sim_at(w, sim_delay(w), TO_SOURCE_LIFE, driver_killed, "the driver has killed the tasks", 0);
}

static void settled_dump(struct world *w, unsigned settling)
{
    static const enum fy_tasks stand[] = {
        [TASKS_RUN] = FY_TASKS_WHOLE,
        [TASKS_FROZEN] = FY_TASKS_WHOLE,
        [TASKS_PARTLY] = FY_TASKS_PARTIAL,
        [TASKS_DEAD] = FY_TASKS_GONE,
    };
    if (w->dump_alive && w->pinned && settling == FY_SETTLE_KILL) { /* they die before CRIU goes on */
        w->dump_alive = false;
        w->dumps++;
    } else if (w->dump_alive) {
        if (settling == FY_SETTLE_RELEASE)
            veto(w);
        sim_at(w, sim_delay(w), TO_SOURCE_LIFE, settled_dump, "waits for CRIU", settling);
        return;
    }
    if (settling == FY_SETTLE_KILL)
        w->tasks = TASKS_DEAD;
    fy_source_settled(&w->source, stand[w->tasks], NULL);
}

void criu_settle_dump(struct world *w, enum fy_source_settling settling)
{
    if (settling == FY_SETTLE_RESTORED)
        criu_settle_restore(w, SOURCE);
    else
        sim_at(w, sim_delay(w), TO_SOURCE_LIFE, settled_dump, "settled", settling);
}

/* ---- the restores ---- */

static void tell_restored(struct world *w, enum host host, bool runs)
{
    struct fy_error err = FY_ERROR_INIT;
    if (!w->hosts[host].is_up || w->hosts[host].restore.life != w->hosts[host].life)
        return;
    if (!runs)
        fy_error_set(&err, FY_E_RESTORE, "CRIU has failed");
    if (host == SOURCE)
        fy_source_restored(&w->source, runs, runs ? NULL : &err);
    else
        fy_destination_restored(&w->destination, runs, runs ? NULL : &err);
}

static void restore_ends(struct world *w, enum host host, enum copy_state copy)
{
    struct restore *restore = &w->hosts[host].restore;
    restore->alive = false;
    restore->copy = copy;
    tell_restored(w, host, copy == COPY_RUNS);
}

static void copy_runs(struct world *w, unsigned host)
{
    struct restore *restore = &w->hosts[host].restore;
    if (!restore->alive || restore->copy != COPY_HELD)
        return;
    restore_ends(w, host, w->clumsy_restores && w->chaos && sim_chance(w, 10) ? COPY_NONE : COPY_RUNS);
}

static void copy_dropped(struct world *w, unsigned host)
{
    if (w->hosts[host].restore.alive && !w->hosts[host].restore.run_given)
        restore_ends(w, host, COPY_NONE);
}

void criu_drop(struct world *w, enum host host)
{
    sim_at(w, sim_delay(w), TO_WORLD, copy_dropped, "the copy is dropped", host);
}

void criu_run(struct world *w, enum host host)
{
    if (!w->hosts[host].restore.alive) {
        sim_fail(w, "what is not held is to run");
        return;
    }
    w->hosts[host].restore.run_given = true;
    sim_at(w, sim_delay(w), TO_WORLD, copy_runs, "the copy runs", host);
}

static void copy_held(struct world *w, unsigned arg)
{
    enum host host = arg & 1;
    struct restore *restore = &w->hosts[host].restore;
    if (!restore->alive || restore->copy != COPY_NONE)
        return;
    if (w->clumsy_restores && w->chaos && sim_chance(w, 30)) {
        restore_ends(w, host, COPY_NONE);
        return;
    }
    restore->copy = COPY_HELD;
    if (w->hosts[host].life != arg >> 1 || !w->hosts[host].is_up)
        criu_drop(w, host);
    else if (host == SOURCE)
        criu_run(w, SOURCE);
    else
        fy_destination_held(&w->destination);
}

static void cannot_restore(struct world *w, unsigned host)
{
    tell_restored(w, host, false);
}

void criu_restore(struct world *w, enum host host)
{
    struct restore *restore = &w->hosts[host].restore;
    restore->life = w->hosts[host].life;
    if (!restore->set_kept) {
        sim_at(w, sim_delay(w), life_of(host), cannot_restore, "there is nothing to restore from", host);
        return;
    }
    if (restore->alive)
        sim_fail(w, "two restores at once");
    *restore = (struct restore){.alive = true, .set_kept = true, .life = w->hosts[host].life};
    sim_at(w, sim_delay(w), TO_WORLD, copy_held, "CRIU holds the copy", host | w->hosts[host].life << 1);
}

static void settled_restore(struct world *w, unsigned host)
{
    struct restore *restore = &w->hosts[host].restore;
    if (restore->alive) {
        sim_at(w, sim_delay(w), life_of(host), settled_restore, "waits for CRIU", host);
        return;
    }
    if (restore->copy != COPY_RUNS)
        restore->copy = COPY_NONE;
    enum fy_tasks tasks = restore->copy == COPY_RUNS ? FY_TASKS_WHOLE : FY_TASKS_GONE;
    if (host == SOURCE)
        fy_source_settled(&w->source, tasks, NULL);
    else
        fy_destination_settled(&w->destination, tasks, NULL);
}

void criu_settle_restore(struct world *w, enum host host)
{
    sim_at(w, sim_delay(w), life_of(host), settled_restore, "settled", host);
}

/* ---- deaths ---- */

void criu_ferryd_died(struct world *w, enum host host)
{
    if (host == SOURCE && w->dump_alive && w->tasks == TASKS_FROZEN && !w->pinned)
        veto(w);
    if (w->hosts[host].restore.alive && w->hosts[host].restore.copy == COPY_HELD && !w->hosts[host].restore.run_given)
        criu_drop(w, host);
}

void criu_dies(struct world *w, enum host host)
{
    struct restore *restore = &w->hosts[host].restore;
    if (host == SOURCE)
        dumper_dies(w);
    if (restore->alive)
        restore_ends(w, host, COPY_NONE);
}
