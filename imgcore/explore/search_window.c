/* The window slides so that a match is looked for only where all that it may reach is in the window:
 *
 *     data ............ next ................. stop ............. size
 *          | behind    | matches begin in here | ahead           |
 *
 * At the end of an area of memory `stop` is the end. */
#include "search_window.h"

#include <string.h>

void fy_window_init(struct window *window, struct fy_pattern *pattern, size_t context_bytes, window_match_fn *on_match,
                    void *context)
{
    window->pattern = pattern;
    window->context_bytes =
        context_bytes < FY_SEARCH_CONTEXT_MAX_BYTES ? context_bytes : (size_t)FY_SEARCH_CONTEXT_MAX_BYTES;
    window->on_match = on_match;
    window->on_match_context = context;
    window->address = 0;
    window->size = window->next = 0;
    window->is_over = false;
}

static void hand_out(struct window *window, const struct pattern_range *range)
{
    size_t before = range->begin < window->context_bytes ? range->begin : window->context_bytes;
    size_t rest = window->size - range->end;
    struct window_match match = {
        .address = window->address + range->begin,
        .before = window->data + range->begin - before,
        .before_bytes = before,
        .match = window->data + range->begin,
        .match_bytes = range->end - range->begin,
        .after = window->data + range->end,
        .after_bytes = rest < window->context_bytes ? rest : window->context_bytes,
    };
    window->is_over = window->on_match(&match, window->on_match_context) != 0;
}

static int search_until(struct window *window, size_t stop, bool is_last, struct fy_error *err)
{
    struct pattern_range range;
    while (window->next < stop && !window->is_over) {
        int found =
            fy_pattern_find(window->pattern, window->data, window->size, window->next, stop, is_last, &range, err);
        if (found < 0)
            return fy_error_wrap(err, "at address 0x%llx", (unsigned long long)(window->address + window->next));
        if (found)
            hand_out(window, &range);
        window->next = found ? range.end : stop;
    }
    if (window->next < stop)
        window->next = stop;
    return 0;
}

static void slide(struct window *window)
{
    size_t dropped = window->next > WINDOW_BEHIND_BYTES ? window->next - WINDOW_BEHIND_BYTES : 0;
    memmove(window->data, window->data + dropped, window->size - dropped);
    window->address += dropped;
    window->size -= dropped;
    window->next -= dropped;
}

int fy_window_finish(struct window *window, struct fy_error *err)
{
    if (search_until(window, window->size, true, err) < 0)
        return -1;
    window->size = window->next = 0;
    return 0;
}

uint8_t *fy_window_room(struct window *window, uint64_t address, struct fy_error *err)
{
    if (address != window->address + window->size && fy_window_finish(window, err) < 0)
        return NULL;
    if (window->size == 0)
        window->address = address;
    if (WINDOW_BYTES - window->size < WINDOW_STEP_BYTES)
        slide(window);
    return window->data + window->size;
}

int fy_window_filled(struct window *window, size_t count, struct fy_error *err)
{
    window->size += count;
    return window->size > WINDOW_AHEAD_BYTES ? search_until(window, window->size - WINDOW_AHEAD_BYTES, false, err) : 0;
}
