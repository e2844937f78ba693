/* The files of a process tree at the source, and the destination's look at them: a real child, real files. */
#include <criterion/criterion.h>

#include "file_identity.h"
#include "fork_child.h"
#include "open_files.h"
#include "preflight_files.h"

#include <elf.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static uv_loop_t loop;
static char directory[64];
static struct fy_open_files files;
static struct fy_preflight_item item;

static void make_scene(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/ferry-files-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(uv_loop_init(&loop), 0);
}

static void remove_scene(void)
{
    fy_open_files_done(&files);
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(open_files, .init = make_scene, .fini = remove_scene);

static const char *in_directory(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void write_file(const char *name, const void *data, size_t size)
{
    cr_assert_eq(fy_fs_write_file(in_directory(name), data, size, 0644, NULL), 0);
}

/* ---- the source ---- */

static bool open_as(const char *name, int flags)
{
    return open(in_directory(name), flags | O_CREAT, 0600) >= 0;
}

static bool map(const char *name)
{
    FY_AUTO_CLOSE int fd = open(in_directory(name), O_RDWR | O_CREAT, 0600);
    return fd >= 0 && ftruncate(fd, 8192) == 0 && mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED;
}

static bool open_files(void)
{
    return chdir(directory) == 0 && open_as("data", O_RDWR) && open_as("log", O_WRONLY | O_APPEND) &&
           open_as("twoway", O_RDWR | O_APPEND) && open_as("seen", O_RDONLY) && open_as("seen", O_WRONLY | O_APPEND) &&
           open_as("gone", O_RDWR) && unlink(in_directory("gone")) == 0 && open("/proc/self/status", O_RDONLY) >= 0 &&
           open("/dev/null", O_RDONLY) >= 0 && map("mapped");
}

/* A child that has this open, and stands still. */
static pid_t child_with_files(void)
{
    int ready[2];
    char byte;
    cr_assert_eq(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork_child();
    if (child == 0) {
        if (!open_files() || write(ready[1], "", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    (void)close(ready[1]); /* so that its death ends the reading */
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    (void)close(ready[0]);
    return child;
}

static void keep(struct fy_open_files *found, void *data)
{
    (void)data;
    files = *found;
}

static void collect(pid_t root)
{
    cr_assert_eq(fy_open_files_start(&loop, root, keep, NULL, NULL), 0);
    cr_assert_null(files.list, "the callback came before the start call had returned");
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
}

static const Ferry__Peer__OpenFile *found(const char *path)
{
    for (size_t i = 0; i < files.count; i++)
        if (!strcmp(files.list[i]->path, path))
            return files.list[i];
    return NULL;
}

Test(open_files, what_a_process_uses_by_name)
{
    char own[4096] = "";
    write_file("data", "12345", 5);
    pid_t child = child_with_files();
    collect(child);
    const Ferry__Peer__OpenFile *data = found(in_directory("data"));
    cr_assert(data && data->has_size_bytes && data->size_bytes == 5 && !data->has_build_id);
    const Ferry__Peer__OpenFile *log = found(in_directory("log"));
    cr_assert(log && !log->has_size_bytes, "a log grows");
    const Ferry__Peer__OpenFile *twoway = found(in_directory("twoway"));
    cr_assert(twoway && twoway->has_size_bytes, "what can be read, too, is no log");
    const Ferry__Peer__OpenFile *seen = found(in_directory("seen"));
    cr_assert(seen && seen->has_size_bytes, "another descriptor of it is no log's");
    const Ferry__Peer__OpenFile *mapped = found(in_directory("mapped"));
    cr_assert(mapped && mapped->size_bytes == 8192);
    const Ferry__Peer__OpenFile *cwd = found(directory);
    cr_assert(cwd && cwd->directory);
    cr_assert_null(found("/dev/null"));
    cr_assert_gt(readlink("/proc/self/exe", own, sizeof own - 1), 0);
    const Ferry__Peer__OpenFile *program = found(own);
    cr_assert(program && program->has_size_bytes && program->build_id.len == 20, "its linker gave it a SHA-1");
    for (size_t i = 0; i < files.count; i++) {
        cr_expect(!strstr(files.list[i]->path, "/gone") && strncmp(files.list[i]->path, "/proc/", 6) != 0);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(files.list[i]->path, files.list[j]->path);
    }
    cr_assert_eq(kill(child, SIGKILL), 0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
}

Test(open_files, of_a_process_that_is_gone)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    collect(child);
    cr_assert_eq(files.count, 0);
}

/* ---- build ids ---- */

struct elf {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Nhdr note;
    char name[4];
    uint8_t id[20];
};

static struct elf elf_with_id(uint8_t id)
{
    struct elf elf = {.header = {.e_ident = ELFMAG, .e_phoff = offsetof(struct elf, segment)}, .name = "GNU"};
    elf.header.e_ident[EI_CLASS] = ELFCLASS64;
    elf.header.e_phentsize = sizeof elf.segment;
    elf.header.e_phnum = 1;
    elf.segment.p_type = PT_NOTE;
    elf.segment.p_offset = offsetof(struct elf, note);
    elf.segment.p_filesz = sizeof elf - offsetof(struct elf, note);
    elf.note = (Elf64_Nhdr){.n_namesz = 4, .n_descsz = sizeof elf.id, .n_type = NT_GNU_BUILD_ID};
    memset(elf.id, id, sizeof elf.id);
    return elf;
}

static size_t id_bytes_of(const struct elf *elf, size_t size)
{
    struct fy_file_identity identity;
    write_file("elf", elf, size);
    cr_assert_eq(fy_file_identify(in_directory("elf"), &identity), 0);
    cr_assert_eq(identity.size_bytes, size);
    return identity.build_id_bytes;
}

Test(open_files, damaged_programs_have_no_build_id)
{
    struct elf whole = elf_with_id(7), elf = whole;
    cr_assert_eq(id_bytes_of(&whole, sizeof whole), 20);
    for (size_t size = 0; size < sizeof whole; size++)
        cr_expect_eq(id_bytes_of(&whole, size), 0, "cut at %zu", size);
    elf.header.e_phoff = UINT64_MAX - 8;
    cr_expect_eq(id_bytes_of(&elf, sizeof elf), 0);
    elf = whole;
    elf.header.e_phnum = UINT16_MAX;
    cr_expect_eq(id_bytes_of(&elf, sizeof elf), 0);
    elf = whole;
    elf.segment.p_offset = UINT64_MAX;
    cr_expect_eq(id_bytes_of(&elf, sizeof elf), 0);
    elf = whole;
    elf.segment.p_filesz = UINT64_MAX;
    cr_expect_eq(id_bytes_of(&elf, sizeof elf), 0);
    elf = whole;
    elf.note.n_descsz = UINT32_MAX;
    cr_expect_eq(id_bytes_of(&elf, sizeof elf), 0);
    elf = whole;
    elf.note.n_namesz = UINT32_MAX;
    cr_expect_eq(id_bytes_of(&elf, sizeof elf), 0);
}

/* ---- the destination ---- */

static void answered(const struct fy_preflight_item *answer, void *data)
{
    (void)data;
    item = *answer;
}

/* What is said of one file, with others that are the same. */
static void ask(Ferry__Peer__OpenFile *file, bool may_come)
{
    Ferry__Peer__Offer offer = FERRY__PEER__OFFER__INIT;
    Ferry__Peer__OpenFile root = FERRY__PEER__OPEN_FILE__INIT;
    root.path = (char *)"/";
    root.directory = true;
    offer.files = (Ferry__Peer__OpenFile *[]){&root, file, &root};
    offer.n_files = 3;
    offer.files_may_come = may_come;
    cr_assert_eq(fy_preflight_files_start(&loop, &offer, answered, NULL, NULL), 0);
    cr_assert_eq(uv_run(&loop, UV_RUN_DEFAULT), 0);
    cr_assert_str_eq(item.name, "files");
}

static void expect(Ferry__Peer__OpenFile *file, const char *words)
{
    ask(file, false);
    cr_expect_not(item.ok);
    cr_expect(strstr(item.detail, words), "'%s' is not in: %s", words, item.detail);
    cr_expect_neq(item.next[0], '\0');
    ask(file, true);
    cr_expect(item.ok && strstr(item.detail, words) && strstr(item.detail, "a hook may bring"), "%s", item.detail);
}

Test(open_files, what_is_not_the_same_is_named)
{
    Ferry__Peer__OpenFile file = FERRY__PEER__OPEN_FILE__INIT;
    struct elf ours = elf_with_id(1), theirs = elf_with_id(2);
    write_file("program", &ours, sizeof ours);
    char path[128];
    (void)snprintf(path, sizeof path, "%s", in_directory("program"));
    file.path = path;
    file.has_size_bytes = file.has_build_id = true;
    file.size_bytes = sizeof ours;
    file.build_id = (ProtobufCBinaryData){sizeof ours.id, ours.id};
    ask(&file, false);
    cr_assert(item.ok, "%s", item.detail);
    cr_expect_str_eq(item.detail, "the 3 that it uses are the same here");
    file.build_id.data = theirs.id;
    expect(&file, "program is of another build here");
    file.has_build_id = false;
    file.size_bytes++;
    expect(&file, "program has another size here");
    file.has_size_bytes = false;
    ask(&file, false);
    cr_assert(item.ok, "what is only appended to may have any size");
    file.directory = true;
    expect(&file, "is no directory here");
    file.directory = false;
    file.path = directory;
    expect(&file, "is a directory here");
    (void)snprintf(path, sizeof path, "%s", in_directory("program/below"));
    file.path = path;
    expect(&file, "is not here");
    cr_assert_eq(mkfifo(in_directory("fifo"), 0600), 0);
    (void)snprintf(path, sizeof path, "%s", in_directory("fifo"));
    expect(&file, "is not a file here");
}

Test(open_files, hostile_paths_are_printed_harmlessly)
{
    Ferry__Peer__OpenFile file = FERRY__PEER__OPEN_FILE__INIT;
    FY_AUTO_FREE char *path = malloc(4000);
    cr_assert_not_null(path);
    memset(path, 'x', 3999);
    memcpy(path, "/\033[2J\n", 6);
    memcpy(path + 3980, "\033]0;the end", 11);
    path[3999] = '\0';
    file.path = path;
    ask(&file, false);
    cr_expect_not(item.ok);
    cr_expect_null(strchr(item.detail, '\033'), "%s", item.detail);
    cr_expect(strstr(item.detail, "the end"), "%s", item.detail);
}
