/* The table is called CRIU-<run id>, cut to the 31 bytes that CRIU 4.2 keeps "inet " and the name in; a later CRIU may
 * keep all of it. So both names are removed, each created first, which makes the removal of one that is not there no
 * error. */
#include "locks.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/inventory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_KEPT_BYTES 26
#define PATH_SIZE 4096

static int note_path(char path[PATH_SIZE], const char *run_dir, const char *job_id, struct fy_error *err)
{
    if (!fy_fs_is_plain_name(job_id))
        return fy_error_set(err, FY_E_INTERNAL, "'%s' cannot be a job's name", job_id);
    int size = snprintf(path, PATH_SIZE, "%s/locks/%s", run_dir, job_id);
    return size < PATH_SIZE ? 0 : fy_error_set(err, FY_E_LIMIT, "the path %s is too long", run_dir);
}

static bool is_run_id(const char *text)
{
    return *text && text[strspn(text, "0123456789abcdefABCDEF-")] == '\0';
}

int fy_locks_note(const char *run_dir, const char *job_id, const char *images_dir, struct fy_error *err)
{
    char path[PATH_SIZE];
    struct fy_inventory inventory;
    FY_AUTO_CLOSE int dir = open(images_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return fy_error_errno(err, errno, "cannot open %s", images_dir);
    if (note_path(path, run_dir, job_id, err) < 0 || fy_inventory_read(dir, &inventory, err) < 0)
        return -1;
    if (inventory.network_lock != FY_NETWORK_LOCK_NFTABLES || !is_run_id(inventory.criu_run_id))
        return 0;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    if (fy_fs_make_directories(path, 0700, err) < 0)
        return -1;
    *slash = '/';
    return fy_fs_write_file(path, inventory.criu_run_id, strlen(inventory.criu_run_id), 0600, err);
}

void fy_locks_forget(const char *run_dir, const char *job_id)
{
    char path[PATH_SIZE];
    if (note_path(path, run_dir, job_id, NULL) == 0)
        (void)unlink(path);
}

int fy_locks_removal(const char *run_dir, const char *job_id, char **commands, struct fy_error *err)
{
    char path[PATH_SIZE];
    char name[FY_CRIU_RUN_ID_SIZE + 8];
    struct fy_error why = FY_ERROR_INIT;
    FY_AUTO_FREE char *run_id = NULL;
    if (note_path(path, run_dir, job_id, err) < 0)
        return -1;
    int status = fy_fs_read_file(path, FY_CRIU_RUN_ID_SIZE, &run_id, NULL, &why);
    if (status < 0 && why.code != FY_E_NOT_FOUND) {
        fy_error_propagate(err, &why);
        return -1;
    }
    if (status < 0 || !is_run_id(run_id)) {
        *commands = strdup("");
        return *commands ? 0 : fy_error_set(err, FY_E_NOMEM, "out of memory");
    }
    (void)snprintf(name, sizeof(name), "CRIU-%s", run_id);
    if (asprintf(commands, "add table inet %s\ndelete table inet %s\nadd table inet %.*s\ndelete table inet %.*s\n",
                 name, name, NAME_KEPT_BYTES, name, NAME_KEPT_BYTES, name) < 0)
        return fy_error_set(err, FY_E_NOMEM, "out of memory");
    return 0;
}
