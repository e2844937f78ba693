/* Makes many checkpoints of one, for the benchmark of the catalogue.
 *
 *     make-checkpoints STORE ID COUNT      each with an id of its own, a minute before the last, of 16 workloads
 *
 * Their files are links to those of the first. */
#include "store.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WORKLOADS 16

static void must(int result, struct fy_error *err)
{
    if (result < 0)
        errx(1, "%s", err->message);
}

static void link_all(int from, int to)
{
    DIR *dir = fdopendir(dup(from));
    if (!dir)
        err(1, "opendir");
    rewinddir(dir);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        if (entry->d_name[0] == '.' || !strcmp(entry->d_name, STORE_RECORD_NAME))
            continue;
        if (fstatat(from, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            err(1, "%s", entry->d_name);
        if (!S_ISDIR(st.st_mode)) {
            if (linkat(from, entry->d_name, to, entry->d_name, 0) < 0)
                err(1, "%s", entry->d_name);
            continue;
        }
        if (mkdirat(to, entry->d_name, 0700) < 0)
            err(1, "%s", entry->d_name);
        int below = openat(from, entry->d_name, O_RDONLY | O_DIRECTORY);
        int copy = openat(to, entry->d_name, O_RDONLY | O_DIRECTORY);
        link_all(below, copy);
        (void)close(below);
        (void)close(copy);
    }
    (void)closedir(dir);
}

static void make_one(int store, int template, Ferry__Checkpoint__Record *record, unsigned number)
{
    char id[FY_CHECKPOINT_ID_SIZE], workload[64];
    struct fy_error why = FY_ERROR_INIT;
    (void)snprintf(id, sizeof id, "c-20250101-000000-%05x", number);
    (void)snprintf(workload, sizeof workload, "runc/many-%u", number % WORKLOADS);
    if (mkdirat(store, id, 0700) < 0)
        err(1, "%s", id);
    int to = openat(store, id, O_RDONLY | O_DIRECTORY);
    link_all(template, to);
    record->id = id;
    record->workload = workload;
    record->created_us -= INT64_C(60000000);
    must(record_write(to, record, &why), &why);
    (void)close(to);
}

int main(int argc, char **argv)
{
    struct fy_error why = FY_ERROR_INIT;
    Ferry__Checkpoint__Record *record = NULL;
    if (argc != 4)
        errx(2, "usage: make-checkpoints STORE ID COUNT");
    int store = open(argv[1], O_RDONLY | O_DIRECTORY);
    int template = openat(store, argv[2], O_RDONLY | O_DIRECTORY);
    if (store < 0 || template <0)
        err(1, "%s/%s", argv[1], argv[2]);
    must(record_read(template, &record, &why), &why);
    for (unsigned i = 0; i < (unsigned)atoi(argv[3]); i++)
        make_one(store, template, record, i);
    return 0;
}
