/* Time, chance, the queue of events, and the rule that holds after each of them. */
#include "sim.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CHAOS_US 30000000ull
#define HEAL_US 400000000ull
#define MAX_EVENTS 20000u

void sim_fail(struct world *w, const char *rule)
{
    if (!w->broken)
        w->broken = rule;
    sim_trace(w, "BROKEN: %s", rule);
}

void sim_trace(struct world *w, const char *format, ...)
{
    va_list arguments;
    if (!w->trace)
        return;
    (void)fprintf(w->trace, "%10.6f %5u  ", (double)w->now_us / 1e6, w->events);
    va_start(arguments, format);
    (void)vfprintf(w->trace, format, arguments);
    va_end(arguments);
    (void)fputc('\n', w->trace);
}

/* ---- chance ---- */

uint64_t sim_random(struct world *w) /* SplitMix64 */
{
    uint64_t z = w->random += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

unsigned sim_below(struct world *w, unsigned limit)
{
    return (unsigned)(sim_random(w) % limit);
}

bool sim_chance(struct world *w, unsigned percent)
{
    return sim_below(w, 100) < percent;
}

uint64_t sim_delay(struct world *w)
{
    unsigned kind = sim_below(w, 100);
    if (kind < 80)
        return 100 + sim_below(w, 20000);
    return kind < 97 || !w->chaos ? 1000 + sim_below(w, 500000) : 1000000 + sim_below(w, 20000000);
}

/* ---- events ---- */

static unsigned incarnation(const struct world *w, enum belongs belongs)
{
    switch (belongs) {
    case TO_SOURCE_LIFE:
        return w->hosts[SOURCE].life;
    case TO_DESTINATION_LIFE:
        return w->hosts[DESTINATION].life;
    case TO_DUMP:
        return w->dumps;
    default:
        return 0;
    }
}

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_us != b->time_us ? a->time_us < b->time_us : a->order < b->order;
}

void sim_at(struct world *w, uint64_t delay_us, enum belongs belongs, sim_action action, const char *name, unsigned arg)
{
    if (w->queued == SIM_EVENTS) {
        sim_fail(w, "too many events wait");
        return;
    }
    w->queue[w->queued++] = (struct sim_event){
        .time_us = w->now_us + delay_us,
        .order = w->orders++,
        .action = action,
        .name = name,
        .arg = arg,
        .belongs = belongs,
        .incarnation = incarnation(w, belongs),
    };
}

static bool take_next(struct world *w, struct sim_event *event)
{
    unsigned first = 0;
    if (w->queued == 0)
        return false;
    for (unsigned i = 1; i < w->queued; i++)
        if (earlier(&w->queue[i], &w->queue[first]))
            first = i;
    *event = w->queue[first];
    w->queue[first] = w->queue[--w->queued];
    return true;
}

bool sim_step(struct world *w)
{
    struct sim_event event;
    if (!take_next(w, &event))
        return false;
    w->now_us = event.time_us;
    if (event.incarnation != incarnation(w, event.belongs))
        return true;
    w->events++;
    sim_trace(w, "%s %u", event.name, event.arg);
    event.action(w, event.arg);
    sim_check(w);
    return true;
}

/* ---- the rule ---- */

void sim_check(struct world *w)
{
    int running = (w->tasks == TASKS_RUN || w->tasks == TASKS_PARTLY) + (w->hosts[SOURCE].restore.copy == COPY_RUNS) +
                  (w->hosts[DESTINATION].restore.copy == COPY_RUNS);
    w->checks++;
    if (running > 1)
        sim_fail(w, "two copies run");
    bool excused = w->source_power_lost || w->kill_began || w->ran_when_pinned;
    if (w->hosts[DESTINATION].restore.copy == COPY_RUNS && w->ran_after_dump && !excused)
        sim_fail(w, "a copy runs that is older than what the source has done since");
}

/* ---- a life ---- */

static const struct sim_event *next_event(const struct world *w)
{
    const struct sim_event *next = w->queued ? &w->queue[0] : NULL;
    for (unsigned i = 1; i < w->queued; i++)
        if (earlier(&w->queue[i], next))
            next = &w->queue[i];
    return next;
}

/* The world in which the next thing happens; NULL when nothing does until then. */
static struct world *next_world(struct world *worlds, unsigned count, uint64_t end_us)
{
    struct world *found = NULL;
    uint64_t first_us = end_us;
    for (unsigned i = 0; i < count; i++) {
        const struct sim_event *event = next_event(&worlds[i]);
        if (event && (event->time_us < first_us || (!found && event->time_us == first_us))) {
            found = &worlds[i];
            first_us = event->time_us;
        }
    }
    return found;
}

static bool any_is_broken(const struct world *worlds, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (worlds[i].broken)
            return true;
    return false;
}

static void set_time(struct world *worlds, unsigned count, uint64_t now_us)
{
    for (unsigned i = 0; i < count; i++)
        worlds[i].now_us = worlds[i].now_us > now_us ? worlds[i].now_us : now_us;
}

static void run_until(struct world *worlds, unsigned count, uint64_t end_us)
{
    struct world *w;
    while (!any_is_broken(worlds, count) && (w = next_world(worlds, count, end_us))) {
        if (w->chaos)
            sim_inject(w);
        if (w->events > MAX_EVENTS) {
            sim_fail(w, "no end of events");
            return;
        }
        if (!(w = next_world(worlds, count, end_us)))
            break;
        set_time(worlds, count, next_event(w)->time_us);
        (void)sim_step(w);
    }
    set_time(worlds, count, end_us);
}

static void begin(struct world *w)
{
    w->tasks = TASKS_RUN;
    w->chaos = true;
    w->faults_left = sim_below(w, 10);
    w->early_faults = sim_chance(w, 30);
    w->set_whole_at_source = sim_chance(w, 50);
    w->durable = sim_chance(w, 30);
    w->clumsy_restores = sim_chance(w, 20);
    w->source_is_known = sim_chance(w, 80);
    w->epoch = sim_random(w) | 1;
    w->hosts[SOURCE].is_up = w->hosts[DESTINATION].is_up = true;
    w->hosts[SOURCE].life = w->hosts[DESTINATION].life = 1;
    fy_source_init(&w->source, &sim_source_ops, w, w->epoch);
    w->source.together = w->group != NULL;
    fy_source_start(&w->source);
}

static void judge(struct world *worlds, unsigned count)
{
    for (unsigned i = 0; i < count && !any_is_broken(worlds, count); i++)
        sim_judge(&worlds[i]);
    if (worlds->group && !any_is_broken(worlds, count))
        group_judge(worlds->group);
}

void sim_run(struct world *worlds, unsigned count, uint64_t seed, FILE *trace)
{
    struct group group = {.members = worlds, .count = count, .core = {.members = count}};
    memset(worlds, 0, count * sizeof(*worlds));
    for (unsigned i = 0; i < count; i++) {
        worlds[i].group = count > 1 ? &group : NULL;
        worlds[i].seed = seed;
        worlds[i].random = seed + i * 0x5851f42d4c957f2dull;
        worlds[i].trace = trace;
        begin(&worlds[i]);
    }
    run_until(worlds, count, CHAOS_US);
    for (unsigned i = 0; i < count; i++)
        worlds[i].chaos = false;
    sim_heal(worlds);
    run_until(worlds, count, worlds->now_us + HEAL_US);
    for (unsigned i = 0; i < count; i++)
        sim_operate(&worlds[i], 60);
    run_until(worlds, count, worlds->now_us + HEAL_US);
    judge(worlds, count);
    for (unsigned i = 0; i < count; i++)
        worlds[i].group = NULL;
}
