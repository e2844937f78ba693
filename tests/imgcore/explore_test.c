/* Looking into sets: what real ones say, and what is left to see of damaged, old and hostile ones. */
#include "scratch.h"
#include <criterion/criterion.h>
#include <criu/core.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/mm.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <criu/pstree.pb-c.h>
#include <criu/sockets-unix.pb-c.h>
#include <dirent.h>
#include <fcntl.h>
#include <ferry/imgcore/catalogue.h>
#include <ferry/imgcore/explore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ALL_PARTS (FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_QUEUES | FY_EXPLORE_MAPPINGS | FY_EXPLORE_COMMANDS)

static struct scratch set;
static struct made made;

static struct fy_explore *look(unsigned parts)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_explore *explore = NULL;

    cr_assert_eq(fy_explore_open(set.fd, parts, &explore, &err), 0, "%s", err.message);
    return explore;
}

static struct fy_explore *look_at(const char *name)
{
    scratch_copy(&set, name);
    return look(ALL_PARTS);
}

static void done(struct fy_explore *explore)
{
    fy_explore_free(explore);
    scratch_done(&set);
}

static const struct fy_explore_task *task_of(const struct fy_explore *explore, uint32_t pid)
{
    size_t i = 0;

    while (i < fy_explore_task_count(explore) && fy_explore_task(explore, i)->pid != pid)
        i++;
    cr_assert_lt(i, fy_explore_task_count(explore), "no task %u", pid);
    return fy_explore_task(explore, i);
}

static bool has_trouble(const struct fy_explore *explore, const char *part)
{
    for (size_t i = 0; i < fy_explore_trouble_count(explore); i++)
        if (strstr(fy_explore_trouble(explore, i), part))
            return true;
    return false;
}

/* The text of a file, valid until the next call. */
static const char *text_of(const struct fy_explore *explore, int type, uint32_t id)
{
    static char kept[8192];
    struct fy_buf text;

    fy_buf_init(&text, 0);
    cr_assert_eq(fy_explore_file_text(explore, type, id, &text, NULL), 0);
    cr_assert_eq(fy_buf_append(&text, "", 1, NULL), 0);
    (void)snprintf(kept, sizeof(kept), "%s", (const char *)text.data);
    fy_buf_done(&text);
    return kept;
}

/* ---- real sets ---- */

Test(explore, a_zombie_has_a_name_and_no_threads)
{
    struct fy_explore *explore = look_at("zombies");
    const struct fy_explore_task *zombie = task_of(explore, 1803), *alive = task_of(explore, 50);

    cr_expect_eq(fy_explore_trouble_count(explore), 0, "%s", fy_explore_trouble(explore, 0));
    cr_expect(zombie->state == FY_TASK_ZOMBIE && zombie->thread_count == 0 && !zombie->has_ids && !zombie->has_mm);
    cr_expect_str_eq(zombie->comm, "fork");
    cr_expect(alive->state == FY_TASK_ALIVE && alive->thread_count == 1 && alive->has_credentials);
    cr_expect_gt(alive->mapping_count, 10);
    done(explore);
}

Test(explore, threads_tables_and_pipes)
{
    struct fy_explore *explore = look_at("threads");
    const struct fy_explore_task *task = task_of(explore, 67);
    const struct fy_explore_table *table = fy_explore_find_table(explore, task->table_id);
    size_t count;

    cr_expect_eq(task->thread_count, 2);
    cr_assert(table && table->is_there && table->pid_count == 1 && table->pids[0] == 67);
    cr_assert_eq(table->descriptor_count, 8);
    cr_expect_str_eq(text_of(explore, table->descriptors[0].file_type, table->descriptors[0].file_id), "/dev/null");
    cr_expect_str_eq(text_of(explore, table->descriptors[5].file_type, table->descriptors[5].file_id), "pipe[161123]");
    (void)fy_explore_holders(explore, FD_TYPES__REG, table->descriptors[1].file_id, &count);
    cr_expect_eq(count, 2);
    (void)fy_explore_holders(explore, FD_TYPES__REG, 0xffffffff, &count);
    cr_expect_eq(count, 0);
    cr_expect_null(fy_explore_find_table(explore, 99));
    done(explore);
}

Test(explore, sockets_have_addresses_states_and_owners)
{
    struct fy_explore *explore = look_at("tcp");
    const struct fy_explore_socket *waiting = fy_explore_socket(explore, 0), *listening;
    const struct fy_explore_holder *holders;
    size_t count;

    cr_assert_eq(fy_explore_socket_count(explore), 3);
    listening = fy_explore_socket(explore, 2);
    cr_expect_str_eq(waiting->local, "127.0.0.1:8880");
    cr_expect_str_eq(waiting->remote, "127.0.0.1:50938");
    cr_expect_str_eq(fy_socket_state_name(waiting), "close-wait");
    cr_expect_str_eq(fy_socket_protocol_name(waiting->family, waiting->type, waiting->protocol), "tcp");
    cr_expect(listening->is_listening && !listening->remote);
    holders = fy_explore_holders(explore, waiting->file_type, waiting->file_id, &count);
    cr_expect(count == 1 && holders[0].fd == 3);
    done(explore);
}

Test(explore, what_waits_in_sockets_is_counted)
{
    struct fy_explore *explore = look_at("in-flight");
    uint64_t bytes = 0;

    for (size_t i = 0; i < fy_explore_socket_count(explore); i++)
        bytes += fy_explore_socket(explore, i)->receive_bytes;
    cr_expect_eq(bytes, 1);
    cr_expect_eq(fy_explore_trouble_count(explore), 0);
    done(explore);
}

Test(explore, a_missing_stream_is_a_trouble_only_when_queues_are_asked_for)
{
    struct fy_explore *explore;

    scratch_copy(&set, "tcp");
    scratch_remove(&set, "tcp-stream-7b070.img");
    explore = look(FY_EXPLORE_DESCRIPTORS);
    cr_expect_eq(fy_explore_trouble_count(explore), 0);
    fy_explore_free(explore);
    explore = look(FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_QUEUES);
    cr_expect(has_trouble(explore, "tcp-stream-7b070.img is missing"));
    done(explore);
}

Test(explore, tasks_of_32_bits_have_pages_and_arguments)
{
    struct fy_explore *explore = look_at("32bit");
    const struct fy_explore_task *task = task_of(explore, 70);
    struct fy_explore_resident *sums = calloc(task->mapping_count, sizeof(*sums)), outside, total = {0};

    cr_expect(task->page_bytes == 4096 && task->arguments_end > task->arguments_start &&
              task->arguments_end < UINT32_MAX);
    cr_assert_eq(fy_explore_residents(explore, task, sums, &outside, NULL), 0);
    for (size_t i = 0; i < task->mapping_count; i++)
        total.stored_pages += sums[i].stored_pages;
    cr_expect_eq(outside.stored_pages, 0);
    cr_expect(total.stored_pages > 10 && total.parent_pages == 0);
    free(sums);
    done(explore);
}

static int sum_lazy(void *data, const struct fy_explore_pages *pages, struct fy_error *err)
{
    (void)err;
    if (pages->is_lazy)
        *(uint64_t *)data += pages->pages;
    return 0;
}

Test(explore, lazy_pages_are_said_to_be_lazy)
{
    struct fy_explore *explore = look_at("lazy");
    uint64_t lazy = 0;

    cr_assert_eq(fy_explore_each_pages(explore, 5, sum_lazy, &lazy, NULL), 0);
    cr_expect_gt(lazy, 0);
    done(explore);
}

Test(explore, a_pre_dump_has_one_trouble_beside_its_tree)
{
    struct fy_explore *explore = look_at("pre-dump");

    cr_expect_eq(fy_explore_task_count(explore), 1);
    cr_expect_eq(fy_explore_trouble_count(explore), 1);
    cr_expect(has_trouble(explore, "pre-dump"));
    done(explore);
}

Test(explore, shared_memory_has_one_number_in_all_tasks)
{
    struct fy_explore *explore = look_at("shared-memory");
    size_t numbered = 0;

    for (size_t i = 0; i < fy_explore_task_count(explore); i++) {
        const struct fy_explore_task *task = fy_explore_task(explore, i);
        for (size_t j = 0; j < task->mapping_count; j++)
            numbered += task->mappings[j].shared_by_number == 1;
    }
    cr_expect_gt(numbered, 0);
    done(explore);
}

Test(explore, the_mapped_memory_file_has_its_name)
{
    struct fy_explore *explore = look_at("shared-memory");
    size_t found = 0;

    for (size_t i = 0; i < fy_explore_task_count(explore); i++) {
        const struct fy_explore_task *task = fy_explore_task(explore, i);
        for (size_t j = 0; j < task->mapping_count; j++) {
            struct fy_buf text;
            if (!(task->mappings[j].status & FY_MAPPING_MEMFD))
                continue;
            fy_buf_init(&text, 0);
            cr_assert_eq(fy_explore_mapping_text(explore, &task->mappings[j], &text, NULL), 0);
            cr_expect(text.size >= 9 && memcmp(text.data, "/dev/zero", 9) == 0);
            fy_buf_done(&text);
            found++;
        }
    }
    cr_expect_gt(found, 0);
    done(explore);
}

/* ---- damage ---- */

Test(explore, what_is_missing_is_said_and_the_rest_is_there)
{
    static const char *const gone[] = {"fdinfo-2.img", "files.img",   "fs-67.img",    "mm-67.img",
                                       "ids-67.img",   "core-67.img", "inventory.img"};

    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        scratch_copy(&set, "threads");
        scratch_remove(&set, gone[i]);
        struct fy_explore *explore = look(ALL_PARTS);
        cr_expect(has_trouble(explore, gone[i]), "%s", gone[i]);
        cr_expect_eq(fy_explore_task_count(explore), 1);
        done(explore);
    }
}

Test(explore, without_a_tree_tasks_are_found_by_their_images)
{
    scratch_copy(&set, "threads");
    scratch_remove(&set, "pstree.img");
    struct fy_explore *explore = look(ALL_PARTS);

    cr_expect(has_trouble(explore, "pstree.img is missing"));
    cr_assert_eq(fy_explore_task_count(explore), 1);
    cr_expect_eq(fy_explore_task(explore, 0)->pid, 67);
    cr_expect_str_eq(fy_explore_task(explore, 0)->comm, "cgroup_threads");
    done(explore);
}

Test(explore, entries_before_a_damage_count)
{
    struct fy_explore *explore;
    uint64_t size;

    scratch_copy(&set, "threads");
    size = scratch_size(&set, "fdinfo-2.img");
    scratch_resize(&set, "fdinfo-2.img", size - 1);
    explore = look(FY_EXPLORE_DESCRIPTORS);
    cr_expect(has_trouble(explore, "fdinfo-2.img"));
    cr_expect_eq(fy_explore_find_table(explore, 2)->descriptor_count, 7);
    done(explore);
}

Test(explore, no_directory_full_of_troubles_is_shown_whole)
{
    PstreeEntry task = PSTREE_ENTRY__INIT;
    struct fy_explore *explore;

    scratch_make(&set);
    made_magic(&made, 0x50273030);
    for (uint32_t i = 1; i <= 300; i++) {
        task.pid = i;
        task.ppid = i - 1;
        made_entry(&made, &task);
    }
    scratch_write(&set, "pstree.img", made.data, made.size);
    explore = look(0);
    cr_expect_eq(fy_explore_task_count(explore), 300);
    cr_expect_eq(fy_explore_trouble_count(explore), 100);
    cr_expect_str_eq(fy_explore_trouble(explore, 99), "and 202 more");
    done(explore);
}

/* ---- the tree ---- */

static void write_tree(const uint32_t (*links)[2], size_t count)
{
    PstreeEntry task = PSTREE_ENTRY__INIT;

    made_magic(&made, 0x50273030);
    for (size_t i = 0; i < count; i++) {
        task.pid = links[i][0];
        task.ppid = links[i][1];
        made_entry(&made, &task);
    }
    scratch_write(&set, "pstree.img", made.data, made.size);
}

Test(explore, every_task_is_in_the_tree_once)
{
    /* A root, children, a grandchild; an orphan; one that is its own parent; two that are each other's; a double. */
    static const uint32_t links[][2] = {{1, 0}, {5, 1}, {6, 5}, {7, 1}, {20, 99}, {30, 30}, {40, 41}, {41, 40}, {6, 5}};
    static const size_t order[] = {0, 1, 2, 8, 3, 4, 5, 6, 7};
    static const unsigned expected[] = {0, 1, 2, 2, 1, 0, 0, 0, 1};
    size_t tasks[9];
    unsigned depths[9];
    struct fy_explore *explore;

    scratch_make(&set);
    write_tree(links, 9);
    explore = look(0);
    cr_assert_eq(fy_explore_tree(explore, tasks, depths, NULL), 0);
    for (size_t i = 0; i < 9; i++)
        cr_expect(tasks[i] == order[i] && depths[i] == expected[i], "%zu: task %zu at %u", i, tasks[i], depths[i]);
    done(explore);
}

/* ---- arguments ---- */

static void write_task_with_arguments(uint64_t start, uint64_t end)
{
    static const uint32_t links[][2] = {{5, 0}};
    PagemapHead head = PAGEMAP_HEAD__INIT;
    PagemapEntry run = PAGEMAP_ENTRY__INIT;
    MmEntry mm = MM_ENTRY__INIT;

    write_tree(links, 1);
    made_magic(&made, 0x56084025);
    head.pages_id = 1;
    made_entry(&made, &head);
    run.vaddr = 0x10000;
    run.has_nr_pages = true;
    run.nr_pages = 2;
    made_entry(&made, &run);
    scratch_write(&set, "pagemap-5.img", made.data, made.size);
    mm.mm_arg_start = start;
    mm.mm_arg_end = end;
    made_magic(&made, 0x57492820);
    made_entry(&made, &mm);
    scratch_write(&set, "mm-5.img", made.data, made.size);
}

static int command_line(size_t limit, char *into, size_t *size)
{
    struct fy_explore *explore = look(FY_EXPLORE_COMMANDS);
    struct fy_buf text;
    int result;

    fy_buf_init(&text, 0);
    result = fy_explore_command_line(explore, fy_explore_task(explore, 0), limit, &text, NULL);
    *size = text.size;
    if (text.size > 0)
        memcpy(into, text.data, text.size);
    fy_buf_done(&text);
    fy_explore_free(explore);
    return result;
}

Test(explore, arguments_are_read_over_a_page_border)
{
    static const char said[] = "prog\0--all\0x";
    uint8_t *pages = calloc(1, 8192);
    char text[64];
    size_t size;

    scratch_make(&set);
    memcpy(pages + 4096 - 3, said, sizeof(said));
    write_task_with_arguments(0x10ffd, 0x10ffd + sizeof(said));
    scratch_write(&set, "pages-1.img", pages, 8192);
    cr_assert_eq(command_line(1000, text, &size), 1);
    cr_expect(size == sizeof(said) && memcmp(text, said, size) == 0);
    cr_assert_eq(command_line(3, text, &size), 1);
    cr_expect(size == 4 && memcmp(text, "pro", 4) == 0);
    free(pages);
    scratch_done(&set);
}

Test(explore, arguments_that_are_not_there)
{
    char text[64];
    size_t size;

    scratch_make(&set);
    write_task_with_arguments(0x10000, 0x10010);
    cr_expect_eq(command_line(60, text, &size), -1); /* no pages file */
    scratch_write(&set, "pages-1.img", "", 0);
    scratch_resize(&set, "pages-1.img", 8192);
    cr_expect_eq(command_line(60, text, &size), 0); /* zero */
    write_task_with_arguments(0x50000, 0x50010);
    cr_expect_eq(command_line(60, text, &size), 0); /* not in the set */
    write_task_with_arguments(0x10010, 0x10000);
    cr_expect_eq(command_line(60, text, &size), 0); /* ends before it begins */
    write_task_with_arguments(0x10010, UINT64_MAX);
    cr_expect_eq(command_line(60, text, &size), 0);
    scratch_done(&set);
}

/* ---- names ---- */

static void add_unix(uint32_t id, uint32_t inode, uint32_t peer, const char *name, size_t name_size)
{
    FownEntry owner = FOWN_ENTRY__INIT;
    SkOptsEntry opts = SK_OPTS_ENTRY__INIT;
    UnixSkEntry socket = UNIX_SK_ENTRY__INIT;
    FileEntry file = FILE_ENTRY__INIT;

    socket.id = file.id = id;
    socket.ino = inode;
    socket.peer = peer;
    socket.type = SOCK_STREAM;
    socket.state = 1;
    socket.fown = &owner;
    socket.opts = &opts;
    socket.name.data = (uint8_t *)name;
    socket.name.len = name_size;
    file.type = FD_TYPES__UNIXSK;
    file.usk = &socket;
    made_entry(&made, &file);
}

Test(explore, unix_sockets_with_names_of_all_kinds)
{
    static const uint32_t links[][2] = {{5, 0}};
    char endless[5000];
    struct fy_explore *explore;

    memset(endless, 'x', sizeof(endless));
    scratch_make(&set);
    write_tree(links, 1);
    made_magic(&made, 0x56303138);
    add_unix(1, 11, 12, "\0abc\0d", 6);
    add_unix(2, 12, 11, "/run/a=b \x1b\xff", 11);
    add_unix(3, 13, 99, endless, sizeof(endless));
    scratch_write(&set, "files.img", made.data, made.size);
    explore = look(FY_EXPLORE_DESCRIPTORS);
    cr_expect_str_eq(text_of(explore, FD_TYPES__UNIXSK, 1), "unix[11 (12) =00abc=00d]");
    cr_expect_str_eq(text_of(explore, FD_TYPES__UNIXSK, 2), "unix[12 (11) /run/a=3Db =1B=FF]");
    cr_expect_lt(strlen(text_of(explore, FD_TYPES__UNIXSK, 3)), 300);
    cr_expect_str_eq(text_of(explore, FD_TYPES__UNIXSK, 4), "unix[?]");
    cr_expect_str_eq(text_of(explore, FD_TYPES__PIPE, 4), "pipe[?]");
    cr_expect_str_eq(text_of(explore, FD_TYPES__REG, 4), "unknown path");
    cr_expect_str_eq(text_of(explore, FD_TYPES__TTY, 4), "TTY.4");
    cr_expect_str_eq(text_of(explore, 77, 4), "77.4");
    cr_expect_str_eq(fy_explore_find_file(explore, FD_TYPES__UNIXSK, 1)->socket->local, "@abc@d");
    cr_expect_str_eq(fy_explore_find_file(explore, FD_TYPES__UNIXSK, 2)->socket->remote, "@abc@d");
    cr_expect_null(fy_explore_find_file(explore, FD_TYPES__UNIXSK, 3)->socket->remote);
    done(explore);
}

/* ---- by rote ---- */

static int visit_nothing(void *data, const struct fy_explore_pages *pages, struct fy_error *err)
{
    (void)data;
    (void)pages;
    (void)err;
    return 0;
}

/* Asks for everything there is; the sanitizers judge. */
static void ask_all(void)
{
    struct fy_explore *explore = look(ALL_PARTS);
    size_t count = fy_explore_task_count(explore), *tasks = calloc(count + 1, sizeof(*tasks));
    unsigned *depths = calloc(count + 1, sizeof(*depths));
    struct fy_buf text;

    fy_buf_init(&text, 0);
    cr_assert_eq(fy_explore_tree(explore, tasks, depths, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        const struct fy_explore_task *task = fy_explore_task(explore, i);
        struct fy_explore_resident *sums = calloc(task->mapping_count + 1, sizeof(*sums)), outside;
        (void)fy_explore_command_line(explore, task, 4096, &text, NULL);
        (void)fy_explore_each_pages(explore, task->pid, visit_nothing, NULL, NULL);
        (void)fy_explore_residents(explore, task, sums, &outside, NULL);
        for (size_t j = 0; j < task->mapping_count; j++)
            cr_assert_eq(fy_explore_mapping_text(explore, &task->mappings[j], &text, NULL), 0);
        free(sums);
    }
    for (size_t i = 0; i < fy_explore_file_count(explore); i++) {
        const struct fy_explore_file *file = fy_explore_file(explore, i);
        cr_assert_eq(fy_explore_file_text(explore, file->type, file->id, &text, NULL), 0);
    }
    fy_buf_done(&text);
    free(tasks);
    free(depths);
    fy_explore_free(explore);
}

static size_t list_images(char (*names)[64], size_t room)
{
    DIR *dir = fdopendir(openat(set.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct dirent *entry;
    size_t count = 0;

    cr_assert_not_null(dir);
    while ((entry = readdir(dir)) != NULL && count < room)
        if (fy_catalogue_find(entry->d_name, NULL))
            (void)snprintf(names[count++], 64, "%.63s", entry->d_name);
    (void)closedir(dir);
    return count;
}

static void damage(const char *name)
{
    uint64_t whole = scratch_size(&set, name);

    if (strncmp(name, "pages-", 6) == 0 || whole == 0)
        return;
    size_t size;
    uint8_t *content = scratch_read(&set, name, &size);
    scratch_remove(&set, name);
    ask_all();
    for (size_t cut = 1; cut < size; cut += size / 7 + 1) {
        scratch_write(&set, name, content, size - cut);
        ask_all();
    }
    for (size_t at = 8; at < size; at += size / 23 + 1) {
        scratch_write(&set, name, content, size);
        scratch_set_byte(&set, name, at, (uint8_t)(content[at] + 0x55));
        ask_all();
    }
    scratch_write(&set, name, content, size);
    free(content);
}

Test(explore, no_damage_by_rote_ends_it)
{
    static const char *const names[] = {"threads", "tcp", "shared-memory", "in-flight", "lazy"};
    static char images[128][64];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        scratch_copy(&set, names[i]);
        size_t count = list_images(images, 128);
        cr_expect_gt(count, 10);
        for (size_t j = 0; j < count; j++)
            damage(images[j]);
        ask_all();
        scratch_done(&set);
    }
}
