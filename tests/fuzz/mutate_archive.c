/* How libFuzzer changes a set: mostly inside one entry of one image, with the size word put right, so that what lies
 * behind the framing is reached; sometimes a whole file is changed, lost, doubled or exchanged. */
#include "archive.h"
#include <stdlib.h>
#include <string.h>

#define GROWTH_BYTES 256
#define LARGEST_BYTES ((size_t)1 << 20)

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed);

static struct archive archive;
static uint8_t changed[LARGEST_BYTES + GROWTH_BYTES], printed[LARGEST_BYTES];
static uint64_t dice;

static size_t roll(size_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (size_t)(dice % sides);
}

static uint32_t word_at(const uint8_t *data)
{
    uint32_t word;

    memcpy(&word, data, sizeof(word));
    return word;
}

/* What stands before the first entry: one magic, or two words as in most images and in a manifest. */
static size_t head_bytes(const struct archive_file *file)
{
    if (file->size >= 8 && memcmp(file->data, "FYMANIF1", 8) == 0)
        return 8;
    return file->size >= 4 && (word_at(file->data) == 0x54564319 || word_at(file->data) == 0x55105940) ? 8 : 4;
}

/* Offset of the size word of some entry, or 0: the file is not a row of entries. Payloads end the row early. */
static size_t some_entry(const struct archive_file *file)
{
    size_t offsets[256], count = 0;
    size_t offset = head_bytes(file);

    while (count < 256 && offset + 4 <= file->size && word_at(file->data + offset) <= file->size - offset - 4) {
        offsets[count++] = offset;
        offset += 4 + word_at(file->data + offset);
    }
    return count > 0 ? offsets[roll(count)] : 0;
}

static void change_entry(struct archive_file *file)
{
    size_t offset = some_entry(file), head, size, tail;

    if (offset == 0 || file->size > LARGEST_BYTES)
        return;
    head = offset + 4;
    size = word_at(file->data + offset);
    tail = file->size - head - size;
    memcpy(changed, file->data, head + size);
    size = LLVMFuzzerMutate(changed + head, size, size + roll(GROWTH_BYTES));
    memcpy(changed + offset, &(uint32_t){(uint32_t)size}, 4);
    memcpy(changed + head + size, file->data + file->size - tail, tail);
    file->data = changed;
    file->size = head + size + tail;
}

static void change_file(struct archive_file *file)
{
    size_t capacity = file->size + roll(GROWTH_BYTES);

    if (file->size > LARGEST_BYTES)
        return;
    if (file->size > 0)
        memcpy(changed, file->data, file->size);
    file->size = LLVMFuzzerMutate(changed, file->size, capacity ? capacity : 1);
    file->data = changed;
}

static void change_length(struct archive_file *file)
{
    static const uint32_t lengths[] = {0, 1, 4095, 4096, 8192, 65536, 1 << 20};

    file->zeros = roll(2) ? lengths[roll(sizeof(lengths) / sizeof(lengths[0]))] : file->zeros + 4096;
}

static void lose(struct archive_file *file)
{
    *file = archive.files[--archive.count];
}

static void change_name(struct archive_file *file)
{
    size_t size = LLVMFuzzerMutate((uint8_t *)file->name, strlen(file->name), sizeof(file->name) - 1);

    for (size_t i = 0; i < size; i++)
        if (file->name[i] == '\n' || file->name[i] == 0)
            file->name[i] = '0';
    file->name[size] = 0;
}

static void add_copy(const struct archive_file *file)
{
    if (archive.count == ARCHIVE_FILES)
        return;
    archive.files[archive.count] = *file;
    change_name(&archive.files[archive.count++]);
}

static void exchange(struct archive_file *file)
{
    struct archive_file *other = &archive.files[roll(archive.count)], kept = *file;

    file->data = other->data;
    file->size = other->size;
    other->data = kept.data;
    other->size = kept.size;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed)
{
    struct archive_file *file;
    size_t way;

    dice = (uint64_t)seed << 16 | 0x9e37;
    archive_parse(&archive, data, size);
    if (archive.count == 0 || capacity > LARGEST_BYTES)
        return LLVMFuzzerMutate(data, size, capacity);
    (void)roll(2);
    file = &archive.files[roll(archive.count)];
    way = roll(20);
    if (way < 12)
        change_entry(file);
    else if (way < 14)
        change_file(file);
    else if (way < 15)
        change_length(file);
    else if (way < 16)
        lose(file);
    else if (way < 17)
        change_name(file);
    else if (way < 18)
        add_copy(file);
    else if (way < 19)
        exchange(file);
    else
        file->in_parent = !file->in_parent;
    size = archive_print(&archive, printed, capacity);
    memcpy(data, printed, size);
    return size;
}
