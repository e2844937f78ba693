/* What the files of the source's machine share. */
#ifndef FERRY_SWITCHOVER_SOURCE_INTERNAL_H
#define FERRY_SWITCHOVER_SOURCE_INTERNAL_H

#include <ferry/agent/switchover_source.h>

enum {
    SOURCE_INSPECTING = 1 << 0,
    SOURCE_DUMPING = 1 << 1,
    SOURCE_CHECKING = 1 << 2,
    SOURCE_SENDING = 1 << 3,
    SOURCE_WRITING = 1 << 4,
    SOURCE_WITHDRAWING = 1 << 5,
    SOURCE_SETTLING = 1 << 6,
    SOURCE_RESTORING = 1 << 7,
    SOURCE_PAUSING = 1 << 8,
};

/* Moves on; stops the program when the table does not allow it. */
void source_enter(struct fy_source *s, enum fy_source_phase phase);
void source_write(struct fy_source *s, enum fy_stage stage);
void source_settle(struct fy_source *s, enum fy_source_settling settling);
/* Dials again after a pause that grows. */
void source_redial(struct fy_source *s);
void source_pause(struct fy_source *s);
/* The tasks here are gone as decided. */
void source_killed(struct fy_source *s);
void source_rollback(struct fy_source *s);
/* Does what is next in ROLLBACK, RECOVER and END; harmless at any time. */
void source_advance(struct fy_source *s);
void source_recover(struct fy_source *s);
void source_complete(struct fy_source *s);

#endif
