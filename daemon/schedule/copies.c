/* The rules of copies.h. */
#include <ferry/schedule/copies.h>

size_t fy_copies_behind(const struct fy_copy *list, size_t count)
{
    size_t behind = 0;
    for (size_t i = 0; i < count; i++)
        behind += list[i].there ? 0 : 1;
    return behind;
}

static int64_t wait_s(uint32_t failed_rounds)
{
    int64_t wait = FY_COPIES_FIRST_WAIT_S;
    for (uint32_t i = 1; i < failed_rounds && wait < FY_COPIES_MOST_WAIT_S; i++)
        wait *= 2;
    return wait < FY_COPIES_MOST_WAIT_S ? wait : FY_COPIES_MOST_WAIT_S;
}

/* A failure from the future says that the clock had been wrong: it is not waited for. */
int64_t fy_copies_due_s(const struct fy_copies_state *state, int64_t now_s)
{
    if (!state->failed_rounds || !state->failed_s || state->failed_s > now_s)
        return now_s;
    return state->failed_s + wait_s(state->failed_rounds);
}

void fy_copies_failed(struct fy_copies_state *state, int64_t now_s)
{
    state->failed_rounds += state->failed_rounds < UINT32_MAX ? 1 : 0;
    state->failed_s = now_s;
}

void fy_copies_hurry(struct fy_copies_state *state)
{
    state->failed_s = 0;
}

static size_t newest(const struct fy_copy *list, size_t count)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (!list[i].there && !list[i].tried && (best == SIZE_MAX || list[i].taken_s >= list[best].taken_s))
            best = i;
    }
    return best;
}

struct fy_copies_step fy_copies_step(const struct fy_copy *list, size_t count, struct fy_copies_state *state,
                                     int64_t now_s)
{
    struct fy_copies_step step = {.index = SIZE_MAX, .wake_s = INT64_MAX};
    int64_t due_s = fy_copies_due_s(state, now_s);
    if (!fy_copies_behind(list, count)) {
        *state = (struct fy_copies_state){0};
        step.round_over = true;
        return step;
    }
    if (due_s > now_s) {
        step.wake_s = due_s;
        return step;
    }
    step.index = newest(list, count);
    if (step.index == SIZE_MAX) {
        fy_copies_failed(state, now_s);
        step.round_over = true;
        step.wake_s = fy_copies_due_s(state, now_s);
    }
    return step;
}
