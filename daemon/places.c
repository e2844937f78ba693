/* Directories, the lock, and the client program. */
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/daemon/places.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define PATH_BYTES 4096

/* ---- state ---- */

static int name_holder(int fd, const char *path, struct fy_error *err)
{
    char pid[16] = "";
    ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);
    pid[got > 0 ? got : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    fy_error_set(err, FY_E_BUSY, "%s is held by another ferryd%s%s", path, pid[0] ? ", pid " : "", pid);
    return fy_error_next(err, "stop that one, or give this one a state_dir and a run_dir of its own");
}

static int take_lock(const char *path, int *lock_fd, struct fy_error *err)
{
    FY_AUTO_CLOSE int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fy_error_errno(err, errno, "opening %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? name_holder(fd, path, err) : fy_error_errno(err, errno, "locking %s", path);
    char pid[16];
    int length = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)length, 0) != length)
        return fy_error_errno(err, errno, "writing %s", path);
    *lock_fd = fd;
    fd = -1;
    return 0;
}

int fy_places_lock_state(const char *state_dir, int *lock_fd, struct fy_error *err)
{
    FY_AUTO_FREE char *path = NULL;
    if (fy_fs_make_directories(state_dir, 0700, err) < 0)
        return fy_error_wrap(err, "state_dir");
    if (asprintf(&path, "%s/lock", state_dir) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for locking %s", state_dir);
    return take_lock(path, lock_fd, err);
}

/* ---- run ---- */

int fy_places_make_run(const char *run_dir, struct fy_error *err)
{
    struct statfs fs;
    if (fy_fs_make_directories(run_dir, 0755, err) < 0)
        return fy_error_wrap(err, "run_dir");
    if (statfs(run_dir, &fs) < 0)
        return fy_error_errno(err, errno, "run_dir %s", run_dir);
    if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
        return 0;
    fy_error_set(err, FY_E_UNSUPPORTED,
                 "run_dir %s is not memory-backed: images of running workloads would be written to a disk", run_dir);
    return fy_error_next(err,
                         "mount -t tmpfs -o mode=0755 tmpfs %s, or set run_dir to a directory on a tmpfs, such as "
                         "one under /dev/shm",
                         run_dir);
}

/* ---- the client ---- */

int fy_places_find_client(char **path, struct fy_error *err)
{
    static const char *const candidates[] = {"ferry", "../bin/ferry"};
    char self[PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (length < 0)
        return fy_error_errno(err, errno, "/proc/self/exe");
    self[length] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < FY_ARRAY_SIZE(candidates); i++) {
        FY_AUTO_FREE char *candidate = NULL;
        if (asprintf(&candidate, "%s/%s", self, candidates[i]) < 0)
            return fy_error_set(err, FY_E_NOMEM, "no memory for finding ferry");
        char *real = access(candidate, X_OK) == 0 ? realpath(candidate, NULL) : NULL;
        if (real) {
            *path = real;
            return 0;
        }
    }
    fy_error_set(err, FY_E_NOT_FOUND, "the program ferry is neither in %s nor in %s/../bin", self, self);
    return fy_error_next(err, "install ferry beside ferryd: CRIU's action script runs it");
}
