/* What changed, for people: a block for each task that differs, a line for each thing in it. */
#include "image_change.h"
#include "image_place.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- words ---- */

const char *change_state_text(enum fy_task_state state)
{
    const char *name = fy_explore_state_name(state);
    return name ? name : "unknown";
}

static const struct fy_explore_file *file_of(const struct fy_explore *explore,
                                             const struct fy_explore_descriptor *descriptor)
{
    return fy_explore_find_file(explore, descriptor->file_type, descriptor->file_id);
}

const char *change_socket_state(const struct fy_explore *explore, const struct fy_explore_descriptor *descriptor)
{
    const struct fy_explore_file *file = file_of(explore, descriptor);
    const char *name = file && file->socket ? fy_socket_state_name(file->socket) : NULL;
    return name ? name : "";
}

char *change_file_text(const struct fy_explore *explore, const struct fy_explore_descriptor *descriptor)
{
    struct fy_buf text;
    char *shown = NULL;
    const struct fy_explore_file *file = file_of(explore, descriptor);
    const struct fy_explore_socket *socket = file ? file->socket : NULL;
    fy_buf_init(&text, 0);
    int status = fy_explore_file_text(explore, descriptor->file_type, descriptor->file_id, &text, NULL);
    if (status == 0 && socket && socket->local)
        status = fy_buf_printf(&text, NULL, " %s", socket->local);
    if (status == 0 && socket && socket->remote)
        status = fy_buf_printf(&text, NULL, " to %s", socket->remote);
    if (status == 0)
        shown = fy_text_printable((const char *)text.data, text.size);
    fy_buf_done(&text);
    return shown;
}

static const char *or_unknown(const char *text)
{
    return text ? text : "(unknown)";
}

/* "; " between the parts of a line, ": " in front of the first. */
static const char *separator(bool *is_first)
{
    const char *text = *is_first ? ": " : "; ";
    *is_first = false;
    return text;
}

static void print_pages(const struct fy_diff_pages *pages, const char *before_first)
{
    const struct {
        uint64_t count;
        const char *what;
    } kinds[] = {
        {pages->changed, "changed"},  {pages->zeroed, "became zero"}, {pages->only_a, "only in A"},
        {pages->only_b, "only in B"}, {pages->unknown, "not known"},
    };
    const char *before = before_first;
    for (size_t i = 0; i < FY_ARRAY_SIZE(kinds); i++) {
        if (!kinds[i].count)
            continue;
        (void)printf("%s%" PRIu64 " page%s %s", before, kinds[i].count, kinds[i].count == 1 ? "" : "s", kinds[i].what);
        before = ", ";
    }
}

/* ---- descriptors ---- */

static void print_pair(const struct change_printer *printer, const struct fy_diff_descriptor *row, const char *name_a,
                       const char *name_b)
{
    bool is_first = true;
    const struct fy_explore_file *a = file_of(printer->a, row->a), *b = file_of(printer->b, row->b);
    (void)printf("  descriptor %" PRIu32 " %s", row->b->fd, or_unknown(name_b));
    if (row->changes & FY_DIFF_FILE)
        (void)printf("%swas %s", separator(&is_first), or_unknown(name_a));
    if (row->changes & FY_DIFF_POSITION)
        (void)printf("%sposition %" PRIu64 " -> %" PRIu64, separator(&is_first), a->position_bytes, b->position_bytes);
    if (row->changes & FY_DIFF_STATE)
        (void)printf("%sstate %s -> %s", separator(&is_first), change_socket_state(printer->a, row->a),
                     change_socket_state(printer->b, row->b));
    if (row->changes & FY_DIFF_FLAGS)
        (void)printf("%sother flags", separator(&is_first));
    (void)putchar('\n');
}

static void print_descriptor(const struct change_printer *printer, const struct fy_diff_descriptor *row)
{
    FY_AUTO_FREE char *name_a = row->a ? change_file_text(printer->a, row->a) : NULL;
    FY_AUTO_FREE char *name_b = row->b ? change_file_text(printer->b, row->b) : NULL;
    if (row->a && row->b)
        print_pair(printer, row, name_a, name_b);
    else if (row->b)
        (void)printf("  descriptor %" PRIu32 " %s: opened\n", row->b->fd, or_unknown(name_b));
    else
        (void)printf("  descriptor %" PRIu32 " %s: closed\n", row->a->fd, or_unknown(name_a));
}

/* ---- mappings ---- */

static void print_range_change(const struct fy_diff_mapping *row, bool *is_first)
{
    char before[IMAGE_PROTECTION_SIZE], size_a[FY_TEXT_SIZE], size_b[FY_TEXT_SIZE];
    if (!row->a || !row->b) {
        fy_text_bytes(row->b ? row->b->end - row->b->start : row->a->end - row->a->start, size_b);
        (void)printf("%s%s, %s", separator(is_first), row->b ? "new" : "gone", size_b);
        return;
    }
    if (row->changes & FY_DIFF_SIZE) {
        fy_text_bytes(row->a->end - row->a->start, size_a);
        fy_text_bytes(row->b->end - row->b->start, size_b);
        (void)printf("%swas %" PRIx64 "-%" PRIx64 ", %s -> %s", separator(is_first), row->a->start, row->a->end, size_a,
                     size_b);
    }
    if (row->changes & FY_DIFF_PROTECTION) {
        image_protection_text(row->a, before);
        (void)printf("%sprotection was %s", separator(is_first), before);
    }
}

static void print_mapping(const struct change_printer *printer, const struct fy_diff_mapping *row, bool is_compared)
{
    bool is_first = true, is_changed = is_compared && (!row->a || !row->b || row->changes);
    char protection[IMAGE_PROTECTION_SIZE];
    const struct fy_explore_mapping *shown = row->b ? row->b : row->a;
    if (!is_changed && !fy_diff_pages_differ(&row->pages))
        return;
    FY_AUTO_FREE char *what = image_mapping_text(row->b ? printer->b : printer->a, shown);
    image_protection_text(shown, protection);
    (void)printf("  %" PRIx64 "-%" PRIx64 " %s %s", shown->start, shown->end, protection, or_unknown(what));
    if (is_changed)
        print_range_change(row, &is_first);
    print_pages(&row->pages, is_first ? ": " : "; ");
    (void)putchar('\n');
}

/* ---- tasks ---- */

static void print_name(const struct fy_diff_task *task)
{
    char comm[64];
    const struct fy_explore_task *shown = task->b ? task->b : task->a;
    fy_text_copy_printable(comm, sizeof(comm), shown->comm);
    (void)printf("task %" PRIu32 "%s%s%s\n", task->pid, comm[0] ? " " : "", comm,
                 task->a && task->b ? ""
                 : task->b          ? ": new"
                                    : ": gone");
}

static void print_command(const char *before, const char *command, const char *comm)
{
    const char *text = command ? command : comm;
    FY_AUTO_FREE char *shown = text ? fy_text_printable(text, strlen(text)) : NULL;
    (void)printf("%s%s", before, or_unknown(shown));
}

static void print_changes(const struct fy_diff_task *task)
{
    if (task->changes & FY_DIFF_STATE)
        (void)printf("  state %s -> %s\n", change_state_text(task->a->state), change_state_text(task->b->state));
    if (task->changes & FY_DIFF_COMMAND) {
        print_command("  command ", task->command_a, task->a->comm);
        print_command(" -> ", task->command_b, task->b->comm);
        (void)putchar('\n');
    }
    if (task->changes & FY_DIFF_PARENT)
        (void)printf("  parent %" PRIu32 " -> %" PRIu32 "\n", task->a->ppid, task->b->ppid);
    if (task->changes & FY_DIFF_THREADS)
        (void)printf("  threads %zu -> %zu\n", task->a->thread_count, task->b->thread_count);
}

static void print_task(const struct change_printer *printer, const struct fy_diff_task *task)
{
    if (!fy_diff_task_differs(task))
        return;
    print_name(task);
    if (!task->a || !task->b) {
        print_pages(&task->pages, "  ");
        (void)printf(fy_diff_pages_differ(&task->pages) ? "\n" : "");
        return;
    }
    print_changes(task);
    for (size_t i = 0; i < task->descriptor_count; i++)
        print_descriptor(printer, &task->descriptors[i]);
    for (size_t i = 0; i < task->mapping_count; i++)
        print_mapping(printer, &task->mappings[i], task->mappings_compared);
}

/* ---- all ---- */

static void print_shared(const struct fy_diff_shared *row)
{
    if (row->in_a && row->in_b && !fy_diff_pages_differ(&row->pages))
        return;
    (void)printf("shared memory %" PRIu64 "%s", row->in_b ? row->memory_b : row->memory_a,
                 row->in_a && row->in_b ? ""
                 : row->in_b            ? ": new"
                                        : ": gone");
    print_pages(&row->pages, row->in_a && row->in_b ? ": " : ", ");
    (void)putchar('\n');
}

static bool is_same(const struct fy_diff *diff)
{
    bool differs = fy_diff_pages_differ(&diff->pages);
    for (size_t i = 0; i < diff->task_count; i++)
        differs = differs || fy_diff_task_differs(&diff->tasks[i]);
    for (size_t i = 0; i < diff->shared_count; i++)
        differs = differs || !diff->shared[i].in_a || !diff->shared[i].in_b;
    return !differs;
}

void change_print(const struct change_printer *printer)
{
    const struct fy_diff *diff = printer->diff;
    char send[FY_TEXT_SIZE], stored[FY_TEXT_SIZE];
    for (size_t i = 0; i < diff->task_count; i++)
        print_task(printer, &diff->tasks[i]);
    for (size_t i = 0; i < diff->shared_count; i++)
        print_shared(&diff->shared[i]);
    if (is_same(diff))
        (void)printf("no difference\n");
    fy_text_bytes(diff->send_bytes, send);
    fy_text_bytes(diff->stored_bytes_b, stored);
    (void)printf("memory: %" PRIu64 " page%s equal", diff->pages.equal, diff->pages.equal == 1 ? "" : "s");
    print_pages(&diff->pages, ", ");
    (void)printf("\nto send to where A is: %s of %s\n", send, stored);
}
