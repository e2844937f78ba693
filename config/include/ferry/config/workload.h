/* What can be moved, as people write it: `process/PID`, `runc/ID` or `podman/NAME`. */
#ifndef FERRY_CONFIG_WORKLOAD_H
#define FERRY_CONFIG_WORKLOAD_H

#include <ferry/base/error.h>

enum fy_workload_kind { FY_WORKLOAD_PROCESS, FY_WORKLOAD_RUNC, FY_WORKLOAD_PODMAN };

#define FY_WORKLOAD_ID_SIZE 256
#define FY_WORKLOAD_TEXT_SIZE (FY_WORKLOAD_ID_SIZE + 16)

struct fy_workload {
    enum fy_workload_kind kind;
    char id[FY_WORKLOAD_ID_SIZE]; /* decimal pid; container id as runc allows it: letters, digits, _ + - .; podman's
                                     name or id */
};

/* FY_E_USAGE names what is wrong and what is expected. */
int fy_workload_parse(const char *text, struct fy_workload *workload, struct fy_error *err);
/* "runc/web" into `text`. */
void fy_workload_format(const struct fy_workload *workload, char text[FY_WORKLOAD_TEXT_SIZE]);
const char *fy_workload_kind_name(enum fy_workload_kind kind);

#endif
