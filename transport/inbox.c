/* See inbox.h. Slots are a ring that is indexed by the frame's number. */
#include "inbox.h"

void fy_inbox_init(struct fy_inbox *inbox)
{
    *inbox = (struct fy_inbox){.control_next = 1, .data_base = 1, .data_end = 1};
}

static struct fy_inbox_slot *slot_of(struct fy_inbox *inbox, uint64_t number)
{
    return &inbox->slots[number % FY_INBOX_WINDOW_FRAMES];
}

int fy_inbox_take_control(struct fy_inbox *inbox, uint64_t number, struct fy_error *err)
{
    if (number > inbox->control_next || number == 0)
        return fy_error_set(err, FY_E_PROTOCOL, "control frame %llu arrived where %llu was due",
                            (unsigned long long)number, (unsigned long long)inbox->control_next);
    if (number < inbox->control_next)
        return 0;
    inbox->control_next++;
    return 1;
}

int fy_inbox_take_data(struct fy_inbox *inbox, uint64_t number, size_t wire_bytes, struct fy_error *err)
{
    if (number == 0 || number >= inbox->data_base + FY_INBOX_WINDOW_FRAMES)
        return fy_error_set(err, FY_E_PROTOCOL, "data frame %llu is beyond the %u frames that may be under way",
                            (unsigned long long)number, FY_INBOX_WINDOW_FRAMES);
    if (number < inbox->data_base)
        return 0;
    struct fy_inbox_slot *slot = slot_of(inbox, number);
    if (slot->arrival != FY_ARRIVAL_ABSENT)
        return 0;
    if (inbox->waiting_bytes > 0 && inbox->waiting_bytes + wire_bytes > FY_INBOX_WINDOW_BYTES)
        return fy_error_set(err, FY_E_PROTOCOL, "data frame %llu exceeds the %u bytes that may be under way",
                            (unsigned long long)number, FY_INBOX_WINDOW_BYTES);
    *slot = (struct fy_inbox_slot){.wire_bytes = (uint32_t)wire_bytes, .arrival = FY_ARRIVAL_WAITING};
    inbox->waiting_bytes += wire_bytes;
    if (number >= inbox->data_end)
        inbox->data_end = number + 1;
    return 1;
}

size_t fy_inbox_keep(struct fy_inbox *inbox, uint64_t number)
{
    if (number < inbox->data_base || number >= inbox->data_end)
        return 0;
    struct fy_inbox_slot *slot = slot_of(inbox, number);
    if (slot->arrival != FY_ARRIVAL_WAITING)
        return 0;
    size_t wire_bytes = slot->wire_bytes;
    slot->arrival = FY_ARRIVAL_KEPT;
    inbox->waiting_bytes -= wire_bytes;
    while (inbox->data_base < inbox->data_end && slot_of(inbox, inbox->data_base)->arrival == FY_ARRIVAL_KEPT) {
        *slot_of(inbox, inbox->data_base) = (struct fy_inbox_slot){0};
        inbox->data_base++;
    }
    return wire_bytes;
}

static bool is_kept(const struct fy_inbox *inbox, uint64_t number)
{
    return inbox->slots[number % FY_INBOX_WINDOW_FRAMES].arrival == FY_ARRIVAL_KEPT;
}

size_t fy_inbox_ranges(const struct fy_inbox *inbox, uint64_t ranges[2 * FY_INBOX_RANGES])
{
    size_t count = 0;
    uint64_t number = inbox->data_base;
    while (number < inbox->data_end && count < 2 * FY_INBOX_RANGES) {
        uint64_t first = number;
        while (number < inbox->data_end && is_kept(inbox, number))
            number++;
        if (number > first) {
            ranges[count++] = first;
            ranges[count++] = number - first;
        } else {
            number++;
        }
    }
    return count;
}
