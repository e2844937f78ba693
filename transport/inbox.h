/* What has arrived of the other side's numbered frames. Control frames are taken in order, each once. Data frames come
 * in any order; each is taken once, and counts against the credits given to the peer until its owner says that it is
 * safely kept. Pure: no loop, no clock. */
#ifndef FERRY_TRANSPORT_INBOX_H
#define FERRY_TRANSPORT_INBOX_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The credits that every peer gets. Two agents at a distance of 20 ms move 800 MB/s with it. */
#define FY_INBOX_WINDOW_BYTES (16u * 1024u * 1024u)
#define FY_INBOX_WINDOW_FRAMES 1024u
/* More gaps than that are told with the acknowledgements that follow. */
#define FY_INBOX_RANGES 64u

enum fy_arrival { FY_ARRIVAL_ABSENT, FY_ARRIVAL_WAITING, FY_ARRIVAL_KEPT };

struct fy_inbox_slot {
    uint32_t wire_bytes;
    enum fy_arrival arrival;
};

struct fy_inbox {
    uint64_t control_next; /* all control frames before it were taken */
    uint64_t data_base;    /* all data frames before it are kept */
    uint64_t data_end;     /* one beyond the highest that arrived */
    size_t waiting_bytes;
    struct fy_inbox_slot slots[FY_INBOX_WINDOW_FRAMES];
};

void fy_inbox_init(struct fy_inbox *inbox);
/* 1: new, take it; 0: had it already; -1: FY_E_PROTOCOL, a gap. */
int fy_inbox_take_control(struct fy_inbox *inbox, uint64_t number, struct fy_error *err);
/* The same for data; FY_E_PROTOCOL also for more than the credits. */
int fy_inbox_take_data(struct fy_inbox *inbox, uint64_t number, size_t wire_bytes, struct fy_error *err);
/* The bytes that it had on the wire; 0 when it was kept already or has never arrived. */
size_t fy_inbox_keep(struct fy_inbox *inbox, uint64_t number);
/* Fills pairs of first and length of the frames that are kept beyond data_base; returns how many numbers (two a range).
 */
size_t fy_inbox_ranges(const struct fy_inbox *inbox, uint64_t ranges[2 * FY_INBOX_RANGES]);

#endif
