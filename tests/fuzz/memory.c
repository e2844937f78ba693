/* libFuzzer target: the memory that a set and its parents hold. Aborts when a promise of memory.h is broken. */
#include "archive.h"
#include "require.h"
#include <ferry/imgcore/memory.h>

#define READS 32

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_run(const struct fy_memory *memory, const struct fy_memory_run *run)
{
    static uint8_t buffer[3 * 65536];
    struct fy_error err = FY_ERROR_INIT;
    size_t got = 0;
    int status = fy_memory_read(memory, run->address, buffer, sizeof(buffer), &got, &err);

    require((status < 0) == fy_error_is_set(&err));
    require(status < 0 || got <= sizeof(buffer));
    require(status < 0 || run->kind == FY_MEMORY_STORED || got == 0);
}

static void walk(const struct fy_memory *memory)
{
    size_t count = fy_memory_run_count(memory), step = count / READS + 1;
    uint64_t page = fy_memory_page_bytes(memory), end = 0;

    require(page >= 1024 && (page & (page - 1)) == 0);
    for (size_t i = 0; i < count; i++) {
        const struct fy_memory_run *run = fy_memory_run(memory, i);
        require(run->pages > 0 && run->address >= end && run->pages <= (UINT64_MAX - run->address) / page);
        end = run->address + run->pages * page;
        if (i % step == 0) {
            require(fy_memory_find(memory, run->address) == i);
            read_run(memory, run);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct archive archive;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_memory_id *ids = NULL;
    size_t count = 0;
    int dir_fd;

    archive_parse(&archive, data, size);
    dir_fd = archive_unpack(&archive);
    require(fy_memory_list(dir_fd, &ids, &count, &err) == 0);
    for (size_t i = 0; i < count; i++) {
        struct fy_memory *memory;
        fy_error_clear(&err);
        if (fy_memory_open(dir_fd, &ids[i], &memory, &err) < 0) {
            require(fy_error_is_set(&err));
            continue;
        }
        walk(memory);
        fy_memory_free(memory);
    }
    free(ids);
    return 0;
}
