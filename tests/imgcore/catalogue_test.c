/* The catalogue: names that are CRIU's and names that only look so. */
#include <criterion/criterion.h>
#include <criu/core.pb-c.h>
#include <criu/files-regular.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <ferry/imgcore/catalogue.h>
#include <string.h>

Test(catalogue, names_that_are_not_criu_s)
{
    static const char *const names[] = {
        "",
        "core.img",
        "core-.img",
        "core-1",
        "core-1.img.tmp",
        "core-01.img",
        "core--1.img",
        "core-1a.img",
        "core-18446744073709551616.img",
        "core-1.IMG",
        "Core-1.img",
        "tcp-stream-7B.img",
        "pages-1.img/",
        "stats-dump.img",
        "inventory",
        "dump.log",
        "amdgpu-kfd-1",
        "amdgpu-.im",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_expect_null(fy_catalogue_find(names[i], NULL), "%s", names[i]);
}

Test(catalogue, names_that_are)
{
    static const struct {
        const char *name;
        enum fy_image_kind kind;
        uint64_t id;
    } names[] = {
        {"inventory.img", FY_IMAGE_INVENTORY, 0},
        {"core-4219.img", FY_IMAGE_CORE, 4219},
        {"core-0.img", FY_IMAGE_CORE, 0},
        {"pagemap-7.img", FY_IMAGE_PAGEMAP, 7},
        {"pagemap-shmem-18446744073709551615.img", FY_IMAGE_PAGEMAP_SHMEM, UINT64_MAX},
        {"tcp-stream-7b070.img", FY_IMAGE_TCP_STREAM, 0x7b070},
        {"ghost-file-a.img", FY_IMAGE_GHOST_FILE, 10},
        {"tmpfs-dev-60.tar.gz.img", FY_IMAGE_TMPFS_DEV, 60},
        {"tmpfs-60.tar.gz.img", FY_IMAGE_TMPFS_MOUNT, 60},
        {"route6-10.img", FY_IMAGE_ROUTE6, 10},
        {"netns-10.img", FY_IMAGE_NETNS, 10},
        {"netns-ct-10.img", FY_IMAGE_NETNS_CT, 10},
        {"signal-s-3.img", FY_IMAGE_SIGNAL_GROUP, 3},
        {"stats-dump", FY_IMAGE_STATS_DUMP, 0},
        {"irmap-cache", FY_IMAGE_IRMAP_CACHE, 0},
        {"amdgpu-pages-1-00ff.img", FY_IMAGE_AMDGPU, 0},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint64_t id = 99;
        const struct fy_image_type *type = fy_catalogue_find(names[i].name, &id);
        cr_assert_not_null(type, "%s", names[i].name);
        cr_expect_eq(type->kind, names[i].kind, "%s is a %s", names[i].name, type->name);
        cr_expect_eq(id, names[i].id, "%s", names[i].name);
    }
}

Test(catalogue, rows_are_whole)
{
    for (int kind = 0; kind < FY_IMAGE_KIND_COUNT; kind++) {
        const struct fy_image_type *type = fy_catalogue_get((enum fy_image_kind)kind);
        cr_expect_eq((int)type->kind, kind);
        cr_expect_eq(type->magic == 0, type->first == NULL, "%s", type->name);
        cr_expect(type->first || !type->rest, "%s", type->name);
        cr_expect(type->magic == 0 || fy_catalogue_magic_name(type->magic), "%s", type->name);
    }
}

/* Two types may have one magic only when they are one format under two names. */
Test(catalogue, magics_are_unique)
{
    for (int i = 0; i < FY_IMAGE_KIND_COUNT; i++)
        for (int j = 0; j < i; j++) {
            const struct fy_image_type *a = fy_catalogue_get((enum fy_image_kind)i);
            const struct fy_image_type *b = fy_catalogue_get((enum fy_image_kind)j);
            cr_expect_str_neq(a->pattern, b->pattern);
            cr_expect(a->magic == 0 || a->magic != b->magic || strcmp(a->name, b->name) == 0, "%s and %s", a->name,
                      b->name);
        }
}

Test(catalogue, shapes)
{
    const struct fy_image_type *pagemap = fy_catalogue_get(FY_IMAGE_PAGEMAP);
    const struct fy_image_type *ghost = fy_catalogue_get(FY_IMAGE_GHOST_FILE);

    cr_expect_null(fy_catalogue_get(FY_IMAGE_CORE)->rest);
    cr_expect_eq(fy_catalogue_get(FY_IMAGE_FILES)->rest, &file_entry__descriptor);
    cr_expect_eq(pagemap->first, &pagemap_head__descriptor);
    cr_expect_eq(pagemap->rest, &pagemap_entry__descriptor);
    cr_expect_eq(ghost->rest, &ghost_chunk_entry__descriptor);
    cr_expect_eq(fy_catalogue_get(FY_IMAGE_REG_FILES)->fd_type, FD_TYPES__REG);
    cr_expect_str_eq(fy_catalogue_magic_name(0x55053847), "CORE");
    cr_expect_null(fy_catalogue_magic_name(0));
    cr_expect_null(fy_catalogue_magic_name(0x57023458));
    cr_expect(fy_catalogue_is_service(fy_catalogue_get(FY_IMAGE_STATS_DUMP)));
    cr_expect_not(fy_catalogue_is_service(fy_catalogue_get(FY_IMAGE_CORE)));
}
