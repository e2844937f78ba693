/* The catalogue's rows as data, and the matching of file names. */
#include <criu/cgroup.pb-c.h>
#include <criu/core.pb-c.h>
#include <criu/cpuinfo.pb-c.h>
#include <criu/files.pb-c.h>
#include <criu/fs.pb-c.h>
#include <criu/inventory.pb-c.h>
#include <criu/ipc.pb-c.h>
#include <criu/mm.pb-c.h>
#include <criu/mounts.pb-c.h>
#include <criu/namespaces.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <criu/sockets.pb-c.h>
#include <criu/stats.pb-c.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/catalogue.h>
#include <string.h>

#define REST_SINGLE(message) NULL
#define REST_ARRAY(message) &message##__descriptor
#define REST_PAGEMAP(message) &pagemap_entry__descriptor
#define REST_GHOST(message) &ghost_chunk_entry__descriptor

static const struct fy_image_type types[FY_IMAGE_KIND_COUNT] = {
#define IMAGE(kind, name, magic, pattern, message, shape, payload)                                                     \
    {FY_IMAGE_##kind, name, magic, pattern, &message##__descriptor, REST_##shape(message), FY_PAYLOAD_##payload, 0},
#define LEGACY_FILES(kind, magic, pattern, message, fd_type)                                                           \
    {FY_IMAGE_##kind,    #kind, magic, pattern, &message##__descriptor, &message##__descriptor, FY_PAYLOAD_NONE,       \
     FD_TYPES__##fd_type},
#define FOREIGN(kind, pattern) {FY_IMAGE_##kind, #kind, 0, pattern, NULL, NULL, FY_PAYLOAD_NONE, 0},
#include <ferry/imgcore/catalogue_rows.inc>
};

/* The value of a digit, or 16 if it is none. CRIU writes hexadecimal in lower case. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* Reads a number as CRIU would have written it: no leading zeros, no more than 64 bits. */
static bool take_number(const char **text, unsigned base, uint64_t *number)
{
    const char *begin = *text;
    uint64_t value = 0;

    for (unsigned digit; (digit = digit_value(**text)) < base; ++*text)
        if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value))
            return false;
    if (*text == begin || (*begin == '0' && *text - begin > 1))
        return false;
    *number = value;
    return true;
}

static bool matches(const char *pattern, const char *name, uint64_t *id)
{
    for (; *pattern; pattern++) {
        if (*pattern == '*') {
            size_t length = strlen(name), tail = strlen(pattern + 1);
            return length >= tail && strcmp(name + length - tail, pattern + 1) == 0;
        }
        if (*pattern == '%') {
            pattern++;
            if (!take_number(&name, *pattern == 'x' ? 16 : 10, id))
                return false;
            continue;
        }
        if (*pattern != *name++)
            return false;
    }
    return *name == '\0';
}

const struct fy_image_type *fy_catalogue_find(const char *file_name, uint64_t *id)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(types); i++) {
        uint64_t number = 0;
        if (!matches(types[i].pattern, file_name, &number))
            continue;
        if (id)
            *id = number;
        return &types[i];
    }
    return NULL;
}

const struct fy_image_type *fy_catalogue_get(enum fy_image_kind kind)
{
    return &types[kind];
}

const struct fy_image_type *fy_catalogue_by_magic(uint32_t magic)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(types); i++)
        if (magic != 0 && types[i].magic == magic)
            return &types[i];
    return NULL;
}

const struct fy_image_type *fy_catalogue_by_name(const char *name)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(types); i++)
        if (types[i].magic != 0 && strcmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

const char *fy_catalogue_magic_name(uint32_t magic)
{
    const struct fy_image_type *type = fy_catalogue_by_magic(magic);
    return type ? type->name : NULL;
}

bool fy_catalogue_is_service(const struct fy_image_type *type)
{
    return type->kind == FY_IMAGE_STATS_DUMP || type->kind == FY_IMAGE_STATS_RESTORE ||
           type->kind == FY_IMAGE_IRMAP_CACHE;
}
