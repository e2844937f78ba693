/* A record of the store without what only the store knows: its files and their hashes. */
#include "checkpoint_facts.h"
#include "root_tar.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdint.h>
#include <string.h>

#define FACTS_LIMIT_BYTES ((size_t)1 << 20)
#define CONFIG_LIMIT_BYTES ((size_t)16 << 20)
#define FACTS_VERSION 1u

/* 1: it was moved, 0: there is none. */
static int move_file(const char *from_dir, const char *from, const char *to_dir, const char *to, struct fy_error *err)
{
    char source[4096], target[4096];
    int sizes[] = {snprintf(source, sizeof source, "%s/%s", from_dir, from),
                   snprintf(target, sizeof target, "%s/%s", to_dir, to)};
    if (sizes[0] >= (int)sizeof source || sizes[1] >= (int)sizeof target)
        return fy_error_set(err, FY_E_LIMIT, "the path %.200s… is too long", from_dir);
    if (rename(source, target) == 0)
        return 1;
    return errno == ENOENT ? 0 : fy_error_errno(err, errno, "cannot move %s", source);
}

int checkpoint_facts_write(const Ferry__Checkpoint__Record *record, const char *images_dir, const char *extra_dir,
                           struct fy_error *err)
{
    Ferry__Checkpoint__Record facts = *record;
    char path[4096];
    facts.version = FACTS_VERSION;
    facts.n_files = 0;
    facts.parent = NULL;
    facts.depth = 0;
    facts.has_key_check = 0;
    size_t size = ferry__checkpoint__record__get_packed_size(&facts);
    FY_AUTO_FREE uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes)
        return fy_error_set(err, FY_E_NOMEM, "no memory for what is known of a checkpoint");
    (void)ferry__checkpoint__record__pack(&facts, bytes);
    if (snprintf(path, sizeof path, "%s/" FY_FACTS_NAME, images_dir) >= (int)sizeof path)
        return fy_error_set(err, FY_E_LIMIT, "the path %.200s… is too long", images_dir);
    if (fy_fs_write_file(path, bytes, size, 0600, err) < 0)
        return -1;
    if (move_file(extra_dir, "config.json", images_dir, FY_FACTS_CONFIG_NAME, err) < 0 ||
        move_file(extra_dir, ROOT_TAR_NAME, images_dir, FY_FACTS_ROOT_NAME, err) < 0)
        return -1;
    return 0;
}

int checkpoint_facts_take(const char *images_dir, const char *extra_dir, Ferry__Checkpoint__Record **record_out,
                          struct fy_error *err)
{
    char path[4096];
    FY_AUTO_FREE char *bytes = NULL;
    size_t size = 0;
    int there = move_file(images_dir, FY_FACTS_NAME, extra_dir, FY_FACTS_NAME, err);
    *record_out = NULL;
    if (there <= 0)
        return there;
    if (move_file(images_dir, FY_FACTS_CONFIG_NAME, extra_dir, "config.json", err) < 0 ||
        move_file(images_dir, FY_FACTS_ROOT_NAME, extra_dir, ROOT_TAR_NAME, err) < 0)
        return -1;
    (void)snprintf(path, sizeof path, "%s/" FY_FACTS_NAME, extra_dir);
    if (fy_fs_read_file(path, FACTS_LIMIT_BYTES, &bytes, &size, err) < 0)
        return -1;
    (void)unlink(path);
    Ferry__Checkpoint__Record *record = ferry__checkpoint__record__unpack(NULL, size, (const uint8_t *)bytes);
    if (!record || record->version != FACTS_VERSION) {
        if (record)
            ferry__checkpoint__record__free_unpacked(record, NULL);
        return fy_error_set(err, FY_E_FORMAT, FY_FACTS_NAME " in the archive is not what ferry writes there");
    }
    *record_out = record;
    return 0;
}
