/* `runc delete` does not know of a container whose state was not written, and CRIU was killed with it or before. */
#include "runc_cgroup.h"

#include <ferry/base/cleanup.h>

#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_OWN 16
#define PATH_BYTES 4096

/* Where ferryd is itself, as /proc/self/cgroup has it: "4:memory:/system.slice/ferryd.service". */
struct own_groups {
    char paths[MAX_OWN][PATH_BYTES];
    size_t count;
};

static void read_own(struct own_groups *own)
{
    char line[PATH_BYTES + 256];
    FILE *file = fopen("/proc/self/cgroup", "re");
    if (!file)
        return;
    while (own->count < MAX_OWN && fgets(line, sizeof(line), file)) {
        const char *path = strchr(line, '/');
        if (path)
            (void)snprintf(own->paths[own->count++], PATH_BYTES, "%.*s", (int)strcspn(path, "\n"), path);
    }
    (void)fclose(file);
}

static void remove_below(const char *hierarchy, const struct own_groups *own, const char *id)
{
    char path[3 * PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%s", hierarchy, id);
    (void)rmdir(path);
    for (size_t i = 0; i < own->count; i++) {
        (void)snprintf(path, sizeof(path), "%s%s/%s", hierarchy, own->paths[i], id);
        (void)rmdir(path);
    }
}

void fy_runc_cgroup_remove(const char *id)
{
    FY_AUTO_FREE struct own_groups *own = calloc(1, sizeof(*own));
    FILE *mounts = own ? setmntent("/proc/self/mounts", "re") : NULL;
    if (!mounts)
        return;
    read_own(own);
    for (const struct mntent *mount; (mount = getmntent(mounts));)
        if (strcmp(mount->mnt_type, "cgroup") == 0 || strcmp(mount->mnt_type, "cgroup2") == 0)
            remove_below(mount->mnt_dir, own, id);
    (void)endmntent(mounts);
}
