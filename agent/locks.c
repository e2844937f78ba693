/* The table is called CRIU-<run id>, cut to the 31 bytes that CRIU 4.2 keeps "inet " and the name in; a later CRIU may
 * keep all of it. So both names are removed, each created first, which makes the removal of one that is not there no
 * error. */
#include "locks.h"

#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/inventory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_KEPT_BYTES 26
#define MAX_NOTED 8
#define NOTE_LIMIT_BYTES ((size_t)MAX_NOTED * FY_CRIU_RUN_ID_SIZE)
#define LOG_LIMIT_BYTES ((size_t)64 * 1024 * 1024)
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

static int write_note(char path[PATH_SIZE], const char *text, struct fy_error *err)
{
    char *slash = strrchr(path, '/');
    *slash = '\0';
    if (fy_fs_make_directories(path, 0700, err) < 0)
        return -1;
    *slash = '/';
    return fy_fs_write_file(path, text, strlen(text), 0600, err);
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
    return write_note(path, inventory.criu_run_id, err);
}

/* "(00.000000) CRIU run id = UUID" stands at the head of the log; a runtime may call CRIU more than once. */
int fy_locks_note_from_log(const char *run_dir, const char *job_id, const char *log_path, struct fy_error *err)
{
    static const char mark[] = "CRIU run id = ";
    char path[PATH_SIZE], ids[NOTE_LIMIT_BYTES] = "";
    FY_AUTO_FREE char *log = NULL;
    if (note_path(path, run_dir, job_id, err) < 0 || fy_fs_read_file(log_path, LOG_LIMIT_BYTES, &log, NULL, err) < 0)
        return -1;
    size_t used = 0;
    const char *at = log;
    for (unsigned i = 0; i < MAX_NOTED && (at = strstr(at, mark)); i++) {
        at += strlen(mark);
        size_t size = strspn(at, "0123456789abcdefABCDEF-");
        if (size > 0 && size < FY_CRIU_RUN_ID_SIZE && used + size + 1 < sizeof ids)
            used += (size_t)snprintf(ids + used, sizeof ids - used, "%.*s\n", (int)size, at);
    }
    return used ? write_note(path, ids, err) : 0;
}

void fy_locks_forget(const char *run_dir, const char *job_id)
{
    char path[PATH_SIZE];
    if (note_path(path, run_dir, job_id, NULL) == 0)
        (void)unlink(path);
}

static int add_removal(struct fy_buf *commands, const char *run_id, struct fy_error *err)
{
    char name[FY_CRIU_RUN_ID_SIZE + 8];
    (void)snprintf(name, sizeof(name), "CRIU-%s", run_id);
    return fy_buf_printf(commands, err,
                         "add table inet %s\ndelete table inet %s\nadd table inet %.*s\ndelete table inet %.*s\n", name,
                         name, NAME_KEPT_BYTES, name, NAME_KEPT_BYTES, name);
}

int fy_locks_removal(const char *run_dir, const char *job_id, char **commands, struct fy_error *err)
{
    char path[PATH_SIZE];
    struct fy_error why = FY_ERROR_INIT;
    FY_AUTO_FREE char *ids = NULL;
    FY_CLEANUP(fy_buf_done) struct fy_buf text;
    fy_buf_init(&text, PATH_SIZE);
    if (note_path(path, run_dir, job_id, err) < 0)
        return -1;
    if (fy_fs_read_file(path, NOTE_LIMIT_BYTES, &ids, NULL, &why) < 0 && why.code != FY_E_NOT_FOUND) {
        fy_error_propagate(err, &why);
        return -1;
    }
    char *rest = ids, *id;
    while ((id = strsep(&rest, "\n")))
        if (strlen(id) < FY_CRIU_RUN_ID_SIZE && is_run_id(id) && add_removal(&text, id, err) < 0)
            return -1;
    *commands = text.size ? fy_buf_take_string(&text) : strdup("");
    return *commands ? 0 : fy_error_set(err, FY_E_NOMEM, "out of memory");
}
