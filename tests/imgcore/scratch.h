/* A copy of an image set in a directory of its own, which a test may damage; and images made by hand.
 *
 * The sets in sets/ come without their pages, which are zeros: pages.txt has their names and sizes, and the copy gets
 * sparse files. Everything here asserts its own success. */
#ifndef FERRY_TESTS_IMGCORE_SCRATCH_H
#define FERRY_TESTS_IMGCORE_SCRATCH_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scratch {
    char path[64];
    int fd; /* of the directory */
};

/* An empty directory. */
void scratch_make(struct scratch *scratch);
/* A copy of sets/`name`. */
void scratch_copy(struct scratch *scratch, const char *name);
void scratch_done(struct scratch *scratch);

void scratch_write(const struct scratch *scratch, const char *name, const void *data, size_t size);
/* The content, to be freed. */
uint8_t *scratch_read(const struct scratch *scratch, const char *name, size_t *size);
void scratch_append(const struct scratch *scratch, const char *name, const void *data, size_t size);
void scratch_remove(const struct scratch *scratch, const char *name);
uint64_t scratch_size(const struct scratch *scratch, const char *name);
void scratch_resize(const struct scratch *scratch, const char *name, uint64_t size);
void scratch_set_byte(const struct scratch *scratch, const char *name, size_t offset, uint8_t value);
void scratch_rename(const struct scratch *scratch, const char *from, const char *to);

/* Rewrites an image of the two-magic form without payloads: `edit` sees every entry and returns how often it is kept;
 * it may change the message. */
typedef unsigned entry_edit(ProtobufCMessage *message, size_t number, void *context);
void scratch_edit(const struct scratch *scratch, const char *name, entry_edit *edit, void *context);
/* Without its last entry. */
void scratch_drop_last(const struct scratch *scratch, const char *name);

/* An image in memory. */
struct made {
    uint8_t data[1 << 16];
    size_t size;
};

void made_word(struct made *made, uint32_t word);
void made_bytes(struct made *made, const void *data, size_t size);
void made_magic(struct made *made, uint32_t magic); /* of the two-magic form */
/* The size word and the message, which is a struct of protobuf-c's. */
void made_entry(struct made *made, const void *message);

#endif
