/* A mounted overlay's upper directory must not be changed under it: it is unmounted, gets another upper directory in
 * one step, and is mounted again with the same names. Where nothing was mounted (another host) it is mounted for the
 * first time. */
#include "overlay.h"

#include <dirent.h>
#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mountinfo.h"

#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)
#define NAMESPACES_MAX 1024

/* ---- who uses it ---- */

struct search {
    const struct fy_overlay *overlay;
    bool found, other; /* this overlay; something else at its place */
};

static bool has_upper(const struct mount *mount, const char *upper)
{
    if (strcmp(mount->type, "overlay") != 0)
        return false;
    char *rest = mount->options;
    for (char *option = strsep(&rest, ","); option; option = strsep(&rest, ",")) {
        mountinfo_unescape(option);
        if (strncmp(option, "upperdir=", 9) == 0 && strcmp(option + 9, upper) == 0)
            return true;
    }
    return false;
}

static bool look_at_place(const struct mount *mount, void *data)
{
    struct search *search = data;
    if (strcmp(mount->at, search->overlay->path) != 0)
        return true;
    search->found = has_upper(mount, search->overlay->upper); /* the last one is what is seen */
    search->other = !search->found;
    return true;
}

/* Somewhere else than where it is unmounted, which goes for the copies of that mount in other namespaces as well. */
static bool look_elsewhere(const struct mount *mount, void *data)
{
    struct search *search = data;
    search->found = strcmp(mount->at, search->overlay->path) != 0 && has_upper(mount, search->overlay->upper);
    return !search->found;
}

static bool look_anywhere(const struct mount *mount, void *data)
{
    struct search *search = data;
    search->found = has_upper(mount, search->overlay->upper);
    return !search->found;
}

static ino_t namespace_of(const char *pid)
{
    char path[300];
    struct stat st;
    (void)snprintf(path, sizeof path, "/proc/%s/ns/mnt", pid);
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

/* Each namespace is looked at once; 0: nobody. */
static pid_t find_user(const struct fy_overlay *overlay, bool (*look)(const struct mount *mount, void *data))
{
    ino_t seen[NAMESPACES_MAX];
    size_t count = 0;
    pid_t user = 0;
    DIR *proc = opendir("/proc");
    for (const struct dirent *entry; proc && !user && (entry = readdir(proc));) {
        ino_t inode = entry->d_name[0] >= '1' && entry->d_name[0] <= '9' ? namespace_of(entry->d_name) : 0;
        bool known = inode == 0;
        for (size_t i = 0; i < count && !known; i++)
            known = seen[i] == inode;
        if (known)
            continue;
        struct search search = {.overlay = overlay};
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (count < NAMESPACES_MAX)
            seen[count++] = inode;
        (void)mountinfo_each(pid, look, &search, NULL);
        user = search.found ? pid : 0;
    }
    if (proc)
        (void)closedir(proc);
    return user;
}

/* ---- mounting ---- */

static int mount_it(const struct fy_overlay *overlay, struct fy_error *err)
{
    FY_AUTO_FREE char *options = NULL;
    if (asprintf(&options, "lowerdir=%s,upperdir=%s,workdir=%s%s%s", overlay->lower, overlay->upper, overlay->work,
                 overlay->options[0] ? "," : "", overlay->options) < 0) {
        options = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for mounting %s", overlay->path);
    }
    if (mount("overlay", overlay->path, "overlay", 0, options) == 0)
        return 0;
    fy_error_errno(err, errno, "mounting the root file system at %s (%s)", overlay->path, options);
    return fy_error_next(err, "dmesg says more; try it by hand: mount -t overlay overlay -o %s %s", options,
                         overlay->path);
}

static int say_used(const struct fy_overlay *overlay, pid_t user, struct fy_error *err)
{
    fy_error_set(err, FY_E_BUSY, "process %d uses the root file system that is to be put back (%s)", (int)user,
                 overlay->upper);
    return fy_error_next(err, "end it, or the container that it belongs to: ps -fp %d", (int)user);
}

static int unmount(struct fy_overlay_root *root, struct fy_error *err)
{
    const struct fy_overlay *overlay = &root->overlay;
    struct search search = {.overlay = overlay};
    pid_t user = find_user(overlay, look_elsewhere);
    if (user)
        return say_used(overlay, user, err);
    if (mountinfo_each(0, look_at_place, &search, err) < 0)
        return -1;
    if (search.other) {
        fy_error_set(err, FY_E_BUSY, "something else is mounted at %s, where the container's root file system was",
                     overlay->path);
        return fy_error_next(err, "unmount it: umount %s", overlay->path);
    }
    if (search.found && umount2(overlay->path, UMOUNT_NOFOLLOW) < 0) {
        fy_error_errno(err, errno, "unmounting the root file system at %s", overlay->path);
        return fy_error_next(err, "see who uses it: fuser -vm %s", overlay->path);
    }
    root->was_mounted = search.found;
    user = find_user(overlay, look_anywhere);
    return user ? say_used(overlay, user, err) : 0;
}

/* ---- the steps ---- */

/* A bundle that is there is the operator's, and stays as it is. */
static int make_bundle(const char *bundle, const char *config, struct fy_error *err)
{
    FY_AUTO_FREE char *path = NULL;
    FY_AUTO_FREE char *text = NULL;
    size_t size = 0;
    if (asprintf(&path, "%s/config.json", bundle) < 0) {
        path = NULL;
        return fy_error_set(err, FY_E_NOMEM, "no memory for a bundle");
    }
    if (access(path, F_OK) == 0)
        return 0;
    if (fy_fs_make_directories(bundle, 0755, err) < 0 ||
        fy_fs_read_file(config, CONFIG_LIMIT_BYTES, &text, &size, err) < 0)
        return -1;
    return fy_fs_write_file(path, text, size, 0600, err);
}

int fy_overlay_root_clear(struct fy_overlay_root *root, const char *bundle, const char *config, struct fy_error *err)
{
    const struct fy_overlay *overlay = &root->overlay;
    (void)snprintf(root->next, sizeof root->next, "%s.new", overlay->upper);
    (void)snprintf(root->replaced, sizeof root->replaced, "%s.replaced", overlay->upper);
    if (make_bundle(bundle, config, err) < 0 || fy_fs_make_directories(overlay->path, 0755, err) < 0 ||
        unmount(root, err) < 0 || fy_fs_make_directories(overlay->work, 0755, err) < 0 ||
        fy_fs_remove_tree(root->next, err) < 0)
        return -1;
    return fy_fs_make_directories(root->next, 0755, err);
}

/* What was there is kept, until the next time. */
static int exchange(struct fy_overlay_root *root, struct fy_error *err)
{
    const char *upper = root->overlay.upper;
    root->had_upper = access(upper, F_OK) == 0;
    if (!root->had_upper)
        return rename(root->next, upper) == 0 ? 0 : fy_error_errno(err, errno, "putting %s in its place", root->next);
    if (fy_fs_remove_tree(root->replaced, err) < 0)
        return -1;
    if (renameat2(AT_FDCWD, root->next, AT_FDCWD, upper, RENAME_EXCHANGE) < 0)
        return fy_error_errno(err, errno, "putting %s in the place of %s", root->next, upper);
    if (rename(root->next, root->replaced) == 0)
        return 0;
    fy_error_errno(err, errno, "keeping what was in %s", upper);
    (void)renameat2(AT_FDCWD, root->next, AT_FDCWD, upper, RENAME_EXCHANGE);
    return -1;
}

int fy_overlay_root_take(struct fy_overlay_root *root, struct fy_error *err)
{
    if (exchange(root, err) < 0)
        return -1;
    root->taken = true;
    if (mount_it(&root->overlay, err) < 0)
        return -1;
    root->mounted = true;
    return 0;
}

void fy_overlay_root_undo(struct fy_overlay_root *root)
{
    if (root->mounted)
        (void)umount2(root->overlay.path, UMOUNT_NOFOLLOW);
    if (root->taken && root->had_upper) {
        (void)renameat2(AT_FDCWD, root->replaced, AT_FDCWD, root->overlay.upper, RENAME_EXCHANGE);
        (void)fy_fs_remove_tree(root->replaced, NULL);
    } else if (root->taken) {
        (void)fy_fs_remove_tree(root->overlay.upper, NULL);
    }
    (void)fy_fs_remove_tree(root->next, NULL);
    if (root->was_mounted)
        (void)mount_it(&root->overlay, NULL);
}
