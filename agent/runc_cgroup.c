/* `runc delete` does not know of a container whose state was not written, and CRIU was killed with it or before. */
#include "runc_cgroup.h"

#include <ferry/base/cleanup.h>

#include <errno.h>
#include <fts.h>
#include <mntent.h>
#include <stdint.h>
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

static bool remove_group(const char *path)
{
    return rmdir(path) == 0 || errno == ENOENT;
}

/* Groups below it first: podman makes some. */
static bool remove_groups(const char *path)
{
    char *const top[] = {(char *)(uintptr_t)path, NULL};
    FTS *walk = fts_open(top, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    bool gone = true;
    for (const FTSENT *entry; walk && (entry = fts_read(walk));) {
        if (entry->fts_info == FTS_DP)
            gone = remove_group(entry->fts_path) && gone;
    }
    if (walk)
        (void)fts_close(walk);
    return gone;
}

static bool remove_below(const char *hierarchy, const struct own_groups *own, const char *id,
                         bool (*remove)(const char *path))
{
    char path[3 * PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s/%s", hierarchy, id);
    bool gone = remove(path);
    for (size_t i = 0; i < own->count; i++) {
        (void)snprintf(path, sizeof(path), "%s%s/%s", hierarchy, own->paths[i], id);
        gone = remove(path) && gone;
    }
    return gone;
}

static bool remove_everywhere(const char *id, bool (*remove)(const char *path))
{
    FY_AUTO_FREE struct own_groups *own = calloc(1, sizeof(*own));
    FILE *mounts = own ? setmntent("/proc/self/mounts", "re") : NULL;
    bool gone = true;
    if (!mounts)
        return true;
    read_own(own);
    for (const struct mntent *mount; (mount = getmntent(mounts));)
        if (strcmp(mount->mnt_type, "cgroup") == 0 || strcmp(mount->mnt_type, "cgroup2") == 0)
            gone = remove_below(mount->mnt_dir, own, id, remove) && gone;
    (void)endmntent(mounts);
    return gone;
}

void fy_runc_cgroup_remove(const char *id)
{
    (void)remove_everywhere(id, remove_group);
}

bool fy_runc_cgroup_remove_all(const char *id)
{
    return remove_everywhere(id, remove_groups);
}
