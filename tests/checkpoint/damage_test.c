/* A flipped bit anywhere in the store is found, by verify and by expanding, and its file and chunk are named. */
#include "shelf.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct told {
    size_t count;
    char id[64], file[256], what[800];
    bool has_chunk;
    uint64_t chunk;
};

static void take(const struct fy_checkpoint_damage *damage, void *data)
{
    struct told *told = data;
    if (told->count++)
        return;
    (void)snprintf(told->id, sizeof told->id, "%s", damage->id);
    (void)snprintf(told->file, sizeof told->file, "%s", damage->file);
    (void)snprintf(told->what, sizeof told->what, "%s", damage->what);
    told->has_chunk = damage->has_chunk;
    told->chunk = damage->chunk;
}

static void flip(const char *path, off_t offset)
{
    uint8_t byte;
    FY_AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_eq(pread(fd, &byte, 1, offset), 1);
    byte ^= 0x10;
    cr_assert_eq(pwrite(fd, &byte, 1, offset), 1);
}

/* `below` is the path from the store on: ID/images/… */
static void expect_found(struct shelf *shelf, const char *kept, const char *path, const char *below, off_t offset)
{
    struct told told = {0};
    struct fy_error err = FY_ERROR_INIT;
    bool whole_look;
    char out[96];
    const char *slash = strchr(below, '/');
    flip(path, offset);
    cr_assert_eq(fy_checkpoint_verify(shelf->store, "c-3", take, &told, NULL, &whole_look, &err), -1,
                 "byte %lld of %s is not missed", (long long)offset, below);
    cr_expect_eq(err.code, FY_E_VERIFY, "%s", err.message);
    cr_assert_geq(told.count, 1);
    cr_expect_eq(strncmp(told.id, below, (size_t)(slash - below)), 0, "%s: %s", below, told.what);
    cr_expect_str_eq(told.file, slash + 1);
    if (told.has_chunk)
        cr_expect_eq(told.chunk, (uint64_t)offset / FY_STORED_CHUNK_BYTES);
    if (strcmp(slash + 1, "state") != 0) {
        (void)snprintf(out, sizeof out, "%s/out", shelf->directory);
        cr_assert_eq(mkdir(out, 0700), 0);
        fy_error_clear(&err);
        int result = fy_checkpoint_expand(shelf->store, "c-3", out, NULL, NULL, &err);
        /* A bit that its content does not depend on (a page that a later checkpoint has anew, padding) may be flipped:
         * what comes out is the same to the last byte, or nothing is. */
        cr_expect(result == 0 || err.code == FY_E_VERIFY, "%s", err.message);
        cr_expect(result == 0 || strstr(err.message, slash + 1), "%s is not in: %s", slash + 1, err.message);
        if (result == 0) {
            char command[400];
            (void)snprintf(command, sizeof command, "diff -r -x ferry.manifest %s %s", kept, out);
            cr_expect_eq(system(command), 0, "%s", below);
        }
        cr_assert_eq(fy_fs_remove_tree(out, NULL), 0);
    }
    flip(path, offset);
}

static void damage_all(enum shelf_form form)
{
    static const char *const ids[] = {NULL, "c-1", "c-2", "c-3"};
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    bool whole_look;
    shelf_open(&shelf, "tcp", form, 8, 5);
    Ferry__Checkpoint__State state = FERRY__CHECKPOINT__STATE__INIT;
    state.has_pinned = state.pinned = 1;
    for (size_t i = 1; i < FY_ARRAY_SIZE(ids); i++) {
        cr_assert_eq(shelf_put(&shelf, ids[i], ids[i - 1], &err), 0, "%s", err.message);
        scratch_remove(&shelf.set, "ferry.manifest");
        if (i < 3)
            shelf_dirty(&shelf, 100);
        cr_assert_eq(fy_checkpoint_set_state(shelf.store, ids[i], &state, &err), 0);
    }
    char *kept = shelf_keep(&shelf);
    char *const roots[] = {shelf.store_path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *entry;
    size_t files = 0;
    while ((entry = fts_read(tree))) {
        if (entry->fts_info != FTS_F || entry->fts_statp->st_size == 0)
            continue;
        files++;
        off_t size = entry->fts_statp->st_size;
        const off_t places[] = {0, size / 2, size - 1, (off_t)shelf_random(&shelf, (unsigned)size)};
        for (size_t i = 0; i < FY_ARRAY_SIZE(places); i++)
            expect_found(&shelf, kept, entry->fts_path, entry->fts_path + strlen(shelf.store_path) + 1, places[i]);
    }
    (void)fts_close(tree);
    shelf_forget(kept);
    cr_expect_gt(files, 30);
    cr_assert_eq(fy_checkpoint_verify(shelf.store, "c-3", NULL, NULL, NULL, &whole_look, &err), 0, "%s", err.message);
    shelf_close(&shelf);
}

Test(damage, plain)
{
    damage_all(SHELF_PLAIN);
}

Test(damage, compressed)
{
    damage_all(SHELF_COMPRESSED);
}

Test(damage, sealed)
{
    damage_all(SHELF_SEALED);
}

/* Whose memory it is can be told. */
Test(damage, names_the_task)
{
    for (enum shelf_form form = 0; form < SHELF_FORMS; form++) {
        struct shelf shelf;
        struct told told = {0};
        struct fy_error err = FY_ERROR_INIT;
        bool whole_look;
        char path[200];
        static const char *const suffixes[] = {"", ".zst", ".sealed"};
        shelf_open(&shelf, "tcp", form, 8, 5);
        cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), 0, "%s", err.message);
        (void)snprintf(path, sizeof path, "%s/c-1/images/pages-2.img%s", shelf.store_path, suffixes[form]);
        flip(path, 30);
        cr_assert_eq(fy_checkpoint_verify(shelf.store, "c-1", take, &told, NULL, &whole_look, &err), -1);
        cr_expect(strstr(told.what, "memory of task 68 at 0x"), "%s", told.what);
        shelf_close(&shelf);
    }
}

/* A chain whose older part is gone says so. */
Test(damage, a_missing_parent)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    bool whole_look;
    shelf_open(&shelf, "tcp", SHELF_PLAIN, 8, 5);
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), 0, "%s", err.message);
    cr_assert_eq(shelf_put(&shelf, "c-2", "c-1", &err), 0, "%s", err.message);
    cr_assert_eq(fy_checkpoint_remove(shelf.store, "c-1", NULL, 0, NULL, &err), 0);
    cr_assert_eq(fy_checkpoint_verify(shelf.store, "c-2", NULL, NULL, NULL, &whole_look, &err), -1);
    cr_expect(strstr(err.message, "c-1"), "%s", err.message);
    shelf_close(&shelf);
}
