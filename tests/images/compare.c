/* images-compare SETS ORACLE: decodes every image below SETS for which there is crit's JSON below ORACLE and compares,
 * byte for byte, in one process.
 *
 * A line for each difference, "differs WHAT FILE" with what is wrong, and one for each image decoded, "same WHAT FILE";
 * WHAT is plain, pretty, nopl or info. The script beside this judges them. */
#include <fcntl.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/decode.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ORACLE_BYTES_MAX ((size_t)256 << 20)

static int append(void *data, const void *bytes, size_t size, struct fy_error *err)
{
    return fy_buf_append(data, bytes, size, err);
}

static int decode(int fd, const char *name, const char *what, struct fy_buf *text, struct fy_error *err)
{
    const struct fy_decode_options options = {.pretty = strcmp(what, "plain") != 0,
                                              .no_payload = strcmp(what, "nopl") == 0};
    struct fy_image_info info;

    if (strcmp(what, "info") != 0)
        return fy_image_decode_json(fd, name, &options, append, text, err) < 0 ? -1 : fy_buf_append(text, "\n", 1, err);
    if (fy_image_info(fd, name, NULL, &info, err) < 0)
        return -1;
    return fy_buf_printf(text, err, "{\n    \"magic\": \"%s\",\n    \"count\": %" PRIu64 "\n}\n", info.magic,
                         info.count);
}

static void compare(const char *image, const char *oracle, const char *what)
{
    FY_AUTO_CLOSE int fd = open(image, O_RDONLY | O_CLOEXEC);
    FY_AUTO_FREE char *expected = NULL;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_buf text;
    size_t size = 0;

    fy_buf_init(&text, 0);
    if (fd < 0 || fy_fs_read_file(oracle, ORACLE_BYTES_MAX, &expected, &size, &err) < 0 ||
        decode(fd, image, what, &text, &err) < 0)
        (void)printf("differs %s %s: %s\n", what, image, fd < 0 ? "there is no such image" : err.message);
    else if (text.size != size || memcmp(text.data, expected, size) != 0)
        (void)printf("differs %s %s: %zu bytes, crit has %zu\n", what, image, text.size, size);
    else
        (void)printf("same %s %s\n", what, image);
    fy_buf_done(&text);
}

/* What crit was asked for, by the end of the file's name; `length` is that of the end. */
static const char *what_of(const char *name, size_t *length)
{
    static const char *const ends[][2] = {
        {".pretty.json", "pretty"}, {".nopl.json", "nopl"}, {".json", "plain"}, {".info", "info"}};

    for (size_t i = 0; i < FY_ARRAY_SIZE(ends); i++) {
        size_t size = strlen(name);
        *length = strlen(ends[i][0]);
        if (size > *length && strcmp(name + size - *length, ends[i][0]) == 0)
            return ends[i][1];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        (void)fprintf(stderr, "usage: images-compare SETS ORACLE\n");
        return 2;
    }
    char *const roots[] = {argv[2], NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    for (FTSENT *entry; tree && (entry = fts_read(tree));) {
        char image[4096];
        size_t length;
        const char *what = entry->fts_info == FTS_F ? what_of(entry->fts_path, &length) : NULL;
        if (!what)
            continue;
        const char *inside = entry->fts_path + strlen(argv[2]);
        (void)snprintf(image, sizeof(image), "%s%.*s", argv[1], (int)(strlen(inside) - length), inside);
        compare(image, entry->fts_path, what);
    }
    if (!tree || fts_close(tree) != 0) {
        perror(argv[2]);
        return 1;
    }
    return 0;
}
