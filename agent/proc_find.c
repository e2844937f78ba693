/* A process by what it was started as: for programs that leave the tree of who started them. */
#include "proc.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LIMIT_BYTES 64
#define ENVIRONMENT_LIMIT_BYTES ((size_t)256 * 1024)

static void close_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

static bool has_name(const char *pid, const char *name)
{
    char path[64];
    FY_AUTO_FREE char *text = NULL;
    (void)snprintf(path, sizeof(path), "/proc/%.16s/comm", pid);
    if (fy_fs_read_file(path, NAME_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return false;
    text[strcspn(text, "\n")] = '\0';
    return strcmp(text, name) == 0;
}

static bool has_environment(const char *pid, const char *entry)
{
    char path[64];
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof(path), "/proc/%.16s/environ", pid);
    if (fy_fs_read_file(path, ENVIRONMENT_LIMIT_BYTES, &text, &size, NULL) < 0)
        return false;
    for (const char *at = text; at < text + size; at += strlen(at) + 1)
        if (strcmp(at, entry) == 0)
            return true;
    return false;
}

pid_t fy_process_find(const char *name, const char *environment)
{
    FY_CLEANUP(close_dir) DIR *dir = opendir("/proc");
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        long pid = strtol(entry->d_name, NULL, 10);
        if (pid > 0 && has_name(entry->d_name, name) && has_environment(entry->d_name, environment))
            return (pid_t)pid;
    }
    return 0;
}
