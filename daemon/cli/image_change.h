/* Prints what changed between two checkpoints. */
#ifndef FERRY_CLI_IMAGE_CHANGE_H
#define FERRY_CLI_IMAGE_CHANGE_H

#include <ferry/base/json.h>
#include <ferry/imgcore/diff.h>

struct change_printer {
    const struct fy_explore *a, *b;
    const struct fy_diff *diff;
};

/* image_change.c: only what is different, and totals. */
void change_print(const struct change_printer *printer);
/* image_change_json.c: everything, into an object that is open. */
void change_json(const struct change_printer *printer, struct fy_json *json);

/* What a descriptor leads to, printable; free() it. NULL: no memory. */
char *change_file_text(const struct fy_explore *explore, const struct fy_explore_descriptor *descriptor);
/* "alive", also for a state that is not known. */
const char *change_state_text(enum fy_task_state state);
/* "no", "stream" …: of a socket; "" where there is none. */
const char *change_socket_state(const struct fy_explore *explore, const struct fy_explore_descriptor *descriptor);

#endif
