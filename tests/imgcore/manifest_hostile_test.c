/* Manifests that somebody made to do harm, or that were damaged: refused with a reason, at bounded cost. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/manifest.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static struct scratch set;

static void begin(void)
{
    scratch_copy(&set, "threads");
}

static void end(void)
{
    scratch_done(&set);
}

TestSuite(manifest_hostile, .init = begin, .fini = end);

static void expect_refusal(enum fy_code code, const char *text)
{
    struct fy_manifest *manifest = NULL;
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_lt(fy_manifest_read(set.fd, FY_MANIFEST_NAME, &manifest, &err), 0, "accepted, but: %s", text);
    cr_expect_eq(err.code, code, "%s: %s", fy_code_name(err.code), err.message);
    cr_expect_not_null(strstr(err.message, text), "\"%s\" is not in \"%s\"", text, err.message);
    cr_expect_not_null(strstr(err.message, FY_MANIFEST_NAME), "%s", err.message);
    cr_expect_null(manifest);
}

/* ---- damage ---- */

/* Reads it; whatever it is, it is not what it was before. */
static bool is_noticed(const uint8_t root[FY_MANIFEST_HASH_BYTES])
{
    struct fy_manifest *manifest = NULL;
    bool same = false;

    if (fy_manifest_read(set.fd, FY_MANIFEST_NAME, &manifest, NULL) == 0)
        same = memcmp(fy_manifest_root(manifest), root, FY_MANIFEST_HASH_BYTES) == 0;
    fy_manifest_free(manifest);
    return !same;
}

static struct fy_manifest *make(void)
{
    struct fy_manifest_options options = {.label = "label", .host = "host", .kernel = "6.1", .created_us = 1};
    struct fy_manifest *manifest = NULL;
    struct fy_error err = FY_ERROR_INIT;

    scratch_resize(&set, "pages-1.img", 3 * MIB);
    cr_assert_eq(fy_manifest_create(set.fd, &options, &manifest, &err), 0, "%s", err.message);
    cr_assert_eq(fy_manifest_write(manifest, set.fd, FY_MANIFEST_NAME, &err), 0, "%s", err.message);
    return manifest;
}

Test(manifest_hostile, no_byte_of_a_manifest_can_be_changed_unnoticed)
{
    struct fy_manifest *manifest = make();
    size_t size;
    FY_AUTO_FREE uint8_t *data = scratch_read(&set, FY_MANIFEST_NAME, &size);

    for (size_t at = 0; at < size; at++)
        for (size_t bit = 0; bit < 8; bit += 1 + at % 3) {
            scratch_set_byte(&set, FY_MANIFEST_NAME, at, data[at] ^ (uint8_t)(1u << bit));
            cr_expect(is_noticed(fy_manifest_root(manifest)), "byte %zu bit %zu", at, bit);
            scratch_set_byte(&set, FY_MANIFEST_NAME, at, data[at]);
        }
    cr_expect_not(is_noticed(fy_manifest_root(manifest)));
    fy_manifest_free(manifest);
}

Test(manifest_hostile, a_manifest_that_is_cut)
{
    struct fy_manifest *manifest = make();
    uint64_t size = scratch_size(&set, FY_MANIFEST_NAME);

    while (size-- > 0) {
        scratch_resize(&set, FY_MANIFEST_NAME, size);
        cr_expect(is_noticed(fy_manifest_root(manifest)), "%zu bytes", (size_t)size);
    }
    expect_refusal(FY_E_FORMAT, "ends");
    fy_manifest_free(manifest);
}

Test(manifest_hostile, what_is_no_manifest_at_all)
{
    expect_refusal(FY_E_NOT_FOUND, "cannot open");
    scratch_write(&set, FY_MANIFEST_NAME, "GIF89a    ", 10);
    expect_refusal(FY_E_FORMAT, "does not begin as a manifest");
    scratch_remove(&set, FY_MANIFEST_NAME);
    cr_assert_eq(symlinkat("core-1.img", set.fd, FY_MANIFEST_NAME), 0);
    expect_refusal(FY_E_FORMAT, "is a symbolic link");
}

/* ---- made by hand ---- */

static struct made made;
static uint8_t some_hash[3 * FY_MANIFEST_HASH_BYTES];

static void make_head(uint32_t version, const char *hash, uint32_t chunk_bytes, uint32_t entries, size_t root_bytes)
{
    Ferry__Manifest__Head head = FERRY__MANIFEST__HEAD__INIT;

    made.size = 0;
    made_bytes(&made, "FYMANIF1", 8);
    head.version = version;
    head.hash = (char *)(uintptr_t)hash;
    head.chunk_bytes = chunk_bytes;
    head.entries = entries;
    head.root = (ProtobufCBinaryData){root_bytes, some_hash};
    made_entry(&made, &head);
}

static void make_start(uint32_t entries)
{
    Ferry__Manifest__Facts facts = FERRY__MANIFEST__FACTS__INIT;

    make_head(1, "sha256", MIB, entries, sizeof(some_hash) / 3);
    made_entry(&made, &facts);
}

static void make_entry(const char *name, uint64_t size, size_t root_bytes, size_t chunks_bytes)
{
    Ferry__Manifest__Entry entry = FERRY__MANIFEST__ENTRY__INIT;

    entry.kind = FERRY__MANIFEST__KIND__FILE;
    entry.name = (char *)(uintptr_t)name;
    entry.size_bytes = size;
    entry.root = (ProtobufCBinaryData){root_bytes, some_hash};
    entry.has_chunks = chunks_bytes > 0;
    entry.chunks = (ProtobufCBinaryData){chunks_bytes, some_hash};
    made_entry(&made, &entry);
}

static void make_link(const char *name, const char *target, uint64_t size)
{
    Ferry__Manifest__Entry entry = FERRY__MANIFEST__ENTRY__INIT;

    entry.kind = FERRY__MANIFEST__KIND__LINK;
    entry.name = (char *)(uintptr_t)name;
    entry.size_bytes = size;
    entry.root = (ProtobufCBinaryData){32, some_hash};
    entry.target = (char *)(uintptr_t)target;
    made_entry(&made, &entry);
}

static void refuse_made(enum fy_code code, const char *text)
{
    scratch_write(&set, FY_MANIFEST_NAME, made.data, made.size);
    expect_refusal(code, text);
}

Test(manifest_hostile, heads)
{
    make_head(2, "sha256", MIB, 0, 32);
    refuse_made(FY_E_UNSUPPORTED, "version 2");
    make_head(1, "md5", MIB, 0, 32);
    refuse_made(FY_E_UNSUPPORTED, "md5");
    make_head(1, "sha256", 0, 0, 32);
    refuse_made(FY_E_UNSUPPORTED, "over 0 bytes");
    make_head(1, "sha256", MIB, 0, 31);
    refuse_made(FY_E_FORMAT, "no root");
    make_head(1, "sha256", MIB, UINT32_MAX, 32);
    refuse_made(FY_E_FORMAT, "too many entries");
    make_head(1, "sha256", MIB, 0, 32);
    made_word(&made, UINT32_MAX);
    refuse_made(FY_E_FORMAT, "more than the");
    make_head(1, "sha256", MIB, 0, 32);
    made_word(&made, 1000);
    refuse_made(FY_E_FORMAT, "the file ends before");
    make_start(0);
    refuse_made(FY_E_FORMAT, "the root does not follow");
    make_start(1);
    refuse_made(FY_E_FORMAT, "the file ends within");
}

Test(manifest_hostile, names)
{
    static const char *const names[] = {"", ".", "..", "/etc/passwd", "../x", "a/b", FY_MANIFEST_NAME};

    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++) {
        make_start(1);
        make_entry(names[i], 5, 32, 0);
        refuse_made(FY_E_FORMAT, "its name is not one");
    }
    make_start(2);
    make_entry("b", 5, 32, 0);
    make_entry("a", 5, 32, 0);
    refuse_made(FY_E_FORMAT, "ascending");
    make_start(2);
    make_entry("b", 5, 32, 0);
    make_entry("b", 5, 32, 0);
    refuse_made(FY_E_FORMAT, "ascending");
}

Test(manifest_hostile, sizes_and_hashes)
{
    make_start(1);
    make_entry("a", 5, 31, 0);
    refuse_made(FY_E_FORMAT, "its root is not a hash");
    make_start(1);
    make_entry("a", 5, 32, 32);
    refuse_made(FY_E_FORMAT, "number of its chunks");
    make_start(1);
    make_entry("a", MIB + 1, 32, 0);
    refuse_made(FY_E_FORMAT, "number of its chunks");
    make_start(1);
    make_entry("a", 2 * MIB + 1, 32, 64);
    refuse_made(FY_E_FORMAT, "number of its chunks");
    make_start(1);
    make_entry("a", UINT64_MAX, 32, 96);
    refuse_made(FY_E_FORMAT, "number of its chunks");
    make_start(1);
    make_entry("a", 2 * MIB + 1, 32, 96);
    refuse_made(FY_E_FORMAT, "the root of a does not follow");
    make_start(1);
    make_entry("a", 0, 32, 0);
    refuse_made(FY_E_FORMAT, "the root of a does not follow");
}

Test(manifest_hostile, links)
{
    make_start(1);
    make_link("other", "x", 1);
    refuse_made(FY_E_FORMAT, "not a link that a set can have");
    make_start(1);
    make_link("parent", "x", 2);
    refuse_made(FY_E_FORMAT, "not a link that a set can have");
    make_start(1);
    make_link("parent", NULL, 1);
    refuse_made(FY_E_FORMAT, "not a link that a set can have");
    make_start(1);
    make_link("parent", "x", 1);
    refuse_made(FY_E_FORMAT, "the root of parent does not follow");
}

/* Two bytes on disk that take a hundred in memory, as often as they fit. */
Test(manifest_hostile, facts_that_swell)
{
    size_t size = MIB - 100;
    FY_AUTO_FREE uint8_t *data = malloc(size);

    for (size_t i = 0; i < size; i += 2) {
        data[i] = 13 << 3 | 2; /* cpu, again and again: merged */
        data[i + 1] = 0;
    }
    make_head(1, "sha256", MIB, 0, 32);
    made_word(&made, (uint32_t)size);
    scratch_write(&set, FY_MANIFEST_NAME, made.data, made.size);
    scratch_append(&set, FY_MANIFEST_NAME, data, size);
    expect_refusal(FY_E_FORMAT, "the root does not follow");
}
