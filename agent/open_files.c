/* Reads /proc/PID/cwd, fd and map_files in the thread pool. */
#include "open_files.h"

#include "dump.h"
#include "file_identity.h"
#include "proc.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FDINFO_LIMIT_BYTES ((size_t)64 * 1024)
#define DELETED " (deleted)"

struct looking {
    uv_work_t work;
    pid_t root;
    fy_open_files_cb done;
    void *data;
    struct fy_open_files files;
    struct inode {
        dev_t device;
        ino_t number;
    } inodes[FY_OPEN_FILES_MOST]; /* of list[i]: most are shared by many tasks */
};

/* ---- one file ---- */

static Ferry__Peer__OpenFile *make(const char *path, const struct fy_file_identity *identity)
{
    Ferry__Peer__OpenFile *file = calloc(1, sizeof *file);
    if (!file)
        return NULL;
    ferry__peer__open_file__init(file);
    file->path = strdup(path);
    file->directory = identity->directory;
    file->has_build_id = identity->build_id_bytes > 0;
    file->build_id.data = file->has_build_id ? malloc(identity->build_id_bytes) : NULL;
    if (!file->path || (file->has_build_id && !file->build_id.data)) {
        ferry__peer__open_file__free_unpacked(file, NULL);
        return NULL;
    }
    if (file->has_build_id) {
        memcpy(file->build_id.data, identity->build_id, identity->build_id_bytes);
        file->build_id.len = identity->build_id_bytes;
    }
    return file;
}

static Ferry__Peer__OpenFile *find(const struct looking *looking, const struct stat *facts)
{
    for (size_t i = 0; i < looking->files.count; i++) {
        if (looking->inodes[i].number == facts->st_ino && looking->inodes[i].device == facts->st_dev)
            return looking->files.list[i];
    }
    return NULL;
}

Ferry__Peer__OpenFile *fy_open_files_add(struct fy_open_files *files, const char *place, const char *path,
                                         bool is_same_build)
{
    struct fy_file_identity identity;
    if (files->count == FY_OPEN_FILES_MOST || files->path_bytes + strlen(path) > FY_OPEN_FILES_MOST_BYTES ||
        fy_file_identify(place, &identity) != 0)
        return NULL;
    if (!is_same_build)
        identity.build_id_bytes = 0;
    Ferry__Peer__OpenFile *file = make(path, &identity);
    if (!file)
        return NULL;
    files->path_bytes += strlen(path);
    files->list[files->count++] = file;
    return file;
}

static Ferry__Peer__OpenFile *add(struct looking *looking, const char *link, const char *path, const struct stat *facts)
{
    size_t place = looking->files.count;
    Ferry__Peer__OpenFile *file = fy_open_files_add(&looking->files, link, path, true);
    if (file)
        looking->inodes[place] = (struct inode){facts->st_dev, facts->st_ino};
    return file;
}

static bool is_made_by_the_kernel(const char *path)
{
    static const char *const places[] = {"/proc/", "/sys/", "/dev/"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(places); i++) {
        if (!strncmp(path, places[i], strlen(places[i])))
            return strncmp(path, "/dev/shm/", strlen("/dev/shm/")) != 0;
    }
    return false;
}

static bool has_no_name(const char *path, size_t size)
{
    return path[0] != '/' || (size >= strlen(DELETED) && !strcmp(path + size - strlen(DELETED), DELETED));
}

/* `link` is one of /proc's, behind which the file itself is, whatever has its name now. With `sized` its size matters.
 */
static void look_at(struct looking *looking, const char *link, bool sized)
{
    char path[PATH_MAX];
    struct stat facts;
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0 || (size_t)size >= sizeof path - 1)
        return;
    path[size] = '\0';
    if (has_no_name(path, (size_t)size) || is_made_by_the_kernel(path) || stat(link, &facts) < 0 ||
        !(S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode)))
        return;
    Ferry__Peer__OpenFile *file = find(looking, &facts);
    if (!file)
        file = add(looking, link, path, &facts);
    if (file && sized && !file->directory) {
        file->has_size_bytes = true;
        file->size_bytes = (uint64_t)facts.st_size;
    }
}

/* ---- one task ---- */

/* CRIU takes no note of the size of what is only appended to, such as a log (files-reg.c, should_check_size). */
static bool is_only_appended_to(pid_t pid, const char *number)
{
    char path[64 + NAME_MAX];
    FY_AUTO_FREE char *text = NULL;
    (void)snprintf(path, sizeof path, "/proc/%d/fdinfo/%s", (int)pid, number);
    if (fy_fs_read_file(path, FDINFO_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return false;
    const char *line = strstr(text, "flags:");
    unsigned long flags = line ? strtoul(line + strlen("flags:"), NULL, 8) : 0;
    return (flags & O_APPEND) && (flags & O_ACCMODE) == O_WRONLY;
}

static void look_into(struct looking *looking, pid_t pid, const char *directory, bool descriptors)
{
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, directory);
    DIR *links = opendir(path);
    for (struct dirent *entry = links ? readdir(links) : NULL; entry; entry = readdir(links)) {
        char link[sizeof path + NAME_MAX + 1];
        (void)snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
        if (entry->d_name[0] != '.')
            look_at(looking, link, !descriptors || !is_only_appended_to(pid, entry->d_name));
    }
    if (links)
        (void)closedir(links);
}

static bool sees_our_files(pid_t pid)
{
    char path[64], root[4];
    (void)snprintf(path, sizeof path, "/proc/%d/root", (int)pid);
    return fy_process_shares_namespace(pid, "mnt") && readlink(path, root, sizeof root) == 1;
}

static void look(uv_work_t *work)
{
    struct looking *looking = fy_container_of(work, struct looking, work);
    struct fy_process_tree tree = {0};
    if (fy_process_tree_collect(looking->root, FY_DUMP_PROCESS_LIMIT, &tree, NULL) < 0)
        return;
    for (size_t i = 0; i < tree.count; i++) {
        char link[64];
        pid_t pid = tree.processes[i].pid;
        if (!sees_our_files(pid))
            continue;
        (void)snprintf(link, sizeof link, "/proc/%d/cwd", (int)pid);
        look_at(looking, link, false);
        look_into(looking, pid, "map_files", false);
        look_into(looking, pid, "fd", true);
    }
    fy_process_tree_done(&tree);
}

static void looked(uv_work_t *work, int status)
{
    (void)status;
    struct looking *looking = fy_container_of(work, struct looking, work);
    looking->done(&looking->files, looking->data);
    free(looking);
}

int fy_open_files_start(uv_loop_t *loop, pid_t root, fy_open_files_cb done, void *data, struct fy_error *err)
{
    struct looking *looking = calloc(1, sizeof *looking);
    Ferry__Peer__OpenFile **list = calloc(FY_OPEN_FILES_MOST, sizeof(*list));
    if (!looking || !list) {
        free(looking);
        free(list);
        return fy_error_set(err, FY_E_NOMEM, "no memory for a list of files");
    }
    looking->root = root;
    looking->done = done;
    looking->data = data;
    looking->files.list = list;
    (void)uv_queue_work(loop, &looking->work, look, looked); /* fails only without a function */
    return 0;
}

void fy_open_files_done(struct fy_open_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        ferry__peer__open_file__free_unpacked(files->list[i], NULL);
    free(files->list);
    *files = (struct fy_open_files){0};
}
