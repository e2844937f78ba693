/* libFuzzer target: looking into a set, and all that can be asked of what is found. Aborts when a promise of explore.h
 * is broken. */
#include "archive.h"
#include "require.h"
#include <ferry/imgcore/explore.h>
#include <string.h>

#define MAX_ASKED 64
#define ARGUMENTS_LIMIT_BYTES 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask_tree(const struct fy_explore *explore)
{
    size_t count = fy_explore_task_count(explore);
    size_t *tasks = calloc(count + 1, sizeof(*tasks));
    unsigned *depths = calloc(count + 1, sizeof(*depths));
    bool *seen = calloc(count + 1, sizeof(*seen));

    require(tasks && depths && seen);
    require(fy_explore_tree(explore, tasks, depths, NULL) == 0);
    for (size_t i = 0; i < count; i++) {
        require(tasks[i] < count && !seen[tasks[i]]);
        require(i > 0 ? depths[i] <= depths[i - 1] + 1 : depths[i] == 0);
        seen[tasks[i]] = true;
    }
    free(tasks);
    free(depths);
    free(seen);
}

static void ask_memory(const struct fy_explore *explore, const struct fy_explore_task *task, struct fy_buf *text)
{
    struct fy_explore_resident *sums = calloc(task->mapping_count + 1, sizeof(*sums)), outside;
    struct fy_error err = FY_ERROR_INIT;
    int result = fy_explore_command_line(explore, task, ARGUMENTS_LIMIT_BYTES, text, &err);

    require(sums && (result < 0) == fy_error_is_set(&err));
    require(result <= 0 || (text->size <= ARGUMENTS_LIMIT_BYTES + 1 && text->data[text->size - 1] == '\0'));
    (void)fy_explore_residents(explore, task, sums, &outside, NULL);
    free(sums);
    for (size_t i = 0; i < task->mapping_count && i < MAX_ASKED; i++) {
        fy_buf_consume(text, text->size);
        require(fy_explore_mapping_text(explore, &task->mappings[i], text, NULL) == 0);
        require(text->size < 2 * ARGUMENTS_LIMIT_BYTES);
    }
}

static void ask_descriptors(const struct fy_explore *explore, const struct fy_explore_task *task)
{
    const struct fy_explore_table *table = task->has_ids ? fy_explore_find_table(explore, task->table_id) : NULL;

    require(!task->has_ids || (table && table->pid_count > 0));
    for (size_t i = 0; table && i < table->descriptor_count && i < MAX_ASKED; i++) {
        const struct fy_explore_descriptor *descriptor = &table->descriptors[i];
        const struct fy_explore_holder *holders;
        bool is_found = false;
        size_t count;
        holders = fy_explore_holders(explore, descriptor->file_type, descriptor->file_id, &count);
        for (size_t j = 0; j < count && !is_found; j++)
            is_found = holders[j].table_id == table->id && holders[j].fd == descriptor->fd;
        require(is_found);
    }
}

static void ask_files(const struct fy_explore *explore, struct fy_buf *text)
{
    for (size_t i = 0; i < fy_explore_file_count(explore) && i < MAX_ASKED; i++) {
        const struct fy_explore_file *file = fy_explore_file(explore, i);
        const struct fy_explore_file *found = fy_explore_find_file(explore, file->type, file->id);
        require(found && found->type == file->type && found->id == file->id);
        fy_buf_consume(text, text->size);
        require(fy_explore_file_text(explore, file->type, file->id, text, NULL) == 0);
        require(text->size > 0 && !memchr(text->data, '\0', text->size));
    }
    for (size_t i = 0; i < fy_explore_socket_count(explore); i++)
        (void)fy_socket_state_name(fy_explore_socket(explore, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    struct fy_explore *explore = NULL;
    struct fy_buf text;

    fy_buf_init(&text, 0);
    archive_parse(&archive, data, size);
    require(fy_explore_open(archive_unpack(&archive),
                            FY_EXPLORE_DESCRIPTORS | FY_EXPLORE_QUEUES | FY_EXPLORE_MAPPINGS | FY_EXPLORE_COMMANDS,
                            &explore, NULL) == 0);
    ask_tree(explore);
    for (size_t i = 0; i < fy_explore_task_count(explore) && i < MAX_ASKED; i++) {
        fy_buf_consume(&text, text.size);
        ask_memory(explore, fy_explore_task(explore, i), &text);
        ask_descriptors(explore, fy_explore_task(explore, i));
    }
    ask_files(explore, &text);
    require(fy_explore_trouble_count(explore) <= 100);
    fy_buf_done(&text);
    fy_explore_free(explore);
    return 0;
}
