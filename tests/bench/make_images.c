/* Makes big images for the benchmark of `ferry image`.
 *
 *     make-images pagemap COUNT FILE                   runs of pages as a fragmented heap has them
 *     make-images files COUNT FILE TEMPLATE-SET        the open files of a real set over and over, each with an id of
 * its own */
#include <criu/files.pb-c.h>
#include <criu/pagemap.pb-c.h>
#include <err.h>
#include <fcntl.h>
#include <ferry/imgcore/image.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC_COMMON 0x54564319u

static void put(FILE *out, const void *data, size_t size)
{
    if (fwrite(data, 1, size, out) != size)
        err(1, "write");
}

static void put_word(FILE *out, uint32_t word)
{
    put(out, &word, sizeof(word)); /* in the host's order, as CRIU does */
}

static void put_magic(FILE *out, enum fy_image_kind kind)
{
    put_word(out, MAGIC_COMMON);
    put_word(out, fy_catalogue_get(kind)->magic);
}

static void put_message(FILE *out, const ProtobufCMessage *message)
{
    uint8_t data[4096];
    size_t size = protobuf_c_message_get_packed_size(message);

    if (size > sizeof(data))
        errx(1, "a template entry has %zu bytes", size);
    put_word(out, (uint32_t)size);
    put(out, data, protobuf_c_message_pack(message, data));
}

static void make_pagemap(FILE *out, unsigned long count)
{
    PagemapHead head = PAGEMAP_HEAD__INIT;
    uint64_t vaddr = 0x55d000000000;

    head.pages_id = 1;
    put_magic(out, FY_IMAGE_PAGEMAP);
    put_message(out, &head.base);
    for (unsigned long i = 0; i < count; i++) {
        PagemapEntry entry = PAGEMAP_ENTRY__INIT;
        entry.vaddr = vaddr;
        entry.has_flags = entry.has_nr_pages = 1;
        entry.flags = 4;
        entry.nr_pages = 1 + i % 7;
        vaddr += (entry.nr_pages + 1 + i % 3) * 4096;
        put_message(out, &entry.base);
    }
}

/* The id of a file_entry is also that of the member which describes the file. */
static void renumber(FileEntry *file, uint32_t id)
{
    const ProtobufCMessageDescriptor *descriptor = file->base.descriptor;

    file->id = id;
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i], *inner;
        char *member;
        if (field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        memcpy(&member, (char *)file + field->offset, sizeof(member));
        inner = member ? protobuf_c_message_descriptor_get_field_by_name(field->descriptor, "id") : NULL;
        if (inner)
            memcpy(member + inner->offset, &id, sizeof(id));
    }
}

static void make_files(FILE *out, unsigned long count, const char *templates)
{
    int dir_fd = open(templates, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    unsigned long made = 0;

    if (dir_fd < 0)
        err(1, "%s", templates);
    put_magic(out, FY_IMAGE_FILES);
    while (made < count) {
        struct fy_error error = FY_ERROR_INIT;
        struct fy_image *image;
        struct fy_image_entry entry;
        if (fy_image_open(dir_fd, "files.img", NULL, &image, &error) < 0)
            errx(1, "%s", error.message);
        while (made < count && fy_image_next(image, &entry, &error) > 0) {
            renumber((FileEntry *)entry.message, (uint32_t)++made);
            put_message(out, entry.message);
        }
        fy_image_free(image);
        if (made == 0)
            errx(1, "%s/files.img: has no entries", templates);
    }
    (void)close(dir_fd);
}

int main(int argc, char **argv)
{
    bool pagemap = argc == 4 && strcmp(argv[1], "pagemap") == 0;
    FILE *out;

    if (!pagemap && !(argc == 5 && strcmp(argv[1], "files") == 0))
        errx(2, "usage: make-images pagemap COUNT FILE | files COUNT FILE TEMPLATE-SET");
    out = fopen(argv[3], "we");
    if (!out)
        err(1, "%s", argv[3]);
    if (pagemap)
        make_pagemap(out, strtoul(argv[2], NULL, 10));
    else
        make_files(out, strtoul(argv[2], NULL, 10), argv[4]);
    if (fclose(out) != 0)
        err(1, "%s", argv[3]);
    return 0;
}
