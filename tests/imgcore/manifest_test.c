/* Manifests: hashes against an independent computation, every change of a set found, and hostile manifests refused. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/manifest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static struct scratch set;

static void end(void)
{
    scratch_done(&set);
}

TestSuite(manifest, .fini = end);

static struct fy_manifest *create(unsigned threads)
{
    struct fy_manifest_options options = {.threads = threads, .label = "a test", .created_us = 17};
    struct fy_manifest *manifest = NULL;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_manifest_create(set.fd, &options, &manifest, &err), 0, "%s", err.message);
    return manifest;
}

static struct fy_manifest *create_and_write(void)
{
    struct fy_manifest *manifest = create(0);
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_manifest_write(manifest, set.fd, FY_MANIFEST_NAME, &err), 0, "%s", err.message);
    return manifest;
}

static struct fy_manifest *read_again(void)
{
    struct fy_manifest *manifest = NULL;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_manifest_read(set.fd, FY_MANIFEST_NAME, &manifest, &err), 0, "%s", err.message);
    return manifest;
}

/* What no compression or pattern makes alike. */
static uint8_t *noise(size_t size, uint64_t seed)
{
    uint8_t *data = malloc(size + 8);

    cr_assert_not_null(data);
    for (size_t i = 0; i < size; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        data[i] = (uint8_t)(seed >> 56);
    }
    return data;
}

static void make_file(const char *name, size_t size)
{
    FY_AUTO_FREE uint8_t *data = noise(size, size + 1);
    scratch_write(&set, name, data, size);
}

/* Files of sizes around the borders of chunks and of trees, one with a hole, and a link. */
static void make_sizes(void)
{
    static const size_t sizes[] = {0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 3 * MIB - 5, 5 * MIB, 7 * MIB + 3};
    char name[32];

    scratch_make(&set);
    for (size_t i = 0; i < FY_ARRAY_SIZE(sizes); i++) {
        (void)snprintf(name, sizeof(name), "pages-%zu.img", i);
        make_file(name, sizes[i]);
    }
    make_file("hole", MIB + 100);
    scratch_resize(&set, "hole", 6 * MIB + 77);
    cr_assert_eq(symlinkat("../level-1", set.fd, "parent"), 0);
}

static void ask_oracle(char line[256])
{
    char command[256];
    FILE *oracle;

    (void)snprintf(command, sizeof(command), "python3 " TEST_SOURCE_DIR "/manifest_oracle.py %s 2>&1", set.path);
    oracle = popen(command, "r"); // NOLINT(cert-env33-c): a command of our own
    cr_assert_not_null(oracle);
    if (!fgets(line, 256, oracle))
        line[0] = '\0';
    cr_assert_eq(pclose(oracle), 0, "%s", line);
}

Test(manifest, hashes_are_what_an_independent_computation_says)
{
    char line[FY_MANIFEST_ROOT_LINE_SIZE], expected[256];

    make_sizes();
    for (unsigned threads = 0; threads < 5; threads++) {
        struct fy_manifest *manifest = create(threads);
        struct fy_error err = FY_ERROR_INIT;
        cr_assert_eq(fy_manifest_write(manifest, set.fd, FY_MANIFEST_NAME, &err), 0, "%s", err.message);
        ask_oracle(expected);
        fy_manifest_root_line(manifest, line);
        cr_expect_str_eq(line, expected, "with %u threads", threads);
        fy_manifest_free(manifest);
    }
}

Test(manifest, many_chunks_in_a_hole_and_the_same_in_zeros)
{
    struct fy_manifest *sparse, *dense;
    FY_AUTO_FREE uint8_t *zeros = calloc(1, 21 * MIB + 5);

    scratch_make(&set);
    scratch_write(&set, "pages-1.img", "", 0);
    scratch_resize(&set, "pages-1.img", 21 * MIB + 5);
    sparse = create(2);
    scratch_write(&set, "pages-1.img", zeros, 21 * MIB + 5);
    dense = create(2);
    cr_expect_arr_eq(fy_manifest_root(sparse), fy_manifest_root(dense), FY_MANIFEST_HASH_BYTES);
    fy_manifest_free(sparse);
    fy_manifest_free(dense);
}

Test(manifest, what_was_written_is_read)
{
    struct fy_manifest *written, *got;

    make_sizes();
    written = create_and_write();
    got = read_again();
    cr_assert_eq(fy_manifest_count(got), fy_manifest_count(written));
    cr_expect_eq(fy_manifest_total_bytes(got), fy_manifest_total_bytes(written));
    cr_expect_arr_eq(fy_manifest_root(got), fy_manifest_root(written), FY_MANIFEST_HASH_BYTES);
    cr_expect_str_eq(fy_manifest_facts(got)->label, "a test");
    cr_expect_eq(fy_manifest_facts(got)->created_us, 17);
    for (size_t i = 0; i < fy_manifest_count(got); i++) {
        struct fy_manifest_entry a = fy_manifest_get(written, i), b = fy_manifest_get(got, i);
        cr_expect_str_eq(a.name, b.name);
        cr_expect_eq(a.size_bytes, b.size_bytes);
        cr_expect_eq(a.chunk_count, b.chunk_count);
        cr_expect_arr_eq(a.root, b.root, FY_MANIFEST_HASH_BYTES);
        cr_expect_eq(fy_manifest_find(got, a.name), (ptrdiff_t)i);
    }
    cr_expect_eq(fy_manifest_find(got, "pages-77.img"), -1);
    cr_expect_str_eq(fy_manifest_get(got, (size_t)fy_manifest_find(got, "parent")).target, "../level-1");
    fy_manifest_free(written);
    fy_manifest_free(got);
}

Test(manifest, writing_replaces_and_leaves_nothing_beside)
{
    scratch_copy(&set, "namespaces");
    scratch_write(&set, FY_MANIFEST_NAME ".new", "left over", 9);
    scratch_write(&set, FY_MANIFEST_NAME, "old", 3);
    fy_manifest_free(create_and_write());
    cr_expect_lt(faccessat(set.fd, FY_MANIFEST_NAME ".new", F_OK, 0), 0);
    fy_manifest_free(read_again());
}

Test(manifest, a_name_that_leads_elsewhere_is_not_written)
{
    struct fy_manifest *manifest;
    struct fy_error err = FY_ERROR_INIT;

    scratch_copy(&set, "namespaces");
    manifest = create(1);
    cr_expect_lt(fy_manifest_write(manifest, set.fd, "../manifest", &err), 0);
    cr_expect_eq(err.code, FY_E_USAGE);
    fy_manifest_free(manifest);
}

/* ---- what a set may not have ---- */

static void expect_create_fails(enum fy_code code, const char *name, const char *text)
{
    struct fy_manifest *manifest = NULL;
    struct fy_error err = FY_ERROR_INIT;

    cr_expect_lt(fy_manifest_create(set.fd, NULL, &manifest, &err), 0, "%s", text);
    cr_expect_eq(err.code, code, "%s", err.message);
    cr_expect(strstr(err.message, name) && strstr(err.message, text), "%s", err.message);
    cr_expect_null(manifest);
}

Test(manifest, other_kinds_of_files_are_refused_by_name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    scratch_copy(&set, "namespaces");
    cr_assert_eq(mkfifoat(set.fd, "a-fifo", 0600), 0);
    expect_create_fails(FY_E_UNSUPPORTED, "a-fifo", "a FIFO");
    scratch_remove(&set, "a-fifo");
    cr_assert_eq(mkdirat(set.fd, "folder", 0700), 0);
    expect_create_fails(FY_E_UNSUPPORTED, "folder", "a directory");
    cr_assert_eq(unlinkat(set.fd, "folder", AT_REMOVEDIR), 0);
    cr_assert_eq(symlinkat("core-1.img", set.fd, "other"), 0);
    expect_create_fails(FY_E_UNSUPPORTED, "other", "a symbolic link");
    scratch_remove(&set, "other");
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", set.path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    expect_create_fails(FY_E_UNSUPPORTED, "socket", "a socket");
    (void)close(fd);
    scratch_remove(&set, "socket");
    scratch_write(&set, "huge", "", 0);
    scratch_resize(&set, "huge", 5ull << 40);
    expect_create_fails(FY_E_LIMIT, "huge", "4 TiB");
}

/* ---- comparing ---- */

struct seen {
    size_t count;
    struct fy_manifest_difference last;
    char name[256];
};

static void see(const struct fy_manifest_difference *difference, void *data)
{
    struct seen *seen = data;

    seen->count++;
    seen->last = *difference;
    (void)snprintf(seen->name, sizeof(seen->name), "%s", difference->name);
}

static struct seen compare(const struct fy_manifest *manifest)
{
    struct fy_error err = FY_ERROR_INIT;
    struct seen seen = {0};
    size_t count = 99;

    cr_assert_eq(fy_manifest_compare(manifest, set.fd, 2, see, &seen, &count, &err), 0, "%s", err.message);
    cr_assert_eq(count, seen.count);
    return seen;
}

static void expect_one(const struct fy_manifest *manifest, enum fy_manifest_difference_kind kind, const char *name)
{
    struct seen seen = compare(manifest);

    cr_expect_eq(seen.count, 1, "%s: %zu differences", name, seen.count);
    cr_expect_eq(seen.last.kind, kind, "%s: kind %d", name, seen.last.kind);
    cr_expect_str_eq(seen.name, name);
}

Test(manifest, every_single_byte_of_a_set_is_covered)
{
    struct fy_manifest *manifest;
    size_t tried = 0;

    scratch_copy(&set, "namespaces");
    manifest = create_and_write();
    for (size_t i = 0; i < fy_manifest_count(manifest); i++) {
        struct fy_manifest_entry entry = fy_manifest_get(manifest, i);
        size_t step = entry.size_bytes > 500 ? entry.size_bytes / 60 : 7;
        int fd = openat(set.fd, entry.name, O_RDWR | O_CLOEXEC);
        for (uint64_t at = 0; at < entry.size_bytes; at += step, tried++) {
            uint8_t old, other;
            cr_assert_eq(pread(fd, &old, 1, (off_t)at), 1);
            other = old ^ (uint8_t)(1u << at % 8);
            cr_assert_eq(pwrite(fd, &other, 1, (off_t)at), 1);
            expect_one(manifest, FY_DIFFERENCE_CHANGED, entry.name);
            cr_assert_eq(pwrite(fd, &old, 1, (off_t)at), 1);
        }
        (void)close(fd);
    }
    cr_expect_gt(tried, 500);
    cr_expect_eq(compare(manifest).count, 0);
    fy_manifest_free(manifest);
}

Test(manifest, files_that_grow_get_lost_or_are_added)
{
    struct fy_manifest *manifest;
    size_t size;

    scratch_copy(&set, "namespaces");
    manifest = create_and_write();
    for (size_t i = 0; i < fy_manifest_count(manifest); i++) {
        struct fy_manifest_entry entry = fy_manifest_get(manifest, i);
        scratch_append(&set, entry.name, "", 1);
        expect_one(manifest, FY_DIFFERENCE_SIZE, entry.name);
        scratch_resize(&set, entry.name, entry.size_bytes);
        FY_AUTO_FREE uint8_t *data = scratch_read(&set, entry.name, &size);
        scratch_remove(&set, entry.name);
        expect_one(manifest, FY_DIFFERENCE_MISSING, entry.name);
        scratch_write(&set, entry.name, data, size);
        cr_expect_eq(compare(manifest).count, 0);
    }
    scratch_write(&set, "zz-more.img", "x", 1);
    expect_one(manifest, FY_DIFFERENCE_EXTRA, "zz-more.img");
    fy_manifest_free(manifest);
}

Test(manifest, two_files_that_were_exchanged)
{
    struct fy_manifest *manifest;

    scratch_copy(&set, "namespaces");
    manifest = create_and_write();
    scratch_rename(&set, "fs-1.img", "moving");
    scratch_rename(&set, "fs-5.img", "fs-1.img");
    scratch_rename(&set, "moving", "fs-5.img");
    cr_expect_eq(compare(manifest).count, 2);
    fy_manifest_free(manifest);
}

Test(manifest, link_and_kinds)
{
    struct fy_manifest *manifest;

    make_sizes();
    manifest = create_and_write();
    scratch_remove(&set, "parent");
    expect_one(manifest, FY_DIFFERENCE_MISSING, "parent");
    cr_assert_eq(symlinkat("../level-2", set.fd, "parent"), 0);
    expect_one(manifest, FY_DIFFERENCE_LINK, "parent");
    scratch_remove(&set, "parent");
    scratch_write(&set, "parent", "../level-1", 10);
    expect_one(manifest, FY_DIFFERENCE_KIND, "parent");
    scratch_remove(&set, "parent");
    cr_assert_eq(symlinkat("../level-1", set.fd, "parent"), 0);
    scratch_remove(&set, "hole");
    cr_assert_eq(symlinkat("pages-1.img", set.fd, "hole"), 0);
    expect_one(manifest, FY_DIFFERENCE_KIND, "hole");
    fy_manifest_free(manifest);
}

Test(manifest, the_first_wrong_bytes_are_named)
{
    struct fy_manifest *manifest;
    struct seen seen;

    make_sizes();
    manifest = create_and_write();
    int fd = openat(set.fd, "pages-8.img", O_RDWR | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "\0\0\0\0\0\0", 6, 2 * MIB - 3), 6);
    cr_assert_eq(pwrite(fd, "\0\0\0", 3, 7 * MIB), 3);
    (void)close(fd);
    seen = compare(manifest);
    cr_expect_eq(seen.count, 1);
    cr_expect_eq(seen.last.first_byte, MIB);
    cr_expect_eq(seen.last.byte_count, 2 * MIB);
    cr_expect_eq(seen.last.wrong_chunks, 3);
    make_file("pages-8.img", 7 * MIB + 3);
    fd = openat(set.fd, "pages-8.img", O_RDWR | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "\0\0\0", 3, 7 * MIB), 3);
    (void)close(fd);
    seen = compare(manifest);
    cr_expect_eq(seen.last.first_byte, 7 * MIB);
    cr_expect_eq(seen.last.byte_count, 3);
    fy_manifest_free(manifest);
}

/* ---- while a file arrives ---- */

static struct fy_manifest_stream *stream_of(const struct fy_manifest *manifest, const char *name)
{
    struct fy_manifest_stream *stream = NULL;
    struct fy_error err = FY_ERROR_INIT;

    cr_assert_eq(fy_manifest_stream_new(manifest, name, &stream, &err), 0, "%s", err.message);
    return stream;
}

static enum fy_code feed(struct fy_manifest_stream *stream, uint64_t offset, const void *data, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;
    int result = fy_manifest_stream_feed(stream, offset, data, size, &err);

    cr_assert_eq(result == 0, err.code == FY_OK);
    return err.code;
}

static enum fy_code finish(const struct fy_manifest_stream *stream)
{
    struct fy_error err = FY_ERROR_INIT;

    (void)fy_manifest_stream_finish(stream, &err);
    return err.code;
}

Test(manifest, chunks_in_any_order)
{
    struct fy_manifest *manifest;
    struct fy_manifest_stream *stream;
    size_t size = 7 * MIB + 3;
    FY_AUTO_FREE uint8_t *data = noise(size, size + 1);

    make_sizes();
    manifest = create(0);
    stream = stream_of(manifest, "pages-8.img");
    cr_expect_eq(feed(stream, 7 * MIB, data + 7 * MIB, 3), FY_OK);
    cr_expect_eq(feed(stream, 0, data, 3 * MIB), FY_OK);
    cr_expect_eq(finish(stream), FY_E_VERIFY);
    cr_expect_eq(feed(stream, 5 * MIB, data + 5 * MIB, 2 * MIB), FY_OK);
    cr_expect_eq(feed(stream, 3 * MIB, data + 4 * MIB, MIB), FY_E_VERIFY, "another chunk's bytes");
    cr_expect_eq(feed(stream, 3 * MIB, NULL, MIB), FY_E_VERIFY, "zeros");
    cr_expect_eq(feed(stream, 3 * MIB, data + 3 * MIB, MIB), FY_OK);
    cr_expect_eq(finish(stream), FY_E_VERIFY);
    cr_expect_eq(feed(stream, 4 * MIB, data + 4 * MIB, MIB), FY_OK);
    cr_expect_eq(finish(stream), FY_OK);
    cr_expect_eq(feed(stream, 0, data, 100), FY_E_USAGE, "less than a chunk");
    cr_expect_eq(feed(stream, 5, data, MIB), FY_E_USAGE, "between chunks");
    cr_expect_eq(feed(stream, 7 * MIB, data + 7 * MIB, 2), FY_E_USAGE, "short of the end");
    cr_expect_eq(feed(stream, 7 * MIB, data + 7 * MIB, 4), FY_E_VERIFY, "beyond the end");
    cr_expect_eq(feed(stream, UINT64_MAX - MIB + 1, data, MIB), FY_E_VERIFY, "far beyond the end");
    fy_manifest_stream_free(stream);
    fy_manifest_free(manifest);
}

Test(manifest, holes_and_empty_files_arrive)
{
    struct fy_manifest *manifest;
    struct fy_manifest_stream *stream;
    struct fy_error err = FY_ERROR_INIT;

    make_sizes();
    manifest = create(0);
    stream = stream_of(manifest, "hole");
    cr_expect_eq(feed(stream, 2 * MIB, NULL, 4 * MIB + 77), FY_OK);
    cr_expect_eq(feed(stream, MIB, NULL, MIB), FY_E_VERIFY);
    cr_expect_eq(finish(stream), FY_E_VERIFY);
    fy_manifest_stream_free(stream);
    stream = stream_of(manifest, "pages-0.img");
    cr_expect_eq(feed(stream, 0, NULL, 0), FY_OK);
    cr_expect_eq(finish(stream), FY_OK);
    fy_manifest_stream_free(stream);
    cr_expect_lt(fy_manifest_stream_new(manifest, "parent", &stream, &err), 0);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    fy_manifest_free(manifest);
}
