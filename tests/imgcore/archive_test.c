/* Image sets go into every form and come back as they were; what was made to do harm is refused, with a reason. */
#include "scratch.h"
#include "tarball.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/archive.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT ((uint64_t)64 << 20)
#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONFIG                                                                                                         \
    "{\"id\":\"" HEX "\",\"name\":\"web\",\"rootfsImageName\":\"localhost/web:1\",\"rootfsImageID\":\"" HEX            \
    "\",\"runtime\":\"runc\",\"createdTime\":\"2026-01-31T12:00:00Z\"}"

static struct scratch set, out;

static void begin(void)
{
    scratch_copy(&set, "threads");
    scratch_make(&out);
}

static void end(void)
{
    scratch_done(&set);
    scratch_done(&out);
}

TestSuite(archive, .init = begin, .fini = end);

/* ---- there and back ---- */

static void add_rest(const char *config)
{
    FY_AUTO_CLOSE int tar = tarball_open();
    size_t size;
    tarball_file(tar, "config.dump", config);
    tarball_file(tar, "spec.dump", "{}");
    tarball_file(tar, "checkpoint/stale.img", "of an earlier checkpoint");
    tarball_put(tar, "artifacts/", '5', NULL, 0, "");
    tarball_file(tar, "artifacts/thing", "thing");
    tarball_file(tar, "rootfs-diff.tar", "a tar, to whom it may concern");
    tarball_end(tar);
    FY_AUTO_FREE uint8_t *bytes = tarball_bytes(tar, &size);
    scratch_write(&set, FY_ARCHIVE_REST, bytes, size);
}

static size_t count_files(const struct scratch *scratch)
{
    size_t count = 0;
    DIR *dir = opendir(scratch->path);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        count += entry->d_name[0] != '.';
    (void)closedir(dir);
    return count;
}

static void expect_same(const char *name)
{
    size_t size, size_there;
    FY_AUTO_FREE uint8_t *data = scratch_read(&set, name, &size);
    FY_AUTO_FREE uint8_t *there = scratch_read(&out, name, &size_there);
    cr_assert_eq(size, size_there, "%s", name);
    cr_expect_eq(memcmp(data, there, size), 0, "%s", name);
}

static void expect_images_are_back(void)
{
    DIR *dir = opendir(set.path);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, FY_ARCHIVE_REST) != 0)
            expect_same(entry->d_name);
    (void)closedir(dir);
}

enum form { PODMAN, PLAIN, OCI };

static int write_form(enum form form, enum fy_archive_compression compression, int fd, struct fy_error *err)
{
    const struct fy_archive_annotation annotations[] = {{"a.b/c", "\"quoted\""}};
    const struct fy_archive_oci image = {"x", "amd64", 1, annotations, 1};
    if (form == PODMAN)
        return fy_archive_write_podman(set.fd, NULL, compression, fd, err);
    if (form == PLAIN)
        return fy_archive_write_plain(set.fd, compression, fd, err);
    return fy_archive_write_oci(set.fd, &image, compression, fd, err);
}

static void there_and_back(enum form form, enum fy_archive_compression compression)
{
    struct fy_archive_summary summary;
    struct fy_podman_config config;
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_CLOSE int fd = tarball_open();
    scratch_done(&out);
    scratch_make(&out);
    cr_assert_eq(write_form(form, compression, fd, &err), 0, "%s", err.message);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    cr_assert_eq(fy_archive_read(fd, out.fd, LIMIT, &summary, &err), 0, "%s", err.message);
    expect_images_are_back();
    cr_expect_eq(summary.was_oci, form == OCI);
    cr_expect_eq(summary.format, form == PLAIN ? FY_ARCHIVE_PLAIN : FY_ARCHIVE_PODMAN);
    cr_expect_eq(count_files(&out), count_files(&set) - (form == PLAIN));
    if (form == PLAIN)
        return;
    cr_assert_eq(fy_podman_config_read(out.fd, &config, &err), 0, "%s", err.message);
    cr_expect_str_eq(config.name, "web");
    cr_expect_str_eq(config.image, "localhost/web:1");
    cr_expect_str_eq(config.id, HEX);
    cr_expect_str_eq(config.image_id, HEX);
}

Test(archive, every_form_and_compression_there_and_back)
{
    add_rest(CONFIG);
    for (int form = PODMAN; form <= OCI; form++)
        for (int compression = FY_ARCHIVE_NONE; compression <= FY_ARCHIVE_ZSTD; compression++)
            there_and_back((enum form)form, (enum fy_archive_compression)compression);
}

/* What podman had in its own directory is not what CRIU wrote. */
Test(archive, stale_images_do_not_come_along)
{
    struct fy_archive_summary summary;
    FY_AUTO_CLOSE int fd = tarball_open();
    size_t size;
    add_rest(CONFIG);
    cr_assert_eq(fy_archive_write_podman(set.fd, NULL, FY_ARCHIVE_NONE, fd, NULL), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    cr_assert_eq(fy_archive_read(fd, out.fd, LIMIT, &summary, NULL), 0);
    cr_expect_eq(faccessat(out.fd, "stale.img", F_OK, 0), -1);
    FY_AUTO_FREE uint8_t *rest = scratch_read(&out, FY_ARCHIVE_REST, &size);
    cr_expect_null(memmem(rest, size, "stale", 5));
    cr_expect_not_null(memmem(rest, size, "artifacts/thing", 15));
    cr_expect_not_null(memmem(rest, size, "to whom it may concern", 22));
}

Test(archive, what_podman_wrote_is_kept_without_images)
{
    FY_AUTO_CLOSE int fd = tarball_open();
    size_t size;
    tarball_file(fd, "config.dump", CONFIG);
    tarball_file(fd, "checkpoint/inventory.img", "stale");
    tarball_end(fd);
    cr_assert_eq(fy_archive_keep_rest(fd, out.fd, NULL), 0);
    FY_AUTO_FREE uint8_t *rest = scratch_read(&out, FY_ARCHIVE_REST, &size);
    cr_expect_not_null(memmem(rest, size, "config.dump", 11));
    cr_expect_null(memmem(rest, size, "checkpoint", 10));
}

Test(archive, a_link_in_the_place_of_images)
{
    FY_AUTO_CLOSE int fd = tarball_open();
    size_t size;
    add_rest(CONFIG);
    cr_assert_eq(fy_archive_write_podman(set.fd, "/run/somewhere", FY_ARCHIVE_NONE, fd, NULL), 0);
    FY_AUTO_FREE uint8_t *bytes = tarball_bytes(fd, &size);
    cr_expect_not_null(memmem(bytes, size, "/run/somewhere", 14));
    cr_expect_null(memmem(bytes, size, "inventory.img", 13));
}

Test(archive, no_podman_archive_of_what_podman_does_not_know)
{
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_CLOSE int fd = tarball_open();
    cr_expect_eq(fy_archive_write_podman(set.fd, NULL, FY_ARCHIVE_NONE, fd, &err), -1);
    cr_expect_eq(err.code, FY_E_UNSUPPORTED);
    cr_expect_not_null(strstr(err.message, FY_ARCHIVE_REST));
}

/* Half of its pages are in another set. */
Test(archive, a_set_with_a_parent_is_refused)
{
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_CLOSE int fd = tarball_open();
    cr_assert_eq(symlinkat("../other", set.fd, "parent"), 0);
    cr_expect_eq(fy_archive_write_plain(set.fd, FY_ARCHIVE_NONE, fd, &err), -1);
    cr_expect_eq(err.code, FY_E_VERIFY);
    cr_expect_not_null(strstr(err.message, "parent"));
}

Test(archive, an_oci_image_needs_a_file)
{
    const struct fy_archive_oci image = {.architecture = "amd64"};
    struct fy_error err = FY_ERROR_INIT;
    int pipes[2];
    cr_assert_eq(pipe(pipes), 0);
    cr_expect_eq(fy_archive_write_oci(set.fd, &image, FY_ARCHIVE_NONE, pipes[1], &err), -1);
    cr_expect_eq(err.code, FY_E_UNSUPPORTED);
    cr_expect_eq(fy_archive_read(pipes[0], out.fd, LIMIT, NULL, &err), -1);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

Test(archive, a_full_disk_is_said)
{
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_CLOSE int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    cr_expect_eq(fy_archive_write_plain(set.fd, FY_ARCHIVE_ZSTD, fd, &err), -1);
    cr_expect_eq(err.code, FY_E_NOSPACE, "%s", err.message);
}

/* ---- zeros ---- */

/* 32 MiB of zeros with a page in the middle, some KiB when compressed. */
static int big_and_empty(enum fy_archive_compression compression)
{
    int fd = tarball_open();
    scratch_resize(&set, "pages-1.img", (uint64_t)32 << 20);
    scratch_set_byte(&set, "pages-1.img", (16 << 20) + 5, 1);
    cr_assert_eq(fy_archive_write_plain(set.fd, compression, fd, NULL), 0);
    cr_assert_eq(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

Test(archive, zeros_become_holes)
{
    struct fy_archive_summary summary;
    struct stat status;
    char bytes[3];
    FY_AUTO_CLOSE int fd = big_and_empty(FY_ARCHIVE_ZSTD);
    cr_assert_eq(fy_archive_read(fd, out.fd, LIMIT, &summary, NULL), 0);
    cr_assert_eq(fstatat(out.fd, "pages-1.img", &status, 0), 0);
    cr_expect_eq(status.st_size, 32 << 20);
    cr_expect_leq(status.st_blocks * 512, 1 << 20);
    FY_AUTO_CLOSE int pages = openat(out.fd, "pages-1.img", O_RDONLY | O_CLOEXEC);
    cr_assert_eq(pread(pages, bytes, sizeof(bytes), (16 << 20) + 4), (ssize_t)sizeof(bytes));
    cr_expect(bytes[0] == 0 && bytes[1] == 1 && bytes[2] == 0);
}

Test(archive, a_bomb_is_defused)
{
    static const enum fy_archive_compression kinds[] = {FY_ARCHIVE_GZIP, FY_ARCHIVE_ZSTD};
    for (size_t i = 0; i < FY_ARRAY_SIZE(kinds); i++) {
        struct fy_error err = FY_ERROR_INIT;
        FY_AUTO_CLOSE int fd = big_and_empty(kinds[i]);
        cr_expect_eq(fy_archive_read(fd, out.fd, (uint64_t)16 << 20, NULL, &err), -1);
        cr_expect_eq(err.code, FY_E_LIMIT);
        cr_expect_not_null(strstr(err.message, "pages-1.img"), "%s", err.message);
        scratch_done(&out);
        scratch_make(&out);
    }
}

/* ---- damage ---- */

static bool is_refused(const uint8_t *bytes, size_t size, struct fy_error *err)
{
    struct fy_archive_summary summary;
    FY_AUTO_CLOSE int fd = tarball_of(bytes, size);
    scratch_done(&out);
    scratch_make(&out);
    return fy_archive_read(fd, out.fd, LIMIT, &summary, err) < 0;
}

Test(archive, a_cut_archive_is_refused_wherever_it_is_cut)
{
    for (int form = PODMAN; form <= OCI; form++) {
        size_t size;
        FY_AUTO_CLOSE int fd = tarball_open();
        if (form == PODMAN)
            add_rest(CONFIG);
        cr_assert_eq(write_form((enum form)form, FY_ARCHIVE_ZSTD, fd, NULL), 0);
        FY_AUTO_FREE uint8_t *bytes = tarball_bytes(fd, &size);
        for (size_t cut = 0; cut < size - 2048 - 512; cut += size / 41) {
            struct fy_error err = FY_ERROR_INIT;
            cr_expect(is_refused(bytes, cut, &err), "form %d cut at %zu of %zu", form, cut, size);
            cr_expect(fy_error_is_set(&err));
        }
    }
}

/* Everything below its hash is known by it. */
Test(archive, a_changed_oci_layer_is_refused)
{
    size_t size;
    FY_AUTO_CLOSE int fd = tarball_open();
    add_rest(CONFIG);
    cr_assert_eq(write_form(OCI, FY_ARCHIVE_NONE, fd, NULL), 0);
    FY_AUTO_FREE uint8_t *bytes = tarball_bytes(fd, &size);
    uint8_t *place = memmem(bytes, size, "to whom it may concern", 22);
    cr_assert_not_null(place);
    struct fy_error err = FY_ERROR_INIT;
    place[3] ^= 1;
    cr_expect(is_refused(bytes, size, &err));
    cr_expect_eq(err.code, FY_E_VERIFY);
    cr_expect_not_null(strstr(err.message, "layer"), "%s", err.message);
    place[3] ^= 1;
    place = memmem(bytes, size, "a.b/c", 5);
    cr_assert_not_null(place);
    fy_error_clear(&err);
    place[0] ^= 1;
    cr_expect(is_refused(bytes, size, &err));
    cr_expect_eq(err.code, FY_E_VERIFY);
    cr_expect_not_null(strstr(err.message, "manifest"), "%s", err.message);
}

/* ---- harm ---- */

static void expect_refusal(int tar, enum fy_code code, const char *words)
{
    struct fy_archive_summary summary;
    struct fy_error err = FY_ERROR_INIT;
    tarball_end(tar);
    scratch_done(&out);
    scratch_make(&out);
    cr_expect_eq(fy_archive_read(tar, out.fd, LIMIT, &summary, &err), -1, "accepted, but: %s", words);
    cr_expect_eq(err.code, code, "%s: %s", fy_code_name(err.code), err.message);
    cr_expect_not_null(strstr(err.message, words), "\"%s\" is not in \"%s\"", words, err.message);
    (void)close(tar);
}

Test(archive, names_cannot_leave_the_set)
{
    static const char *const names[] = {"../x.img", "/etc/x.img",      "a/../../x",   "checkpoint/../x.img",
                                        "a//b",     "a/./b",           "x\nimg",      "checkpoint/..",
                                        "..",       "checkpoint/\x7f", "caf\xc3\xa9", "./../x.img"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++) {
        int tar = tarball_open();
        tarball_file(tar, "inventory.img", "x");
        tarball_file(tar, names[i], "x");
        expect_refusal(tar, FY_E_FORMAT, "name that ferry does not take");
    }
}

Test(archive, only_files_and_directories)
{
    static const char types[] = {'1', '2', '3', '4', '6'};
    for (size_t i = 0; i < sizeof(types); i++) {
        int tar = tarball_open();
        tarball_file(tar, "config.dump", CONFIG);
        tarball_put(tar, "checkpoint/inventory.img", types[i], "/etc/passwd", 0, "");
        expect_refusal(tar, FY_E_FORMAT, "neither a plain file nor a directory");
        tar = tarball_open();
        tarball_put(tar, "rootfs-diff.tar", types[i], "/etc/passwd", 0, "");
        expect_refusal(tar, FY_E_FORMAT, "neither a plain file nor a directory");
    }
}

Test(archive, every_file_once)
{
    static const char *const names[] = {"checkpoint/inventory.img", "rootfs-diff.tar", "inventory.img"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++) {
        int tar = tarball_open();
        tarball_file(tar, names[i], "x");
        tarball_file(tar, names[i], "y");
        expect_refusal(tar, FY_E_FORMAT, "twice");
    }
}

Test(archive, an_image_cannot_be_what_ferry_makes)
{
    static const char *const names[] = {("checkpoint/" FY_ARCHIVE_REST), "checkpoint/parent", "checkpoint/a/b.img"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++) {
        int tar = tarball_open();
        tarball_file(tar, names[i], "x");
        expect_refusal(tar, FY_E_FORMAT, "cannot be a file of an image set");
    }
}

Test(archive, a_size_that_is_a_lie)
{
    int tar = tarball_open();
    tarball_put(tar, "checkpoint/pages-1.img", '0', NULL, (uint64_t)7 << 30, "x");
    expect_refusal(tar, FY_E_LIMIT, "pages-1.img");
    tar = tarball_open();
    tarball_put(tar, "checkpoint/pages-1.img", '0', NULL, 1 << 20, "x");
    expect_refusal(tar, FY_E_FORMAT, "pages-1.img");
}

Test(archive, too_many_names)
{
    int tar = tarball_open();
    for (int i = 0; i < 5000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "artifacts/%d", i);
        tarball_file(tar, name, "");
    }
    expect_refusal(tar, FY_E_LIMIT, "entries beside the images");
}

Test(archive, what_is_no_checkpoint)
{
    int tar = tarball_open();
    tarball_file(tar, "config.dump", CONFIG);
    expect_refusal(tar, FY_E_FORMAT, "no CRIU image");
    tar = tarball_open();
    tarball_file(tar, "checkpoint/inventory.img", "x");
    tarball_file(tar, "config.dump", CONFIG);
    expect_refusal(tar, FY_E_FORMAT, "no spec.dump");
    tar = tarball_open();
    tarball_file(tar, "checkpoint/inventory.img", "x");
    tarball_file(tar, "core-1.img", "x");
    expect_refusal(tar, FY_E_FORMAT, "two places");
    tar = tarball_open();
    tarball_file(tar, "inventory.img", "x");
    tarball_file(tar, "holiday.jpg", "x");
    expect_refusal(tar, FY_E_FORMAT, "holiday.jpg");
    expect_refusal(tarball_open(), FY_E_FORMAT, "");
}

/* ---- OCI ---- */

#define BLOB "blobs/sha256/" HEX
#define DESCRIPTOR(type) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" HEX "\",\"size\":3}"
#define MANIFEST "application/vnd.oci.image.manifest.v1+json"

Test(archive, what_is_no_oci_checkpoint)
{
    static const struct {
        const char *index, *words;
    } cases[] = {
        {"{}", "0 manifests"},
        {"{\"manifests\":[]}", "0 manifests"},
        {"{\"manifests\":[" DESCRIPTOR(MANIFEST) "," DESCRIPTOR(MANIFEST) "]}", "2 manifests"},
        {"{\"manifests\":[" DESCRIPTOR("application/vnd.oci.image.index.v1+json") "]}", "another type"},
        {"{\"manifests\":[{\"mediaType\":\"" MANIFEST "\"}]}", "which manifest"},
        {"{\"manifests\":[{\"mediaType\":\"" MANIFEST "\",\"digest\":\"sha256:../../x\",\"size\":1}]}", "no SHA-256"},
        {"{\"manifests\":[" DESCRIPTOR(MANIFEST) "]}", "no " BLOB},
        {"{\"manifests\":", "not JSON"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "not JSON that ferry reads"},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        int tar = tarball_open();
        tarball_file(tar, "oci-layout", "{}");
        tarball_file(tar, "index.json", cases[i].index);
        expect_refusal(tar, FY_E_FORMAT, cases[i].words);
    }
    int tar = tarball_open();
    tarball_file(tar, BLOB, "{}\n");
    tarball_file(tar, "index.json", "{\"manifests\":[" DESCRIPTOR(MANIFEST) "]}");
    expect_refusal(tar, FY_E_VERIFY, "manifest");
}

/* ---- config.dump ---- */

Test(archive, configurations_that_podman_does_not_write)
{
    static const char *const configs[] = {
        "",
        "{",
        "{}",
        "{\"id\":\"" HEX "\",\"name\":\"--all\"}",
        "{\"id\":\"" HEX "\",\"name\":\"a b\"}",
        "{\"id\":\"" HEX "\",\"name\":\"../x\"}",
        "{\"id\":\"short\",\"name\":\"web\"}",
        "{\"id\":\"" HEX HEX "\",\"name\":\"web\"}",
        "{\"id\":\"" HEX "\",\"name\":\"web\",\"rootfsImageID\":\"x\"}",
        "{\"id\":\"" HEX "\",\"name\":\"web\",\"rootfsImageName\":\"a\\nb\"}",
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(configs); i++) {
        struct fy_podman_config config = {.name = "untouched"};
        struct fy_error err = FY_ERROR_INIT;
        add_rest(configs[i]);
        cr_expect_eq(fy_podman_config_read(set.fd, &config, &err), -1, "%s", configs[i]);
        cr_expect_eq(err.code, FY_E_FORMAT, "%s", err.message);
        cr_expect_not_null(strstr(err.message, FY_ARCHIVE_REST), "%s", err.message);
        cr_expect_str_eq(config.name, "untouched");
    }
}
