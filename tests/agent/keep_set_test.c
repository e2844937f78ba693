/* A set that is kept is the same, holes included; what cannot be kept leaves nothing. */
#include "keep_set.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char from[64], root[64], to[96];

static void begin(void)
{
    (void)snprintf(from, sizeof(from), "/dev/shm/ferry-test-XXXXXX");
    (void)snprintf(root, sizeof(root), "/var/tmp/ferry-test-XXXXXX");
    cr_assert_not_null(mkdtemp(from));
    cr_assert_not_null(mkdtemp(root));
    (void)snprintf(to, sizeof(to), "%s/images/m-1", root);
}

static void end(void)
{
    cr_assert_eq(fy_fs_remove_tree(from, NULL), 0);
    cr_assert_eq(fy_fs_remove_tree(root, NULL), 0);
}

TestSuite(keep_set, .init = begin, .fini = end);

static void path_in(char path[160], const char *directory, const char *name)
{
    (void)snprintf(path, 160, "%s/%s", directory, name);
}

/* 1 MiB of hole, 4 KiB of data, a hole up to 3 MiB. */
static void make_sparse(const char *name)
{
    char path[160], data[4096];
    path_in(path, from, name);
    memset(data, 7, sizeof(data));
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    cr_assert_geq(fd, 0);
    cr_assert_eq(pwrite(fd, data, sizeof(data), 1 << 20), (ssize_t)sizeof(data));
    cr_assert_eq(ftruncate(fd, 3 << 20), 0);
    cr_assert_eq(close(fd), 0);
}

Test(keep_set, all_files_are_there_with_their_holes)
{
    char path[160], *text = NULL, byte = 0;
    size_t size = 0;
    struct stat st;
    struct fy_error err = FY_ERROR_INIT;
    path_in(path, from, "inventory.img");
    cr_assert_eq(fy_fs_write_file(path, "inventory", 9, 0600, NULL), 0);
    path_in(path, from, "empty.img");
    cr_assert_eq(fy_fs_write_file(path, "", 0, 0600, NULL), 0);
    make_sparse("pages-1.img");
    cr_assert_eq(fy_keep_set(from, to, &err), 0, "%s", err.message);
    path_in(path, to, "inventory.img");
    cr_assert_eq(fy_fs_read_file(path, 100, &text, &size, NULL), 0);
    cr_assert_eq(size, 9u);
    cr_assert_str_eq(text, "inventory");
    free(text);
    path_in(path, to, "empty.img");
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_size, 0);
    path_in(path, to, "pages-1.img");
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_size, 3 << 20);
    cr_assert_lt(st.st_blocks * 512, 1 << 20, "its holes were filled");
    int fd = open(path, O_RDONLY);
    cr_assert_eq(pread(fd, &byte, 1, (1 << 20) + 4095), 1);
    cr_assert_eq(byte, 7);
    cr_assert_eq(close(fd), 0);
}

Test(keep_set, a_copy_that_fails_is_named_and_leaves_nothing)
{
    char path[160];
    struct fy_error err = FY_ERROR_INIT;
    path_in(path, from, "a.img");
    cr_assert_eq(fy_fs_write_file(path, "a", 1, 0600, NULL), 0);
    cr_assert_eq(fy_fs_make_directories(to, 0700, NULL), 0);
    path_in(path, to, "a.img");
    cr_assert_eq(fy_fs_write_file(path, "in the way", 10, 0600, NULL), 0);
    cr_assert_eq(fy_keep_set(from, to, &err), -1);
    cr_assert_not_null(strstr(err.message, "a.img"), "%s", err.message);
    cr_assert_not_null(strstr(err.message, to), "%s", err.message);
    cr_assert_eq(access(to, F_OK), -1);
}
