/* /proc/PID/mountinfo. */
#ifndef FERRY_AGENT_MOUNTINFO_H
#define FERRY_AGENT_MOUNTINFO_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <sys/types.h>

/* Valid during the call. `root` and `at` are unescaped; `options` are those of the file system, with their escapes, and
 * may be written to. */
struct mount {
    const char *root, *at, *type;
    char *options;
};

/* Of ourselves for 0. In order: a later one at the same place covers the earlier. False from `each` ends it. */
int mountinfo_each(pid_t pid, bool (*each)(const struct mount *mount, void *data), void *data, struct fy_error *err);
/* \ooo, in place. */
void mountinfo_unescape(char *text);

#endif
