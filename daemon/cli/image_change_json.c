/* What changed, for programs: every task and mapping, different or not; of descriptors those that differ. */
#include "explore_print.h"
#include "image_change.h"
#include "image_place.h"

#include <ferry/base/cleanup.h>
#include <string.h>

static void add_text(struct fy_json *json, const char *key, char *text)
{
    fy_json_string(json, key, text);
    free(text);
}

static void add_pages(struct fy_json *json, const struct fy_diff_pages *pages)
{
    fy_json_open_object(json, "pages");
    fy_json_uint(json, "equal", pages->equal);
    fy_json_uint(json, "changed", pages->changed);
    fy_json_uint(json, "zeroed", pages->zeroed);
    fy_json_uint(json, "only_a", pages->only_a);
    fy_json_uint(json, "only_b", pages->only_b);
    fy_json_uint(json, "unknown", pages->unknown);
    fy_json_close_object(json);
}

/* ["state", …] */
static void add_changes(struct fy_json *json, unsigned changes)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {
        {FY_DIFF_STATE, "state"},     {FY_DIFF_COMMAND, "command"}, {FY_DIFF_PARENT, "parent"},
        {FY_DIFF_THREADS, "threads"}, {FY_DIFF_FILE, "file"},       {FY_DIFF_POSITION, "position"},
        {FY_DIFF_FLAGS, "flags"},     {FY_DIFF_SIZE, "size"},       {FY_DIFF_PROTECTION, "protection"},
    };
    fy_json_open_array(json, "changes");
    for (size_t i = 0; i < FY_ARRAY_SIZE(names); i++)
        if (changes & names[i].bit)
            fy_json_string(json, NULL, names[i].name);
    fy_json_close_array(json);
}

static const char *presence(bool in_a, bool in_b, const char *new, const char *gone)
{
    return in_a && in_b ? "both" : in_b ? new : gone;
}

static void add_descriptor_side(struct fy_json *json, const char *key, const struct fy_explore *explore,
                                const struct fy_explore_descriptor *descriptor)
{
    const struct fy_explore_file *file =
        descriptor ? fy_explore_find_file(explore, descriptor->file_type, descriptor->file_id) : NULL;
    if (!descriptor) {
        fy_json_null(json, key);
        return;
    }
    fy_json_open_object(json, key);
    fy_json_string(json, "type", fy_explore_type_name(descriptor->file_type));
    add_text(json, "file", change_file_text(explore, descriptor));
    fy_json_bool(json, "close_on_exec", descriptor->close_on_exec);
    if (file && file->has_position)
        fy_json_uint(json, "position_bytes", file->position_bytes);
    if (file && file->has_flags)
        fy_json_uint(json, "flags", file->flags);
    if (file && file->socket)
        fy_json_string(json, "state", change_socket_state(explore, descriptor));
    fy_json_close_object(json);
}

static void add_descriptor(struct fy_json *json, const struct change_printer *printer,
                           const struct fy_diff_descriptor *row)
{
    fy_json_open_object(json, NULL);
    fy_json_uint(json, "fd", row->b ? row->b->fd : row->a->fd);
    fy_json_string(json, "is", presence(row->a, row->b, "opened", "closed"));
    add_changes(json, row->changes);
    add_descriptor_side(json, "a", printer->a, row->a);
    add_descriptor_side(json, "b", printer->b, row->b);
    fy_json_close_object(json);
}

static void add_mapping(struct fy_json *json, const struct change_printer *printer, const struct fy_diff_mapping *row)
{
    fy_json_open_object(json, NULL);
    fy_json_string(json, "is", presence(row->a, row->b, "new", "gone"));
    add_changes(json, row->changes);
    image_mapping_json(json, "a", printer->a, row->a);
    image_mapping_json(json, "b", printer->b, row->b);
    add_pages(json, &row->pages);
    fy_json_close_object(json);
}

static void add_task_side(struct fy_json *json, const char *key, const struct fy_explore_task *task,
                          const char *command)
{
    if (!task) {
        fy_json_null(json, key);
        return;
    }
    fy_json_open_object(json, key);
    fy_json_string(json, "comm", task->comm);
    fy_json_string(json, "command", command);
    fy_json_string(json, "state", change_state_text(task->state));
    fy_json_uint(json, "parent", task->ppid);
    fy_json_uint(json, "threads", task->thread_count);
    fy_json_close_object(json);
}

static void add_task(struct fy_json *json, const struct change_printer *printer, const struct fy_diff_task *task)
{
    fy_json_open_object(json, NULL);
    fy_json_uint(json, "pid", task->pid);
    fy_json_string(json, "is", presence(task->a, task->b, "new", "gone"));
    fy_json_bool(json, "differs", fy_diff_task_differs(task));
    add_changes(json, task->changes);
    add_task_side(json, "a", task->a, task->command_a);
    add_task_side(json, "b", task->b, task->command_b);
    fy_json_bool(json, "descriptors_compared", task->descriptors_compared);
    fy_json_open_array(json, "descriptors");
    for (size_t i = 0; i < task->descriptor_count; i++)
        add_descriptor(json, printer, &task->descriptors[i]);
    fy_json_close_array(json);
    fy_json_bool(json, "mappings_compared", task->mappings_compared);
    fy_json_open_array(json, "mappings");
    for (size_t i = 0; i < task->mapping_count; i++)
        add_mapping(json, printer, &task->mappings[i]);
    fy_json_close_array(json);
    fy_json_uint(json, "page_bytes", task->page_bytes);
    add_pages(json, &task->pages);
    fy_json_close_object(json);
}

static void add_shared(struct fy_json *json, const struct fy_diff_shared *row)
{
    fy_json_open_object(json, NULL);
    fy_json_string(json, "is", presence(row->in_a, row->in_b, "new", "gone"));
    if (row->in_a)
        fy_json_uint(json, "number_a", row->memory_a);
    if (row->in_b)
        fy_json_uint(json, "number_b", row->memory_b);
    fy_json_uint(json, "page_bytes", row->page_bytes);
    add_pages(json, &row->pages);
    fy_json_close_object(json);
}

void change_json(const struct change_printer *printer, struct fy_json *json)
{
    const struct fy_diff *diff = printer->diff;
    fy_json_open_array(json, "tasks");
    for (size_t i = 0; i < diff->task_count; i++)
        add_task(json, printer, &diff->tasks[i]);
    fy_json_close_array(json);
    fy_json_open_array(json, "shared_memory");
    for (size_t i = 0; i < diff->shared_count; i++)
        add_shared(json, &diff->shared[i]);
    fy_json_close_array(json);
    add_pages(json, &diff->pages);
    fy_json_uint(json, "send_bytes", diff->send_bytes);
    fy_json_uint(json, "stored_bytes_b", diff->stored_bytes_b);
}
