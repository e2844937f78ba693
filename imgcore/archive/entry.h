/* What an entry of a hostile archive may be. Private to the library. */
#ifndef FERRY_ARCHIVE_ENTRY_H
#define FERRY_ARCHIVE_ENTRY_H

#include <archive.h>
#include <archive_entry.h>
#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENTRY_NAME_SIZE 512
#define ENTRY_CONFIG "config.dump" /* what podman knows of a container */

struct entry {
    char name[ENTRY_NAME_SIZE]; /* components joined by '/', no "." or ".." among them; "" for the root */
    bool is_directory;          /* else a regular file */
    uint64_t size_bytes;
};

/* FY_E_FORMAT for anything but a regular file or a directory with such a name, for hard links too. */
int entry_check(struct archive_entry *raw, struct entry *entry, struct fy_error *err);

/* What may still be taken out of an archive. */
struct allowance {
    uint64_t limit_bytes;
    uint64_t used_bytes;
    uint32_t entries;
};

/* FY_E_LIMIT. */
int allowance_take(struct allowance *allowance, const struct entry *entry, struct fy_error *err);

/* Names that have been seen; few, as an image set's own are kept apart by the file system. */
#define NAMES_MAX 4096
struct seen_names {
    char **items;
    size_t count;
};

/* FY_E_FORMAT for a name that was there before, FY_E_LIMIT. */
int seen_names_add(struct seen_names *seen, const char *name, struct fy_error *err);
void seen_names_done(struct seen_names *seen);

#endif
