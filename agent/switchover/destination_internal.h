/* What the files of the destination's machine share. */
#ifndef FERRY_SWITCHOVER_DESTINATION_INTERNAL_H
#define FERRY_SWITCHOVER_DESTINATION_INTERNAL_H

#include <ferry/agent/switchover_destination.h>

enum {
    DESTINATION_CHECKING_ROOM = 1 << 0,
    DESTINATION_RECEIVING = 1 << 1,
    DESTINATION_CHECKING = 1 << 2,
    DESTINATION_RESTORING = 1 << 3,
    DESTINATION_WRITING = 1 << 4,
    DESTINATION_SETTLING = 1 << 5,
    DESTINATION_PAUSING = 1 << 6,
    DESTINATION_ASKING = 1 << 7,
    DESTINATION_UNSTAGING = 1 << 8,
};

/* Moves on; stops the program when the table does not allow it. */
void destination_enter(struct fy_destination *d, enum fy_destination_phase phase);
void destination_write(struct fy_destination *d, enum fy_stage stage);
void destination_pause(struct fy_destination *d);
/* Asks the source if nobody else will tell us. */
void destination_ask(struct fy_destination *d);
void destination_restore_again(struct fy_destination *d);
void destination_strand(struct fy_destination *d, const struct fy_error *why);
void destination_run(struct fy_destination *d);
void destination_discard(struct fy_destination *d);
/* Does what is next in DISCARD and END; harmless at any time. */
void destination_advance(struct fy_destination *d);

#endif
