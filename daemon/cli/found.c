/* Findings as text and as JSON. Names of files are whatever somebody put into the directory. */
#include "found.h"

#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <inttypes.h>
#include <string.h>

static struct fy_finding *add_room(struct found *found)
{
    return fy_array_room(&found->items, &found->capacity, found->count, sizeof *found->items, "a list of findings",
                         NULL) == 0
               ? &found->items[found->count]
               : NULL;
}

void found_add(const struct fy_finding *finding, void *data)
{
    struct found *found = data;
    struct fy_finding *room = add_room(found);
    FY_AUTO_FREE char *file = strdup(finding->file);
    FY_AUTO_FREE char *what = strdup(finding->what);
    if (!room || !file || !what) {
        found->out_of_memory = true;
        return;
    }
    *room = *finding;
    room->file = fy_take(file);
    room->what = fy_take(what);
    found->by_severity[finding->severity]++;
    found->count++;
}

void found_done(struct found *found)
{
    for (size_t i = 0; i < found->count; i++) {
        free((char *)found->items[i].file);
        free((char *)found->items[i].what);
    }
    free(found->items);
    *found = (struct found){0};
}

static void print_one(const struct fy_finding *finding, FILE *out)
{
    FY_AUTO_FREE char *file = fy_text_printable(finding->file, strlen(finding->file));
    FY_AUTO_FREE char *what = fy_text_printable(finding->what, strlen(finding->what));
    char entry[32] = "";
    if (finding->has_entry)
        (void)snprintf(entry, sizeof(entry), ":%" PRIu64, finding->entry);
    (void)fprintf(out, "%s %s: %s%s: %s\n  at restore: %s\n  next: %s\n", fy_severity_name(finding->severity),
                  finding->code, file ? file : "?", entry, what ? what : "?", finding->effect, finding->next);
}

void found_print(const struct found *found, FILE *out)
{
    for (size_t i = 0; i < found->count; i++)
        print_one(&found->items[i], out);
}

void found_json(const struct found *found, struct fy_json *json)
{
    fy_json_open_array(json, "findings");
    for (size_t i = 0; i < found->count; i++) {
        const struct fy_finding *finding = &found->items[i];
        fy_json_open_object(json, NULL);
        fy_json_string(json, "code", finding->code);
        fy_json_string(json, "severity", fy_severity_name(finding->severity));
        fy_json_string(json, "file", finding->file);
        if (finding->has_entry)
            fy_json_uint(json, "entry", finding->entry);
        else
            fy_json_null(json, "entry");
        fy_json_string(json, "what", finding->what);
        fy_json_string(json, "effect", finding->effect);
        fy_json_string(json, "next", finding->next);
        fy_json_close_object(json);
    }
    fy_json_close_array(json);
}
