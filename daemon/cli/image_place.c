/* Places in the memory of a task in the words of /proc/PID/maps. */
#include "image_place.h"
#include "explore_print.h"

#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/text.h>
#include <string.h>
#include <sys/mman.h>

int image_open_directory(const char *path, struct fy_error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd >= 0 ? fd : fy_error_errno(err, errno, "%s", path);
}

void image_protection_text(const struct fy_explore_mapping *mapping, char text[IMAGE_PROTECTION_SIZE])
{
    text[0] = mapping->protection & PROT_READ ? 'r' : '-';
    text[1] = mapping->protection & PROT_WRITE ? 'w' : '-';
    text[2] = mapping->protection & PROT_EXEC ? 'x' : '-';
    text[3] = mapping->flags & MAP_SHARED ? 's' : 'p';
    text[4] = '\0';
}

char *image_mapping_text(const struct fy_explore *explore, const struct fy_explore_mapping *mapping)
{
    struct fy_buf text;
    char *shown = NULL;
    if (mapping->status & FY_MAPPING_HEAP)
        return strdup("[heap]");
    if (mapping->flags & MAP_GROWSDOWN)
        return strdup("[stack]");
    fy_buf_init(&text, 0);
    if (fy_explore_mapping_text(explore, mapping, &text, NULL) == 0)
        shown = text.size ? fy_text_printable((const char *)text.data, text.size) : strdup("anonymous");
    fy_buf_done(&text);
    return shown;
}

void image_mapping_json(struct fy_json *json, const char *key, const struct fy_explore *explore,
                        const struct fy_explore_mapping *mapping)
{
    char protection[IMAGE_PROTECTION_SIZE];
    if (!mapping) {
        fy_json_null(json, key);
        return;
    }
    FY_AUTO_FREE char *what = image_mapping_text(explore, mapping);
    image_protection_text(mapping, protection);
    fy_json_open_object(json, key);
    explore_json_hex(json, "start", mapping->start);
    explore_json_hex(json, "end", mapping->end);
    fy_json_string(json, "protection", protection);
    fy_json_string(json, "what", what);
    fy_json_close_object(json);
}
