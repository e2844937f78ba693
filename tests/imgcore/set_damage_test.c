/* Damage by rote: every image of several real sets loses a byte, gains one, loses its magic or goes away; and bytes are
 * changed at many places, which need not be noticed but must not crash the check. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/verify.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const sets[] = {"zombies", "threads", "tcp", "namespaces", "32bit", "shared-memory", "in-flight"};

static struct scratch set;

/* Whether the set is found whole. A refusal must be a verdict, with a message that is not empty. */
static bool is_whole(void)
{
    struct fy_imageset_summary summary;
    struct fy_error err = FY_ERROR_INIT;

    if (fy_imageset_check(set.fd, NULL, &summary, &err) == 0) {
        fy_imageset_summary_done(&summary);
        return true;
    }
    cr_expect(err.code == FY_E_VERIFY || err.code == FY_E_UNSUPPORTED || err.code == FY_E_LIMIT, "%s: %s",
              fy_code_name(err.code), err.message);
    cr_expect(err.message[0]);
    return false;
}

typedef void each_image(const char *name, const struct fy_image_type *type);

static size_t for_each_image(each_image *act)
{
    size_t count = 0;
    int fd = openat(set.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    struct dirent *entry;
    char names[128][64];

    cr_assert_not_null(dir);
    while ((entry = readdir(dir)) != NULL && count < 128)
        if (fy_catalogue_find(entry->d_name, NULL))
            (void)snprintf(names[count++], sizeof(names[0]), "%.63s", entry->d_name);
    (void)closedir(dir);
    for (size_t i = 0; i < count; i++)
        act(names[i], fy_catalogue_find(names[i], NULL));
    return count;
}

static void in_every_set(each_image *act)
{
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        scratch_copy(&set, sets[i]);
        cr_assert(is_whole(), "%s", sets[i]);
        cr_expect_gt(for_each_image(act), 10);
        cr_expect(is_whole(), "%s: the damage has not been undone", sets[i]);
        scratch_done(&set);
    }
}

/* What follows the head of a deleted file that is not in chunks has no length of its own. */
static bool has_exact_length(const struct fy_image_type *type)
{
    return (type->magic != 0 && type->kind != FY_IMAGE_GHOST_FILE) || type->kind == FY_IMAGE_PAGES;
}

static void cut_and_lengthen(const char *name, const struct fy_image_type *type)
{
    uint64_t size = scratch_size(&set, name);
    uint8_t *last;
    size_t read_size;

    if (!has_exact_length(type))
        return;
    if (type->kind == FY_IMAGE_PAGES) {
        scratch_resize(&set, name, size - 1);
        cr_expect_not(is_whole(), "%s: one byte less", name);
        scratch_resize(&set, name, size + 1);
        cr_expect_not(is_whole(), "%s: one byte more", name);
        scratch_resize(&set, name, size);
        return;
    }
    last = scratch_read(&set, name, &read_size);
    for (size_t cut = 1; cut <= 3 && cut < read_size; cut++) {
        scratch_write(&set, name, last, read_size - cut);
        cr_expect_not(is_whole(), "%s: %zu bytes less", name, cut);
    }
    scratch_write(&set, name, last, read_size);
    scratch_append(&set, name, "x", 1);
    cr_expect_not(is_whole(), "%s: one byte more", name);
    scratch_write(&set, name, "", 0);
    cr_expect_not(is_whole(), "%s: empty", name);
    scratch_write(&set, name, last, read_size);
    free(last);
}

Test(set_damage, lengths)
{
    in_every_set(cut_and_lengthen);
}

static void break_magic(const char *name, const struct fy_image_type *type)
{
    size_t size;
    uint8_t *data;

    if (type->magic == 0)
        return;
    data = scratch_read(&set, name, &size);
    for (size_t i = 0; i < 8 && i < (type->kind == FY_IMAGE_INVENTORY ? 4u : 8u); i++) {
        scratch_set_byte(&set, name, i, data[i] ^ 0x10);
        cr_expect_not(is_whole(), "%s: byte %zu of its magic", name, i);
        scratch_set_byte(&set, name, i, data[i]);
    }
    free(data);
}

Test(set_damage, magics)
{
    in_every_set(break_magic);
}

/* Images whose absence has a meaning: CRIU writes none when there is nothing to write, or does not need them. */
static bool may_be_absent(enum fy_image_kind kind)
{
    switch (kind) {
    case FY_IMAGE_CGROUP:
    case FY_IMAGE_SECCOMP:
    case FY_IMAGE_MEMFD_INODE:
    case FY_IMAGE_PIPES_DATA:
    case FY_IMAGE_SK_QUEUES:
    case FY_IMAGE_TTY_DATA:
    case FY_IMAGE_IPCNS_SHM:
    case FY_IMAGE_REMAP_FPATH:
    case FY_IMAGE_TIMENS:
    case FY_IMAGE_STATS_DUMP:
    case FY_IMAGE_STATS_RESTORE:
    case FY_IMAGE_IFADDR:
    case FY_IMAGE_ROUTE:
    case FY_IMAGE_ROUTE6:
    case FY_IMAGE_RULE:
    case FY_IMAGE_IPTABLES:
    case FY_IMAGE_IP6TABLES:
    case FY_IMAGE_NFTABLES:
        return true;
    default:
        return false;
    }
}

static void take_away(const char *name, const struct fy_image_type *type)
{
    if (may_be_absent(type->kind))
        return;
    scratch_rename(&set, name, "taken away");
    cr_expect_not(is_whole(), "%s: missing", name);
    scratch_rename(&set, "taken away", name);
}

Test(set_damage, absence)
{
    in_every_set(take_away);
}

static void change_bytes(const char *name, const struct fy_image_type *type)
{
    size_t size;
    uint8_t *data;
    unsigned seed = (unsigned)strlen(name) * 2654435761u;

    if (type->magic == 0)
        return;
    data = scratch_read(&set, name, &size);
    for (int i = 0; i < 40; i++) {
        size_t at;
        seed = seed * 1664525u + 1013904223u;
        at = (seed >> 8) % size;
        scratch_set_byte(&set, name, at, (uint8_t)(seed >> 24));
        (void)is_whole();
        scratch_set_byte(&set, name, at, data[at]);
    }
    free(data);
}

Test(set_damage, changed_bytes_do_no_harm)
{
    in_every_set(change_bytes);
}
