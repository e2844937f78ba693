/* Blocks: what is packed comes out the same, and what does not fit together is refused. */
#include "block.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t *pattern(size_t size, unsigned zero_every)
{
    uint8_t *data = malloc(size);
    cr_assert(data);
    for (size_t i = 0; i < size; i++)
        data[i] = (i / FY_PIECE_BYTES) % zero_every == 0 ? 0 : (uint8_t)(i * 31 + 7);
    return data;
}

static void round_trip(uint32_t size, unsigned zero_every)
{
    uint8_t *data = pattern(size, zero_every);
    uint8_t *body = malloc(size);
    uint8_t *back = calloc(1, size);
    cr_assert(body && back);
    memcpy(body, data, size);
    struct fy_block block = {.raw_bytes = size};
    struct fy_error err = FY_ERROR_INIT;
    fy_block_pack(&block, body);
    cr_expect_eq(fy_block_check(&block, block.body_bytes, &err), 0);
    int fd = memfd_create("block", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(fd, size), 0);
    cr_expect_eq(fy_block_write(&block, body, fd, "block", &err), 0, "%s", err.message);
    cr_assert_eq(pread(fd, back, size, 0), (ssize_t)size);
    cr_expect_eq(memcmp(back, data, size), 0, "size %u, every %u", size, zero_every);
    (void)close(fd);
    free(back);
    free(body);
    free(data);
}

Test(block, round_trips_at_every_odd_size)
{
    static const uint32_t sizes[] = {1, 4095, 4096, 4097, 8191, 65536, 1000003, FY_BLOCK_BYTES - 1, FY_BLOCK_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned every = 1; every < 6; every++)
            round_trip(sizes[i], every);
}

Test(block, zero_pieces_are_not_in_the_body_and_stay_holes)
{
    uint8_t *data = calloc(1, FY_BLOCK_BYTES);
    struct fy_error err = FY_ERROR_INIT;
    struct stat st;
    data[5 * FY_PIECE_BYTES + 17] = 1;
    struct fy_block block = {.raw_bytes = FY_BLOCK_BYTES};
    fy_block_pack(&block, data);
    cr_expect_eq(block.body_bytes, FY_PIECE_BYTES);
    cr_expect(block.sparse);
    int fd = memfd_create("block", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(fd, FY_BLOCK_BYTES), 0);
    cr_expect_eq(fy_block_write(&block, data, fd, "block", &err), 0);
    cr_assert_eq(fstat(fd, &st), 0);
    cr_expect_eq(st.st_blocks * 512, FY_PIECE_BYTES);
    (void)close(fd);
    free(data);
}

Test(block, a_flipped_bit_is_found)
{
    uint8_t *data = pattern(50000, 3);
    struct fy_block block = {.raw_bytes = 50000};
    struct fy_error err = FY_ERROR_INIT;
    fy_block_pack(&block, data);
    data[block.body_bytes / 2] ^= 1;
    int fd = memfd_create("block", MFD_CLOEXEC);
    cr_expect_eq(fy_block_write(&block, data, fd, "pages-1.img", &err), -1);
    cr_expect_eq(err.code, FY_E_VERIFY);
    cr_expect(strstr(err.message, "pages-1.img"));
    (void)close(fd);
    free(data);
}

Test(block, a_bitmap_that_does_not_fit_the_body_is_refused)
{
    struct fy_block block = {.raw_bytes = 3 * FY_PIECE_BYTES, .sparse = true, .present = {0x03}};
    struct fy_error err = FY_ERROR_INIT;
    cr_expect_eq(fy_block_check(&block, 2 * FY_PIECE_BYTES, &err), 0);
    cr_expect_eq(fy_block_check(&block, 3 * FY_PIECE_BYTES, &err), -1);
    cr_expect_eq(err.code, FY_E_PROTOCOL);
    fy_error_clear(&err);
    block.raw_bytes = 0;
    cr_expect_eq(fy_block_check(&block, 0, &err), -1);
    fy_error_clear(&err);
    block.raw_bytes = FY_BLOCK_BYTES + 1;
    cr_expect_eq(fy_block_check(&block, 0, &err), -1);
}
