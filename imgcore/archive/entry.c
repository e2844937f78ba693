/* Checks of entries, before a byte of their content is used. */
#include "entry.h"

#include <ferry/base/fs.h>
#include <ferry/imgcore/archive.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int refuse_name(const char *name, struct fy_error *err)
{
    char shown[80];
    size_t length = 0;
    for (; name[length] && length < sizeof shown - 1; length++)
        shown[length] = name[length] >= ' ' && name[length] < 0x7f ? name[length] : '?';
    shown[length] = '\0';
    return fy_error_set(err, FY_E_FORMAT, "the archive has an entry '%s', a name that ferry does not take", shown);
}

/* One component; `*rest` is what follows it. "." is only written by `tar -C DIR .`, in front. */
static int add_component(const char *raw, const char **rest, char *name, size_t *length, struct fy_error *err)
{
    char component[256];
    size_t size = strcspn(*rest, "/");
    if (size == 1 && (*rest)[0] == '.' && *length == 0) {
        *rest += size;
        return 0;
    }
    if (size >= sizeof component || *length + size + 2 > ENTRY_NAME_SIZE)
        return refuse_name(raw, err);
    memcpy(component, *rest, size);
    component[size] = '\0';
    if (!fy_fs_is_plain_name(component))
        return refuse_name(raw, err);
    if (*length > 0)
        name[(*length)++] = '/';
    memcpy(name + *length, component, size);
    *length += size;
    name[*length] = '\0';
    *rest += size;
    return 0;
}

static int check_name(const char *raw, struct entry *entry, struct fy_error *err)
{
    size_t length = 0;
    entry->name[0] = '\0';
    if (!raw || !raw[0])
        return refuse_name("", err);
    for (const char *rest = raw; *rest;) {
        if (add_component(raw, &rest, entry->name, &length, err) < 0)
            return -1;
        if (*rest == '/' && (rest[1] || entry->is_directory))
            rest++;
        else if (*rest == '/')
            return refuse_name(raw, err);
    }
    return length > 0 || entry->is_directory ? 0 : refuse_name(raw, err);
}

int entry_check(struct archive_entry *raw, struct entry *entry, struct fy_error *err)
{
    struct entry checked = {.is_directory = archive_entry_filetype(raw) == AE_IFDIR};
    if (check_name(archive_entry_pathname(raw), &checked, err) < 0)
        return -1;
    if ((archive_entry_filetype(raw) != AE_IFREG && !checked.is_directory) || archive_entry_hardlink(raw))
        return fy_error_set(err, FY_E_FORMAT, "%s in the archive is neither a plain file nor a directory",
                            checked.name);
    if (archive_entry_size(raw) < 0)
        return fy_error_set(err, FY_E_FORMAT, "%s in the archive has no size", checked.name);
    checked.size_bytes = checked.is_directory ? 0 : (uint64_t)archive_entry_size(raw);
    *entry = checked;
    return 0;
}

int allowance_take(struct allowance *allowance, const struct entry *entry, struct fy_error *err)
{
    if (allowance->entries == FY_ARCHIVE_MAX_ENTRIES)
        return fy_error_set(err, FY_E_LIMIT, "the archive has more than %u entries", FY_ARCHIVE_MAX_ENTRIES);
    if (entry->size_bytes > allowance->limit_bytes - allowance->used_bytes)
        return fy_error_set(err, FY_E_LIMIT, "with %s the archive holds more than the %" PRIu64 " bytes allowed",
                            entry->name, allowance->limit_bytes);
    allowance->entries++;
    allowance->used_bytes += entry->size_bytes;
    return 0;
}

int seen_names_add(struct seen_names *seen, const char *name, struct fy_error *err)
{
    for (size_t i = 0; i < seen->count; i++)
        if (strcmp(seen->items[i], name) == 0)
            return fy_error_set(err, FY_E_FORMAT, "the archive has %s twice", name);
    if (seen->count == NAMES_MAX)
        return fy_error_set(err, FY_E_LIMIT, "the archive has more than %d entries beside the images", NAMES_MAX);
    if (!seen->items)
        seen->items = calloc(NAMES_MAX, sizeof *seen->items);
    char *copy = seen->items ? strdup(name) : NULL;
    if (!copy)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the names in an archive");
    seen->items[seen->count++] = copy;
    return 0;
}

void seen_names_done(struct seen_names *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        free(seen->items[i]);
    free(seen->items);
    *seen = (struct seen_names){0};
}
