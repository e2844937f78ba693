/* The mounts are gone over in the order of /proc/self/mountinfo, in which parents come first. */
#include "scratch.h"

#include "mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PATH_SIZE 4096
#define MAX_COVERED 64

struct scratch {
    const char *dir;
    char root[PATH_SIZE];
    size_t layers;
    char covered[MAX_COVERED][256]; /* bound with all that is mounted below */
    size_t covered_count;
};

/* ---- which mounts ---- */

/* What the kernel makes up, and devices: nothing of the workload's is stored there. */
static bool is_synthetic(const char *type)
{
    static const char *const types[] = {"sysfs",       "devtmpfs", "devpts",     "cgroup",    "cgroup2",
                                        "mqueue",      "bpf",      "securityfs", "debugfs",   "tracefs",
                                        "binfmt_misc", "autofs",   "configfs",   "nsfs",      "hugetlbfs",
                                        "pstore",      "efivarfs", "fusectl",    "rpc_pipefs"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(types); i++) {
        if (!strcmp(type, types[i]))
            return true;
    }
    return false;
}

static bool is_below(const char *path, const char *top)
{
    size_t length = strlen(top);
    return !strncmp(path, top, length) && (path[length] == '/' || path[length] == '\0');
}

static bool is_covered(const struct scratch *scratch, const char *path)
{
    for (size_t i = 0; i < scratch->covered_count; i++) {
        if (is_below(path, scratch->covered[i]))
            return true;
    }
    return false;
}

/* ---- one mount ---- */

static int show_at(const char *from, const char *to, bool read_only, struct fy_error *err)
{
    if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) < 0)
        return fy_error_errno(err, errno, "showing %s in the scratch root", from);
    if (read_only && mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
        return fy_error_errno(err, errno, "making %s read-only in the scratch root", from);
    return 0;
}

/* Without what is mounted below it: only the one mount would be read-only. */
static int show_alone(const char *from, const char *to, struct fy_error *err)
{
    if (mount(from, to, NULL, MS_BIND, NULL) < 0 || mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
        return fy_error_errno(err, errno, "showing %s in the scratch root", from);
    return 0;
}

/* The root of what is mounted has the upper directory's mode and owner. */
static int make_layer(const char *path, const struct stat *like, struct fy_error *err)
{
    if (mkdir(path, 0700) < 0 || chmod(path, like->st_mode & 07777) < 0 || chown(path, like->st_uid, like->st_gid) < 0)
        return fy_error_errno(err, errno, "making %s", path);
    return 0;
}

/* Where an overlay cannot be (a file, a file system that cannot be a lower one, a name with separators) it is shown as
 * it is, read-only. */
static int cover(struct scratch *scratch, const char *path, const char *at, struct fy_error *err)
{
    char upper[PATH_SIZE], work[PATH_SIZE];
    FY_AUTO_FREE char *options = NULL;
    struct stat like;
    if (stat(path, &like) < 0)
        return 0; /* hidden by a later mount */
    if (!S_ISDIR(like.st_mode) || strpbrk(path, ",:\\"))
        return show_at(path, at, true, err);
    size_t layer = scratch->layers++;
    (void)snprintf(upper, sizeof upper, "%s/upper%zu", scratch->dir, layer);
    (void)snprintf(work, sizeof work, "%s/work%zu", scratch->dir, layer);
    if (make_layer(upper, &like, err) < 0 || make_layer(work, &like, err) < 0)
        return -1;
    if (asprintf(&options, "lowerdir=%s,upperdir=%s,workdir=%s", path, upper, work) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for an overlay");
    if (mount("overlay", at, "overlay", 0, options) == 0)
        return 0;
    return show_at(path, at, true, err);
}

static int add_mount(struct scratch *scratch, const char *path, const char *type, struct fy_error *err)
{
    char at[PATH_SIZE];
    if (is_below(path, scratch->dir) || is_covered(scratch, path))
        return 0;
    (void)snprintf(at, sizeof at, "%s%s", scratch->root, strcmp(path, "/") ? path : "");
    bool proc = !strcmp(type, "proc");
    if (!proc && !is_synthetic(type))
        return cover(scratch, path, at, err);
    if (scratch->covered_count < MAX_COVERED)
        (void)snprintf(scratch->covered[scratch->covered_count++], sizeof scratch->covered[0], "%s", path);
    if (!proc)
        return access(path, F_OK) < 0 ? 0 : show_at(path, at, false, err);
    if (mount("proc", at, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return fy_error_errno(err, errno, "mounting a proc for the scratch namespaces");
    return 0;
}

struct adding {
    struct scratch *scratch;
    struct fy_error *err;
    int result;
};

static bool add_one(const struct mount *mount, void *data)
{
    struct adding *adding = data;
    adding->result = add_mount(adding->scratch, mount->at, mount->type, adding->err);
    return adding->result == 0;
}

static int add_all(struct scratch *scratch, struct fy_error *err)
{
    struct adding adding = {scratch, err, 0};
    return mountinfo_each(0, add_one, &adding, err) < 0 ? -1 : adding.result;
}

/* ---- the whole ---- */

static int enter(const struct scratch *scratch, struct fy_error *err)
{
    if (chdir(scratch->root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 ||
        chdir("/") < 0)
        return fy_error_errno(err, errno, "entering the scratch root");
    return 0;
}

static int mount_tmpfs(const char *at, struct fy_error *err)
{
    if (mount("scratch", at, "tmpfs", MS_NOSUID | MS_NODEV, "mode=700") == 0)
        return 0;
    return fy_error_errno(err, errno, "mounting a tmpfs at %s", at);
}

/* What of the rehearsal's stands out of the overlays. */
static int add_own(const struct fy_rehearsal *rehearsal, const struct scratch *scratch, struct fy_error *err)
{
    char logs[PATH_SIZE], store[PATH_SIZE];
    const char *store_root = rehearsal->store_root;
    (void)snprintf(logs, sizeof logs, "%s%s", scratch->root, rehearsal->log_dir);
    (void)snprintf(store, sizeof store, "%s%s", scratch->root, store_root ? store_root : "");
    if (show_at(rehearsal->log_dir, logs, false, err) < 0 || (store_root && show_alone(store_root, store, err) < 0))
        return -1;
    return rehearsal->overlay ? scratch_overlay(rehearsal, scratch->root, err) : 0;
}

int scratch_mounts(const struct fy_rehearsal *rehearsal, struct fy_error *err)
{
    struct scratch scratch = {.dir = rehearsal->scratch_dir};
    (void)snprintf(scratch.root, sizeof scratch.root, "%s/root", scratch.dir);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fy_error_errno(err, errno, "making mounts private");
    if (mount_tmpfs(scratch.dir, err) < 0)
        return -1;
    if (mkdir(scratch.root, 0755) < 0)
        return fy_error_errno(err, errno, "making %s", scratch.root);
    if (add_all(&scratch, err) < 0 || add_own(rehearsal, &scratch, err) < 0 || enter(&scratch, err) < 0 ||
        fy_fs_make_directories(SCRATCH_INSIDE, 0700, err) < 0)
        return -1;
    return mount_tmpfs(SCRATCH_INSIDE, err);
}

int scratch_empty(const char *path, struct fy_error *err)
{
    struct stat st;
    (void)fy_fs_make_directories(path, 0700, NULL);
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? mount_tmpfs(path, err) : 0;
}

static int write_sysctl(const char *path, struct fy_error *err)
{
    if (access(path, F_OK) < 0)
        return 0; /* no IPv6 here */
    return fy_fs_write_file(path, "1", 1, 0600, err);
}

int scratch_network(struct fy_error *err)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
    FY_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return fy_error_errno(err, errno, "bringing up the loopback device");
    if (write_sysctl("/proc/sys/net/ipv4/ip_nonlocal_bind", err) < 0)
        return -1;
    return write_sysctl("/proc/sys/net/ipv6/ip_nonlocal_bind", err);
}
