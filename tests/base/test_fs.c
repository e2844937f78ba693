/* Files and directories on a real file system, each test in a directory of its own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

static char root[] = "/tmp/ferry-test-fs-XXXXXX";

static void enter(void)
{
    cr_assert_not_null(mkdtemp(root));
    cr_assert_eq(chdir(root), 0);
}

static void leave(void)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_expect_eq(chdir("/"), 0);
    cr_expect_eq(fy_fs_remove_tree(root, &err), 0, "%s", err.message);
    cr_expect_eq(access(root, F_OK), -1);
}

TestSuite(fs, .init = enter, .fini = leave);

static void put(const char *path, const char *text)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_fs_write_file(path, text, strlen(text), 0644, &err), 0, "%s", err.message);
}

Test(fs, read_names_what_is_missing)
{
    struct fy_error err = FY_ERROR_INIT;
    char *data = NULL;
    cr_expect_eq(fy_fs_read_file("nowhere/x", 10, &data, NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    cr_expect_str_eq(err.message, "cannot open nowhere/x: No such file or directory");
    cr_expect_null(data);
    fy_error_clear(&err);
    cr_expect_eq(fy_fs_read_file(".", 10, &data, NULL, &err), -1);
    cr_expect_str_eq(err.message, "cannot read .: Is a directory");
}

Test(fs, read_limit_is_exact)
{
    struct fy_error err = FY_ERROR_INIT;
    char *data = NULL;
    size_t size = 0;
    put("ten", "0123456789");
    cr_expect_eq(fy_fs_read_file("ten", 9, &data, &size, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_str_eq(err.message, "ten is larger than 9 bytes");
    cr_assert_eq(fy_fs_read_file("ten", 10, &data, &size, &err), 0);
    cr_expect_eq(size, 10);
    cr_expect_str_eq(data, "0123456789");
    free(data);
    put("none", "");
    cr_assert_eq(fy_fs_read_file("none", 0, &data, &size, NULL), 0);
    cr_expect_str_eq(data, "");
    free(data);
}

Test(fs, read_of_many_chunks_and_of_proc)
{
    size_t big = 1000003, size = 0;
    FY_AUTO_FREE char *pattern = malloc(big);
    FY_AUTO_FREE char *data = NULL;
    FY_AUTO_FREE char *status = NULL;
    cr_assert_not_null(pattern);
    for (size_t i = 0; i < big; i++)
        pattern[i] = (char)(i % 251);
    cr_assert_eq(fy_fs_write_file("big", pattern, big, 0600, NULL), 0);
    cr_assert_eq(fy_fs_read_file("big", SIZE_MAX, &data, &size, NULL), 0);
    cr_assert_eq(size, big);
    cr_expect_arr_eq(data, pattern, big);
    cr_assert_eq(fy_fs_read_file("/proc/self/status", 65536, &status, &size, NULL), 0);
    cr_expect_gt(size, 100, "a file whose size says 0 is read to its end");
}

Test(fs, read_at_refuses_links_and_special_files)
{
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_CLOSE int dir = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char *data = NULL;
    put("file", "x");
    cr_assert_eq(symlink("file", "link"), 0);
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    cr_expect_eq(fy_fs_read_file_at(dir, "link", 10, &data, NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_DENIED);
    fy_error_clear(&err);
    cr_expect_eq(fy_fs_read_file_at(dir, "fifo", 10, &data, NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_FORMAT);
    fy_error_clear(&err);
    cr_assert_eq(fy_fs_read_file_at(dir, "file", 10, &data, NULL, &err), 0, "%s", err.message);
    cr_expect_str_eq(data, "x");
    free(data);
}

Test(fs, write_reports_a_full_disk)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_expect_eq(fy_fs_write_file("/dev/full", "x", 1, 0600, &err), -1);
    cr_expect_eq(err.code, FY_E_NOSPACE);
    cr_expect_str_eq(err.message, "/dev/full: cannot write: No space left on device");
}

Test(fs, write_replaces_and_sets_the_mode_of_a_new_file)
{
    struct stat info;
    FY_AUTO_FREE char *data = NULL;
    (void)umask(022);
    cr_assert_eq(fy_fs_write_file("f", "a longer text", 13, 0600, NULL), 0);
    cr_assert_eq(fy_fs_write_file("f", "short", 5, 0644, NULL), 0);
    cr_assert_eq(stat("f", &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0600);
    cr_assert_eq(fy_fs_read_file("f", 100, &data, NULL, NULL), 0);
    cr_expect_str_eq(data, "short");
}

Test(fs, make_directories_in_the_way_of_a_file)
{
    struct fy_error err = FY_ERROR_INIT;
    put("file", "x");
    cr_expect_eq(fy_fs_make_directories("file/sub/dir", 0700, &err), -1);
    cr_expect_str_eq(err.message, "cannot create directory file: Not a directory");
    fy_error_clear(&err);
    cr_expect_eq(fy_fs_make_directories("file", 0700, &err), -1);
    cr_expect_str_eq(err.message, "cannot create directory file: Not a directory");
    fy_error_clear(&err);
    cr_expect_eq(fy_fs_make_directories("", 0700, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    char path[5000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    fy_error_clear(&err);
    cr_expect_eq(fy_fs_make_directories(path, 0700, &err), -1);
    cr_expect_eq(err.sys_errno, ENAMETOOLONG);
}

Test(fs, make_directories_modes)
{
    struct fy_error err = FY_ERROR_INIT;
    struct stat info;
    char absolute[128];
    (void)umask(022);
    (void)snprintf(absolute, sizeof absolute, "%s/a//b/c///", root);
    cr_assert_eq(fy_fs_make_directories(absolute, 0700, &err), 0, "%s", err.message);
    cr_assert_eq(fy_fs_make_directories("a/b/c", 0711, &err), 0, "an existing directory is fine");
    cr_assert_eq(stat("a/b/c", &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0700);
    cr_assert_eq(stat("a/b", &info), 0);
    cr_expect_eq(info.st_mode & 07777, 0755);
    cr_expect_eq(fy_fs_make_directories("/", 0755, &err), 0);
}

Test(fs, remove_tree_does_not_follow_links)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_fs_make_directories("keep", 0755, NULL), 0);
    cr_assert_eq(fy_fs_make_directories("tree/a/b", 0755, NULL), 0);
    put("keep/file", "x");
    put("tree/a/file", "x");
    cr_assert_eq(symlink("../../keep", "tree/a/link"), 0);
    cr_assert_eq(symlink("keep", "top"), 0);
    cr_assert_eq(mkfifo("tree/fifo", 0600), 0);
    cr_expect_eq(fy_fs_remove_tree("tree", &err), 0, "%s", err.message);
    cr_expect_eq(fy_fs_remove_tree("top", &err), 0, "%s", err.message);
    cr_expect_eq(access("tree", F_OK), -1);
    cr_expect_eq(access("top", F_OK), -1);
    cr_expect_eq(access("keep/file", F_OK), 0);
    cr_expect_eq(fy_fs_remove_tree("tree", &err), 0, "what is not there is no error");
    cr_expect_eq(fy_fs_remove_tree("tree/a", &err), 0);
    cr_expect_eq(fy_fs_remove_tree("keep/file", &err), 0);
    cr_expect_eq(access("keep/file", F_OK), -1);
}

Test(fs, remove_tree_bounds_its_depth)
{
    struct fy_error err = FY_ERROR_INIT;
    char path[600] = "deep";
    for (int i = 0; i < 140; i++)
        strcat(path, "/d");
    cr_assert_eq(fy_fs_make_directories(path, 0755, &err), 0, "%s", err.message);
    cr_expect_eq(fy_fs_remove_tree("deep", &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    path[4 + 2 * 100] = '\0'; /* from its middle down it is shallow enough */
    fy_error_clear(&err);
    cr_expect_eq(fy_fs_remove_tree(path, &err), 0, "%s", err.message);
    cr_expect_eq(fy_fs_remove_tree("deep", &err), 0, "%s", err.message);
}

Test(fs, remove_tree_stops_at_a_mount)
{
    struct fy_error err = FY_ERROR_INIT;
    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        cr_skip_test("needs root and mount namespaces");
    cr_assert_eq(fy_fs_make_directories("keep", 0755, NULL), 0);
    cr_assert_eq(fy_fs_make_directories("tree/mounted", 0755, NULL), 0);
    put("keep/file", "x");
    cr_assert_eq(mount("keep", "tree/mounted", NULL, MS_BIND, NULL), 0); /* the same file system: no st_dev tells */
    cr_expect_eq(fy_fs_remove_tree("tree", &err), -1);
    cr_expect_eq(err.code, FY_E_BUSY);
    cr_expect_str_eq(err.message, "tree/mounted is a mount point");
    cr_expect_eq(access("keep/file", F_OK), 0);
    cr_assert_eq(umount("tree/mounted"), 0);
}

Test(fs, available_bytes)
{
    struct fy_error err = FY_ERROR_INIT;
    uint64_t bytes = 0;
    cr_expect_eq(fy_fs_available_bytes("nowhere", &bytes, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    cr_expect_eq(bytes, 0);
    fy_error_clear(&err);
    cr_expect_eq(fy_fs_available_bytes(".", &bytes, &err), 0, "%s", err.message);
    cr_expect_gt(bytes, 0);
}

Test(fs, plain_names)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "/", "../x", "a\n", "a\x7f", "\xc3\xa4", "\x1b"};
    static const char *const good[] = {"a", "...", ".hidden", "pages-1.img", "with space", "~"};
    char name[258];
    for (size_t i = 0; i < FY_ARRAY_SIZE(bad); i++)
        cr_expect_not(fy_fs_is_plain_name(bad[i]), "'%s'", bad[i]);
    for (size_t i = 0; i < FY_ARRAY_SIZE(good); i++)
        cr_expect(fy_fs_is_plain_name(good[i]), "'%s'", good[i]);
    memset(name, 'n', sizeof name);
    name[256] = '\0';
    cr_expect_not(fy_fs_is_plain_name(name));
    name[255] = '\0';
    cr_expect(fy_fs_is_plain_name(name));
}
