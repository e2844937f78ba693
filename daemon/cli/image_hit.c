/* A hit as a line below its task and mapping, or as an object. Memory may hold anything: what is not printable ASCII is
 * shown as \\xNN. */
#include "image_hit.h"
#include "explore_print.h"
#include "image_place.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* A copy of bytes as text; free() it. */
static char *escape(const uint8_t *bytes, size_t size)
{
    char *text = malloc(4 * size + 1), *end = text;
    for (size_t i = 0; text && i < size; i++) {
        if (bytes[i] == '\\') {
            end = stpcpy(end, "\\\\");
        } else if (bytes[i] >= ' ' && bytes[i] <= '~') {
            *end++ = (char)bytes[i];
        } else {
            const char *names = "\n\r\t", *at = bytes[i] ? strchr(names, bytes[i]) : NULL;
            end += at ? sprintf(end, "\\%c", "nrt"[at - names]) : sprintf(end, "\\x%02x", bytes[i]);
        }
    }
    if (text)
        *end = '\0';
    return text;
}

static char *hexadecimal(const uint8_t *bytes, size_t size)
{
    char *text = malloc(2 * size + 1);
    for (size_t i = 0; text && i < size; i++)
        (void)sprintf(text + 2 * i, "%02x", bytes[i]);
    if (text)
        text[2 * size] = '\0';
    return text;
}

/* ---- for people ---- */

static void print_memory(const struct fy_search_hit *hit)
{
    char comm[64];
    if (hit->is_shared) {
        (void)printf("shared memory %" PRIu64 "\n", hit->memory);
        return;
    }
    fy_text_copy_printable(comm, sizeof(comm), hit->task && hit->task->comm ? hit->task->comm : "");
    (void)printf("task %" PRIu64 "%s%s\n", hit->memory, comm[0] ? " " : "", comm);
}

static int print_mapping(const struct hit_printer *printer, const struct fy_search_hit *hit)
{
    char protection[IMAGE_PROTECTION_SIZE];
    if (!hit->mapping) {
        (void)printf("  in no mapping\n");
        return 0;
    }
    FY_AUTO_FREE char *what = image_mapping_text(printer->explore, hit->mapping);
    if (!what)
        return -1;
    image_protection_text(hit->mapping, protection);
    (void)printf("  %" PRIx64 "-%" PRIx64 " %s %s", hit->mapping->start, hit->mapping->end, protection, what);
    if (hit->is_shared)
        (void)printf(", of task %" PRIu32, hit->mapping_pid);
    (void)putchar('\n');
    return 0;
}

static int print_place(struct hit_printer *printer, const struct fy_search_hit *hit)
{
    bool is_new = printer->count == 1 || printer->is_shared != hit->is_shared || printer->memory != hit->memory;
    if (is_new)
        print_memory(hit);
    if ((is_new || printer->mapping != hit->mapping) && print_mapping(printer, hit) < 0)
        return -1;
    printer->is_shared = hit->is_shared;
    printer->memory = hit->memory;
    printer->mapping = hit->mapping;
    return 0;
}

static int print_line(struct hit_printer *printer, const struct fy_search_hit *hit)
{
    FY_AUTO_FREE char *before = escape(hit->before, hit->before_bytes);
    FY_AUTO_FREE char *match = escape(hit->match, hit->match_bytes);
    FY_AUTO_FREE char *after = escape(hit->after, hit->after_bytes);
    if (!before || !match || !after || print_place(printer, hit) < 0)
        return -1;
    (void)printf(printer->colour ? "    %" PRIx64 "  %s\033[1m%s\033[0m%s\n" : "    %" PRIx64 "  %s[%s]%s\n",
                 hit->mapping ? hit->mapped_address : hit->address, before, match, after);
    return 0;
}

/* ---- for programs ---- */

static void fill_object(struct fy_json *json, const struct hit_printer *printer, const struct fy_search_hit *hit)
{
    if (hit->is_shared && !hit->mapping)
        fy_json_null(json, "pid");
    else
        fy_json_uint(json, "pid", hit->mapping_pid);
    if (hit->is_shared && !hit->mapping)
        fy_json_null(json, "address");
    else
        explore_json_hex(json, "address", hit->mapped_address);
    image_mapping_json(json, "mapping", printer->explore, hit->mapping);
    if (hit->is_shared) {
        fy_json_uint(json, "shared_memory", hit->memory);
        fy_json_uint(json, "offset_bytes", hit->address);
    } else {
        fy_json_null(json, "shared_memory");
    }
}

static int print_object(const struct hit_printer *printer, const struct fy_search_hit *hit)
{
    FY_AUTO_FREE char *before = escape(hit->before, hit->before_bytes);
    FY_AUTO_FREE char *match = escape(hit->match, hit->match_bytes);
    FY_AUTO_FREE char *after = escape(hit->after, hit->after_bytes);
    FY_AUTO_FREE char *hex = hexadecimal(hit->match, hit->match_bytes);
    FY_AUTO_FREE char *text = NULL;
    struct fy_json *json = before && match && after && hex ? fy_json_new(false) : NULL;
    if (!json)
        return -1;
    fy_json_open_object(json, NULL);
    fill_object(json, printer, hit);
    fy_json_string(json, "before", before);
    fy_json_string(json, "match", match);
    fy_json_string(json, "after", after);
    fy_json_string(json, "match_hex", hex);
    fy_json_close_object(json);
    int status = fy_json_finish(json, &text, NULL);
    fy_json_free(json);
    if (status == 0)
        (void)printf("%s\n%s", printer->count == 1 ? "" : ",", text);
    return status;
}

int hit_print(struct hit_printer *printer, const struct fy_search_hit *hit)
{
    printer->count++;
    return printer->json ? print_object(printer, hit) : print_line(printer, hit);
}
