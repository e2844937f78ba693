/* Setting up a store, and sets with memory in them. */
#include "shelf.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define PAGE 4096u

unsigned shelf_random(struct shelf *shelf, unsigned below)
{
    shelf->seed = shelf->seed * 1664525u + 1013904223u;
    return (shelf->seed >> 8) % below;
}

static bool is_pages(const struct dirent *entry)
{
    return strncmp(entry->d_name, "pages-", 6) == 0 && strstr(entry->d_name, ".img");
}

static void fill_page(struct shelf *shelf, int fd, off_t offset)
{
    uint8_t page[PAGE];
    unsigned kind = shelf_random(shelf, 4);
    for (size_t i = 0; i < sizeof page; i++)
        page[i] = kind == 0 ? 0 : kind == 1 ? (uint8_t)(i / 64) : (uint8_t)shelf_random(shelf, 256);
    if (kind)
        memcpy(page, &shelf->seed, sizeof shelf->seed);
    cr_assert_eq(pwrite(fd, page, sizeof page, offset), (ssize_t)sizeof page);
}

void shelf_dirty(struct shelf *shelf, unsigned per_mille)
{
    DIR *dir = opendir(shelf->set.path);
    struct dirent *entry;
    cr_assert_not_null(dir);
    while ((entry = readdir(dir))) {
        struct stat st;
        if (!is_pages(entry))
            continue;
        FY_AUTO_CLOSE int fd = openat(shelf->set.fd, entry->d_name, O_RDWR | O_CLOEXEC);
        cr_assert_eq(fstat(fd, &st), 0);
        for (off_t at = 0; at < st.st_size; at += PAGE) {
            if (shelf_random(shelf, 1000) < per_mille)
                fill_page(shelf, fd, at);
        }
    }
    (void)closedir(dir);
}

void shelf_reopen(struct shelf *shelf, enum shelf_form form, unsigned max_chain)
{
    struct fy_error err = FY_ERROR_INIT;
    const struct fy_checkpoint_store_options options = {.directory = shelf->store_path,
                                                        .scratch = shelf->directory,
                                                        .plain = form == SHELF_PLAIN,
                                                        .key = form == SHELF_SEALED ? shelf->key : NULL,
                                                        .max_chain = max_chain};
    fy_checkpoint_store_close(shelf->store);
    cr_assert_eq(fy_checkpoint_store_open(&options, &shelf->store, &err), 0, "%s", err.message);
}

void shelf_open(struct shelf *shelf, const char *set, enum shelf_form form, unsigned max_chain, unsigned seed)
{
    struct fy_error err = FY_ERROR_INIT;
    *shelf = (struct shelf){.directory = "/dev/shm/ferry-shelf-XXXXXX", .seed = seed};
    cr_assert_not_null(mkdtemp(shelf->directory));
    (void)snprintf(shelf->store_path, sizeof shelf->store_path, "%s/store", shelf->directory);
    cr_assert_eq(fy_checkpoint_key_parse("0123456789abcdef0123456789abcdef", 32, "test", &shelf->key, &err), 0);
    shelf_reopen(shelf, form, max_chain);
    scratch_copy(&shelf->set, set);
    shelf_dirty(shelf, 1000);
}

void shelf_close(struct shelf *shelf)
{
    fy_checkpoint_store_close(shelf->store);
    fy_checkpoint_key_free(shelf->key);
    scratch_done(&shelf->set);
    cr_assert_eq(fy_fs_remove_tree(shelf->directory, NULL), 0);
}

int shelf_put(struct shelf *shelf, const char *id, const char *parent, struct fy_error *err)
{
    Ferry__Checkpoint__Record facts = FERRY__CHECKPOINT__RECORD__INIT;
    struct fy_checkpoint *made = NULL;
    facts.id = (char *)id;
    facts.workload = "runc/web";
    facts.host = "here";
    facts.created_us = 1;
    const struct fy_checkpoint_source source = {.images_dir = shelf->set.path, .facts = &facts, .parent = parent};
    int result = fy_checkpoint_put(shelf->store, &source, NULL, &made, err);
    fy_checkpoint_free(made);
    return result;
}

char *shelf_keep(struct shelf *shelf)
{
    char *kept = NULL;
    char command[256];
    cr_assert(asprintf(&kept, "%s/kept-%08x", shelf->directory, shelf_random(shelf, 1u << 24)) > 0);
    (void)snprintf(command, sizeof command, "cp -a %s %s", shelf->set.path, kept);
    cr_assert_eq(system(command), 0);
    return kept;
}

void shelf_forget(char *kept)
{
    cr_assert_eq(fy_fs_remove_tree(kept, NULL), 0);
    free(kept);
}

void shelf_assert_same(struct shelf *shelf, const char *id, const char *kept)
{
    struct fy_error err = FY_ERROR_INIT;
    char out[96], command[400];
    (void)snprintf(out, sizeof out, "%s/out", shelf->directory);
    cr_assert_eq(mkdir(out, 0700), 0);
    cr_assert_eq(fy_checkpoint_expand(shelf->store, id, out, NULL, NULL, &err), 0, "%s", err.message);
    (void)snprintf(command, sizeof command, "diff -r -x ferry.manifest %s %s", kept, out);
    cr_assert_eq(system(command), 0, "%s came out other than it went in", id);
    cr_assert_eq(fy_fs_remove_tree(out, NULL), 0);
}

struct sum {
    const struct fy_checkpoint_store *store;
    uint64_t bytes;
};

static int add_bytes(const char *id, void *data, struct fy_error *err)
{
    struct sum *sum = data;
    struct fy_checkpoint *checkpoint = NULL;
    cr_assert_eq(fy_checkpoint_load(sum->store, id, &checkpoint, err), 0, "%s: %s", id, err->message);
    sum->bytes += checkpoint->real_bytes;
    fy_checkpoint_free(checkpoint);
    return 0;
}

uint64_t shelf_real_bytes(struct shelf *shelf)
{
    struct sum sum = {shelf->store, 0};
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_checkpoint_each(shelf->store, add_bytes, &sum, &err), 0);
    return sum.bytes;
}

size_t shelf_count(struct shelf *shelf)
{
    DIR *dir = opendir(shelf->store_path);
    struct dirent *entry;
    size_t count = 0;
    cr_assert_not_null(dir);
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        cr_assert(fy_checkpoint_id_is_valid(entry->d_name), "there is %s", entry->d_name);
        count++;
    }
    (void)closedir(dir);
    return count;
}
