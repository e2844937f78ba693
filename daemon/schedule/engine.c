/* The rules of engine.h. */
#include <ferry/schedule/engine.h>

#define MINUTE_S 60
#define DAY_S 86400
#define WINDOW_TRIES 400 /* cron lines that meet their window once in a while */

/* ---- drawing ---- */

/* FNV-1a: only to tell names apart. */
static uint64_t mix_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return hash * UINT64_C(1099511628211);
}

uint64_t fy_schedule_seed(const char *host, const char *name)
{
    return mix_text(mix_text(UINT64_C(14695981039346656037), host), name);
}

/* Neighbouring slots must not get neighbouring values: multiply and fold twice. */
static uint64_t draw(uint64_t seed, int64_t slot_s)
{
    uint64_t value = seed ^ (uint64_t)slot_s;
    for (int i = 0; i < 2; i++) {
        value = (value ^ value >> 32) * UINT64_C(0x9e3779b97f4a7c15);
        value ^= value >> 29;
    }
    return value;
}

/* ---- slots ---- */

/* Until the next window begins, as clocks that do not change would have it. */
static int64_t until_window_s(const struct fy_schedule_spec *spec, int64_t at_s)
{
    int64_t second = fy_zone_local_s(spec->zone, at_s) % DAY_S, best_s = DAY_S;
    for (size_t i = 0; i < spec->window_count; i++) {
        int64_t ahead_s = (spec->windows[i].from * (int64_t)MINUTE_S - second + DAY_S) % DAY_S;
        if (ahead_s && ahead_s < best_s)
            best_s = ahead_s;
    }
    return best_s;
}

/* The first open moment at or after `at_s`. */
static int64_t opens_s(const struct fy_schedule_spec *spec, int64_t at_s)
{
    for (int i = 0; i < 4 * FY_MAX_WINDOWS && !fy_schedule_is_open(spec, at_s); i++) {
        struct fy_zone_span span = fy_zone_span(spec->zone, at_s);
        int64_t ahead_s = until_window_s(spec, at_s);
        at_s = span.end_s - at_s < ahead_s ? span.end_s : at_s + ahead_s; /* a change of the clock comes first */
    }
    return at_s;
}

static int64_t named_slot(const struct fy_schedule_spec *spec, int64_t after_s)
{
    int64_t every_s = (int64_t)(spec->every_ms / 1000);
    return every_s ? (after_s / every_s + 1) * every_s : fy_cron_next(&spec->cron, spec->zone, after_s);
}

int64_t fy_schedule_next_slot(const struct fy_schedule_spec *spec, int64_t after_s)
{
    after_s = after_s < 0 ? 0 : after_s;
    for (int i = 0; i < WINDOW_TRIES; i++) {
        int64_t slot_s = named_slot(spec, after_s);
        if (slot_s == INT64_MAX || fy_schedule_is_open(spec, slot_s))
            return slot_s;
        after_s = opens_s(spec, slot_s) - 1;
    }
    return INT64_MAX;
}

int64_t fy_schedule_start_s(const struct fy_schedule_spec *spec, uint64_t seed, int64_t slot_s)
{
    int64_t jitter_s = (int64_t)(spec->jitter_ms / 1000);
    if (!jitter_s || slot_s == INT64_MAX)
        return slot_s;
    int64_t start_s = slot_s + (int64_t)(draw(seed, slot_s) % (uint64_t)jitter_s);
    return fy_schedule_is_open(spec, start_s) ? start_s : slot_s;
}

/* ---- the step ---- */

/* Slots whose start has come: how many, the oldest and the newest, and what follows them. */
struct due {
    uint32_t count;
    int64_t oldest_s, newest_s, newest_start_s;
    int64_t next_start_s;
    int64_t before_newest_s; /* the slot before the newest */
};

static struct due collect(const struct fy_schedule_spec *spec, uint64_t seed, int64_t settled_s, int64_t now_s)
{
    struct due due = {.before_newest_s = settled_s};
    uint32_t most = spec->missed == FY_MISSED_RUN_ALL ? 1 : FY_SCHEDULE_AT_ONCE; /* only the oldest counts then */
    int64_t slot_s = fy_schedule_next_slot(spec, settled_s);
    int64_t start_s = fy_schedule_start_s(spec, seed, slot_s);
    while (start_s <= now_s && due.count < most) {
        due.oldest_s = due.count ? due.oldest_s : slot_s;
        due.before_newest_s = due.count ? due.newest_s : settled_s;
        due.newest_s = slot_s;
        due.newest_start_s = start_s;
        due.count++;
        slot_s = fy_schedule_next_slot(spec, slot_s);
        start_s = fy_schedule_start_s(spec, seed, slot_s);
    }
    due.next_start_s = start_s;
    return due;
}

static uint32_t add_missed(uint32_t missed, int64_t more)
{
    uint32_t sum;
    return more > UINT32_MAX || __builtin_add_overflow(missed, (uint32_t)more, &sum) ? UINT32_MAX : sum;
}

/* Keeps `settled` where a step can reach the present from. With windows nobody knows how many were jumped over, but
 * then there are fewer of them, too. */
static void follow_clock(const struct fy_schedule_spec *spec, struct fy_schedule_state *state, int64_t now_s)
{
    int64_t every_s = (int64_t)(spec->every_ms / 1000), reach_s = every_s * FY_SCHEDULE_AT_ONCE;
    if (state->settled_s > now_s + FY_SCHEDULE_BACK_S)
        state->settled_s = now_s;
    if (every_s && !spec->window_count && state->settled_s < now_s - reach_s) {
        int64_t settled_s = (now_s - reach_s) / every_s * every_s;
        state->missed = add_missed(state->missed, settled_s / every_s - state->settled_s / every_s);
        state->settled_s = settled_s;
    }
}

static struct fy_schedule_step run_slot(struct fy_schedule_state *state, int64_t slot_s, uint32_t passed)
{
    struct fy_schedule_step step = {.run = true, .slot_s = slot_s, .missed = add_missed(state->missed, passed)};
    state->settled_s = slot_s;
    state->missed = 0;
    return step;
}

static struct fy_schedule_step give_up(struct fy_schedule_state *state, const struct due *due, int64_t wake_s)
{
    struct fy_schedule_step step = {.wake_s = wake_s};
    state->settled_s = due->newest_s;
    state->missed = add_missed(state->missed, due->count);
    return step;
}

/* More has passed than one step looks at: all but the newest of these is settled, the rest comes next. */
static struct fy_schedule_step settle_part(struct fy_schedule_state *state, const struct due *due, int64_t now_s)
{
    struct fy_schedule_step step = {.wake_s = now_s};
    state->settled_s = due->before_newest_s;
    state->missed = add_missed(state->missed, due->count - 1);
    return step;
}

struct fy_schedule_step fy_schedule_step(const struct fy_schedule_spec *spec, uint64_t seed,
                                         struct fy_schedule_state *state, int64_t now_s, bool busy)
{
    struct fy_schedule_step nothing = {.wake_s = INT64_MAX};
    follow_clock(spec, state, now_s);
    if (state->paused) {
        state->settled_s = state->settled_s > now_s ? state->settled_s : now_s;
        state->missed = 0;
        return nothing;
    }
    if (busy)
        return nothing;
    struct due due = collect(spec, seed, state->settled_s, now_s);
    nothing.wake_s = due.next_start_s;
    if (!due.count)
        return nothing;
    if (spec->missed != FY_MISSED_RUN_ALL && due.next_start_s <= now_s)
        return settle_part(state, &due, now_s);
    bool open = fy_schedule_is_open(spec, now_s);
    if (spec->missed == FY_MISSED_SKIP && (!open || now_s - due.newest_start_s > FY_SCHEDULE_GRACE_S))
        return give_up(state, &due, due.next_start_s);
    if (!open) { /* it is made up for when the window opens */
        nothing.wake_s = opens_s(spec, now_s);
        return nothing;
    }
    if (spec->missed == FY_MISSED_RUN_ALL)
        return run_slot(state, due.oldest_s, 0);
    return run_slot(state, due.newest_s, due.count - 1);
}
