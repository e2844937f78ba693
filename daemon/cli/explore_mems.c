/* `ferry image x DIR mems`: the mappings of every task. */
#include "explore_print.h"

#include <criu/files.pb-c.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>

static const struct status_word {
    uint32_t bit;
    const char *word;
} status_words[] = {
    {FY_MAPPING_STACK, "stack"},
    {FY_MAPPING_VSYSCALL, "vsyscall"},
    {FY_MAPPING_VDSO, "vdso"},
    {FY_MAPPING_HEAP, "heap"},
    {FY_MAPPING_FILE_PRIVATE, "file, private"},
    {FY_MAPPING_FILE_SHARED, "file, shared"},
    {FY_MAPPING_ANON_SHARED, "anonymous, shared"},
    {FY_MAPPING_ANON_PRIVATE, "anonymous, private"},
    {FY_MAPPING_SYSV, "System V"},
    {FY_MAPPING_SOCKET, "socket"},
    {FY_MAPPING_VVAR, "vvar"},
    {FY_MAPPING_AIO_RING, "AIO ring"},
    {FY_MAPPING_SHADOW_STACK, "shadow stack"},
    {FY_MAPPING_GUARD, "guard"},
};

static uint64_t bytes_of(const struct fy_explore_mapping *mapping)
{
    return mapping->end > mapping->start ? mapping->end - mapping->start : 0;
}

/* ---- text ---- */

static void print_details(const struct fy_explore_mapping *mapping)
{
    char size[FY_TEXT_SIZE];

    fy_text_bytes(bytes_of(mapping), size);
    (void)printf("  (%s", size);
    for (size_t i = 0; i < FY_ARRAY_SIZE(status_words); i++)
        if (mapping->status & status_words[i].bit)
            (void)printf("; %s", status_words[i].word);
    (void)printf(")");
}

static void print_mapping(struct explore_print *print, const struct fy_explore_mapping *mapping)
{
    FY_AUTO_FREE char *name = explore_mapping_name(print, mapping);
    char range[48], protection[4];

    (void)snprintf(range, sizeof(range), "%08" PRIx64 "-%08" PRIx64, mapping->start, mapping->end);
    explore_protection(mapping->protection, protection);
    (void)printf("\t%-36s%s%s%s%s", range, protection, name && name[0] ? " " : "", name ? name : " ?",
                 mapping->status & FY_MAPPING_REGULAR ? "" : " *");
    if (print->is_long)
        print_details(mapping);
    (void)printf("\n");
}

static void print_task(struct explore_print *print, const struct fy_explore_task *task)
{
    if (task->state == FY_TASK_ZOMBIE)
        (void)printf("\t(zombie)\n");
    if (task->has_mm) {
        FY_AUTO_FREE char *program = explore_file_name(print, FD_TYPES__REG, task->exe_id);
        (void)printf("\t%-36s    %s\n", "exe", program ? program : "?");
    }
    for (size_t i = 0; i < task->mapping_count; i++)
        print_mapping(print, &task->mappings[i]);
}

/* ---- JSON ---- */

static void json_mapping(struct explore_print *print, const struct fy_explore_mapping *mapping)
{
    struct fy_json *json = print->json;
    FY_AUTO_FREE char *file = explore_mapped_file(print, mapping);
    char protection[4];

    explore_protection(mapping->protection, protection);
    fy_json_open_object(json, NULL);
    explore_json_hex(json, "start", mapping->start);
    explore_json_hex(json, "end", mapping->end);
    fy_json_uint(json, "bytes", bytes_of(mapping));
    fy_json_string(json, "protection", protection);
    fy_json_uint(json, "flags", mapping->flags);
    fy_json_uint(json, "status", mapping->status);
    fy_json_open_array(json, "kind");
    for (size_t i = 0; i < FY_ARRAY_SIZE(status_words); i++)
        if (mapping->status & status_words[i].bit)
            fy_json_string(json, NULL, status_words[i].word);
    fy_json_close_array(json);
    if (file && file[0]) {
        fy_json_string(json, "file", file);
        fy_json_uint(json, "offset_bytes", mapping->offset_bytes);
    }
    if (mapping->shared_by_number)
        fy_json_uint(json, "shared_memory", mapping->object);
    fy_json_close_object(json);
}

static void json_task(struct explore_print *print, const struct fy_explore_task *task)
{
    const struct fy_explore_file *program =
        task->has_mm ? fy_explore_find_file(print->set, FD_TYPES__REG, task->exe_id) : NULL;

    fy_json_string(print->json, "program", program ? program->path : NULL);
    fy_json_uint(print->json, "page_bytes", task->page_bytes);
    fy_json_open_array(print->json, "mappings");
    for (size_t i = 0; i < task->mapping_count; i++)
        json_mapping(print, &task->mappings[i]);
    fy_json_close_array(print->json);
}

void explore_mems(struct explore_print *print)
{
    explore_tasks(print, print_task, json_task);
}
