/* A line: id parent device root at options [fields...] - type source options-of-the-file-system */
#include "mountinfo.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_BYTES ((size_t)8 << 20)

void mountinfo_unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; to++) {
        if (from[0] == '\\' && from[1] && from[2] && from[3]) {
            *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else {
            *to = *from++;
        }
    }
    *to = '\0';
}

static bool parse(char *line, struct mount *mount)
{
    char *fields[5], *at = strstr(line, " - ");
    if (!at)
        return false;
    char *rest = at + 3, *begin = line;
    for (size_t i = 0; i < FY_ARRAY_SIZE(fields); i++) {
        fields[i] = strsep(&begin, " ");
        if (!begin)
            return false;
    }
    mount->type = strsep(&rest, " ");
    (void)strsep(&rest, " ");
    if (!rest)
        return false;
    mountinfo_unescape(fields[3]);
    mountinfo_unescape(fields[4]);
    mount->root = fields[3];
    mount->at = fields[4];
    mount->options = rest;
    return true;
}

int mountinfo_each(pid_t pid, bool (*each)(const struct mount *mount, void *data), void *data, struct fy_error *err)
{
    char path[64] = "/proc/self/mountinfo";
    FY_AUTO_FREE char *text = NULL;
    if (pid)
        (void)snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pid);
    if (fy_fs_read_file(path, LIMIT_BYTES, &text, NULL, err) < 0)
        return -1;
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
        struct mount mount;
        if (parse(line, &mount) && !each(&mount, data))
            return 0;
    }
    return 0;
}
