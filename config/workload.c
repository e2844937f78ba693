/* Workload names. The id becomes part of paths and of command lines, so what may stand in it is decided here. */
#include "names.h"
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <ferry/config/workload.h>

#include <stdio.h>
#include <string.h>

#define MAX_PID 4194304 /* PID_MAX_LIMIT of 64-bit Linux */
#define EXPECTED "expected process/PID, runc/ID or podman/NAME"

static const char *const kind_names[] = {
    [FY_WORKLOAD_PROCESS] = "process", [FY_WORKLOAD_RUNC] = "runc", [FY_WORKLOAD_PODMAN] = "podman"};

static int check_pid(const char *id, struct fy_error *err)
{
    uint64_t pid;
    if (!fy_text_parse_uint(id, MAX_PID, &pid) || id[0] == '0') /* "007" would be another name of the same process */
        return fy_error_set(err, FY_E_USAGE, "workload process/%.80s: expected a process id from 2 to %d", id, MAX_PID);
    if (pid == 1)
        return fy_error_set(err, FY_E_USAGE, "workload process/1: the init process cannot be moved");
    return 0;
}

static int check_container_id(const char *id, struct fy_error *err)
{
    if (config_is_container_id(id))
        return 0;
    return fy_error_set(err, FY_E_USAGE,
                        "workload runc/%.80s: expected a container id of at most %d letters, digits, '_', '+', '.' and "
                        "'-', not beginning with '-'",
                        id, FY_WORKLOAD_ID_SIZE - 1);
}

static int check_container_name(const char *id, struct fy_error *err)
{
    if (config_is_container_name(id))
        return 0;
    return fy_error_set(err, FY_E_USAGE,
                        "workload podman/%.80s: expected a container name of at most %d letters, digits, '_', '.' and "
                        "'-', beginning with a letter or a digit",
                        id, FY_WORKLOAD_ID_SIZE - 1);
}

static int check_id(const struct fy_workload *workload, const char *id, struct fy_error *err)
{
    switch (workload->kind) {
    case FY_WORKLOAD_PROCESS:
        return check_pid(id, err);
    case FY_WORKLOAD_RUNC:
        return check_container_id(id, err);
    case FY_WORKLOAD_PODMAN:
        break;
    }
    return check_container_name(id, err);
}

static int unknown_kind(const char *text, const char *kind, struct fy_error *err)
{
    const char *near = fy_text_nearest(kind, kind_names, FY_ARRAY_SIZE(kind_names));
    if (near)
        return fy_error_set(err, FY_E_USAGE, "workload '%.80s': " EXPECTED "; did you mean '%s'?", text, near);
    return fy_error_set(err, FY_E_USAGE, "workload '%.80s': " EXPECTED, text);
}

int fy_workload_parse(const char *text, struct fy_workload *workload, struct fy_error *err)
{
    struct fy_workload parsed = {0};
    char kind[16];
    const char *slash = strchr(text, '/');
    if (!slash || (size_t)(slash - text) >= sizeof kind)
        return unknown_kind(text, "", err);
    memcpy(kind, text, (size_t)(slash - text));
    kind[slash - text] = '\0';
    const char *id = slash + 1;
    size_t found = 0;
    while (found < FY_ARRAY_SIZE(kind_names) && strcmp(kind, kind_names[found]) != 0)
        found++;
    if (found == FY_ARRAY_SIZE(kind_names))
        return unknown_kind(text, kind, err);
    parsed.kind = (enum fy_workload_kind)found;
    if (check_id(&parsed, id, err) < 0)
        return -1;
    memcpy(parsed.id, id, strlen(id) + 1); /* its length was checked with it */
    *workload = parsed;
    return 0;
}

void fy_workload_format(const struct fy_workload *workload, char text[FY_WORKLOAD_TEXT_SIZE])
{
    (void)snprintf(text, FY_WORKLOAD_TEXT_SIZE, "%s/%s", fy_workload_kind_name(workload->kind), workload->id);
}

const char *fy_workload_kind_name(enum fy_workload_kind kind)
{
    return kind_names[kind];
}
