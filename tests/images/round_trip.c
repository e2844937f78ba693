/* images-round-trip SETS [JSON]: is every image given back byte for byte, in one process?
 *
 * Without JSON each image below SETS is decoded and encoded again: plain, pretty, and both once more after its common
 * magic was taken off. With JSON, each file FILE.WAY.json or FILE.json below it is encoded and compared with FILE below
 * SETS. A line for each: "same WAY FILE", or "differs WAY FILE: " and what is wrong. The script beside this judges
 * them. */
#include <fcntl.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/decode.h>
#include <ferry/imgcore/encode.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define FILE_BYTES_MAX ((size_t)256 << 20)
#define MAGIC_BYTES ((size_t)4)

static int append(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    return fy_buf_append(data, bytes, size, err);
}

struct text {
    const char *at;
    size_t left;
};

static int read_text(void *data, void *bytes, size_t capacity, size_t *size, struct fy_error *err)
{
    struct text *text = data;

    (void)err;
    *size = text->left < capacity ? text->left : capacity;
    memcpy(bytes, text->at, *size);
    text->at += *size;
    text->left -= *size;
    return 0;
}

/* Encodes the JSON and says whether it is the image. */
static void judge(const char *way, const char *name, struct text json, const char *image, size_t image_size)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_buf again;

    fy_buf_init(&again, 0);
    if (fy_image_encode_json(read_text, &json, "json", NULL, append, &again, &err) < 0)
        (void)printf("differs %s %s: %s\n", way, name, err.message);
    else if (again.size != image_size || memcmp(again.data, image, image_size) != 0)
        (void)printf("differs %s %s: %zu bytes became others, or %zu\n", way, name, image_size, again.size);
    else
        (void)printf("same %s %s\n", way, name);
    fy_buf_done(&again);
}

static void round_trip(const char *way, const char *name, const char *image, size_t size, bool pretty)
{
    const struct fy_decode_options options = {.pretty = pretty};
    FY_AUTO_CLOSE int fd = memfd_create("image", MFD_CLOEXEC);
    struct fy_error err = FY_ERROR_INIT;
    struct fy_buf json;

    fy_buf_init(&json, 0);
    if (fd < 0 || fy_fs_write_all(fd, image, size, &err) < 0 ||
        fy_image_decode_json(fd, name, &options, append, &json, &err) < 0)
        (void)printf("differs %s %s: %s\n", way, name, err.message);
    else
        judge(way, name, (struct text){(const char *)json.data, json.size}, image, size);
    fy_buf_done(&json);
}

/* Has the file entries, and a magic before that of its type? */
static bool look(const char *image, size_t size, bool *has_common)
{
    static const unsigned char common[] = {0x19, 0x43, 0x56, 0x54}, service[] = {0x40, 0x59, 0x10, 0x55};
    uint32_t magic;

    if (size < MAGIC_BYTES)
        return false;
    *has_common = memcmp(image, common, MAGIC_BYTES) == 0 || memcmp(image, service, MAGIC_BYTES) == 0;
    memcpy(&magic, image, MAGIC_BYTES);
    return *has_common || fy_catalogue_magic_name(magic) != NULL;
}

static void go_round(const char *name)
{
    FY_AUTO_FREE char *image = NULL;
    struct fy_error err = FY_ERROR_INIT;
    bool has_common;
    size_t size;

    if (fy_fs_read_file(name, FILE_BYTES_MAX, &image, &size, &err) < 0) {
        (void)printf("differs file %s: %s\n", name, err.message);
        return;
    }
    if (!look(image, size, &has_common))
        return;
    round_trip("plain", name, image, size, false);
    round_trip("pretty", name, image, size, true);
    if (!has_common)
        return;
    round_trip("plain-v1.0", name, image + MAGIC_BYTES, size - MAGIC_BYTES, false);
    round_trip("pretty-v1.0", name, image + MAGIC_BYTES, size - MAGIC_BYTES, true);
}

/* FILE.WAY.json: the name of the image ends before the way, which is none in FILE.json. */
static void compare(const char *json_name, const char *sets, const char *inside)
{
    static const char *const ways[] = {".pretty", ".go", ".go-fixed", ".sorted", ".backwards"};
    char name[4096], *end;
    FY_AUTO_FREE char *image = NULL, *json = NULL;
    struct fy_error err = FY_ERROR_INIT;
    const char *way = "plain";
    size_t image_size, json_size;

    (void)snprintf(name, sizeof(name), "%s%.*s", sets, (int)(strlen(inside) - strlen(".json")), inside);
    end = strrchr(name, '.');
    for (size_t i = 0; end && i < FY_ARRAY_SIZE(ways); i++) {
        if (strcmp(end, ways[i]) != 0)
            continue;
        way = ways[i] + 1;
        *end = '\0';
        break;
    }
    if (fy_fs_read_file(name, FILE_BYTES_MAX, &image, &image_size, &err) < 0 ||
        fy_fs_read_file(json_name, FILE_BYTES_MAX, &json, &json_size, &err) < 0)
        (void)printf("differs %s %s: %s\n", way, name, err.message);
    else
        judge(way, name, (struct text){json, json_size}, image, image_size);
}

static bool is_json(const char *name)
{
    size_t size = strlen(name);
    return size > 5 && strcmp(name + size - 5, ".json") == 0 && !strstr(name, ".nopl.");
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        (void)fprintf(stderr, "usage: images-round-trip SETS [JSON]\n");
        return 2;
    }
    char *const roots[] = {argv[argc - 1], NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *entry; tree && (entry = fts_read(tree));) {
        if (entry->fts_info != FTS_F)
            continue;
        if (argc == 2)
            go_round(entry->fts_path);
        else if (is_json(entry->fts_path))
            compare(entry->fts_path, argv[1], entry->fts_path + strlen(argv[2]));
    }
    if (!tree || fts_close(tree) != 0) {
        perror(argv[argc - 1]);
        return 1;
    }
    return 0;
}
