/* Blocks: what is taken apart comes together the same, and what does not fit together is refused. */
#include "block.h"
#include "page_table.h"

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
        data[i] = (i / FY_PIECE_BYTES) % zero_every == 0 ? 0 : (uint8_t)(i * 31 + i / FY_PIECE_BYTES + 7);
    return data;
}

/* A file with what is written of a block, and holes where nothing is. */
static int written(const struct fy_block *block, const struct fy_block_parts *parts)
{
    struct fy_error err = FY_ERROR_INIT;
    int fd = memfd_create("block", MFD_CLOEXEC);
    cr_assert_eq(ftruncate(fd, (off_t)block->offset + block->raw_bytes), 0);
    cr_expect_eq(fy_block_write(block, parts, fd, "block", &err), 0, "%s", err.message);
    return fd;
}

static void round_trip(uint32_t size, unsigned zero_every)
{
    uint8_t *data = pattern(size, zero_every);
    uint8_t *plain = malloc(size);
    uint8_t *back = calloc(1, size);
    cr_assert(plain && back);
    memcpy(plain, data, size);
    struct fy_block block = {.raw_bytes = size};
    struct fy_error err = FY_ERROR_INIT;
    fy_block_sort(&block, plain, 0, 0, NULL);
    fy_block_gather(&block, plain, plain);
    cr_expect_eq(fy_block_check(&block, block.plain_bytes, &err), 0, "%s", err.message);
    struct fy_block_parts parts = {.plain = plain};
    cr_expect_eq(fy_block_verify(&block, &parts, "block", &err), 0, "%s", err.message);
    int fd = written(&block, &parts);
    cr_assert_eq(pread(fd, back, size, 0), (ssize_t)size);
    cr_expect_eq(memcmp(back, data, size), 0, "size %u, every %u", size, zero_every);
    (void)close(fd);
    free(back);
    free(plain);
    free(data);
}

Test(block, round_trips_at_every_odd_size)
{
    static const uint32_t sizes[] = {1, 4095, 4096, 4097, 8191, 65536, 1000003, FY_BLOCK_BYTES - 1, FY_BLOCK_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (unsigned every = 1; every < 6; every++)
            round_trip(sizes[i], every);
}

Test(block, zero_pieces_are_left_out_and_stay_holes)
{
    uint8_t *data = calloc(1, FY_BLOCK_BYTES);
    struct fy_error err = FY_ERROR_INIT;
    struct stat st;
    data[5 * FY_PIECE_BYTES + 17] = 1;
    struct fy_block block = {.raw_bytes = FY_BLOCK_BYTES};
    fy_block_sort(&block, data, 0, 0, NULL);
    fy_block_gather(&block, data, data);
    cr_expect_eq(block.plain_bytes, FY_PIECE_BYTES);
    cr_expect_not(fy_block_is_full(&block));
    struct fy_block_parts parts = {.plain = data};
    cr_expect_eq(fy_block_verify(&block, &parts, "block", &err), 0);
    int fd = written(&block, &parts);
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
    fy_block_sort(&block, data, 0, 0, NULL);
    fy_block_gather(&block, data, data);
    data[block.plain_bytes / 2] ^= 1;
    struct fy_block_parts parts = {.plain = data};
    cr_expect_eq(fy_block_verify(&block, &parts, "pages-1.img", &err), -1);
    cr_expect_eq(err.code, FY_E_VERIFY);
    cr_expect(strstr(err.message, "pages-1.img"));
    free(data);
}

/* ---- pages that the peer has ---- */

struct library {
    const uint8_t *files[4];
    unsigned reads;
};

static int read_library(void *data, const struct fy_block_ref *first, uint32_t count, uint8_t *to, struct fy_error *err)
{
    (void)err;
    struct library *library = data;
    library->reads++;
    memcpy(to, library->files[first->file] + (size_t)first->piece * FY_PIECE_BYTES, (size_t)count * FY_PIECE_BYTES);
    return 0;
}

Test(block, pages_that_the_peer_has_are_referred_to)
{
    struct fy_page_table *table = fy_page_table_new();
    struct fy_error err = FY_ERROR_INIT;
    uint8_t *first = pattern(FY_BLOCK_BYTES, 1000);
    uint8_t *sent = malloc(FY_BLOCK_BYTES);
    uint8_t *second = malloc(FY_BLOCK_BYTES);
    uint8_t *known = malloc(FY_BLOCK_BYTES);
    memset(first, 1, FY_PIECE_BYTES);
    for (size_t i = 0; i < FY_BLOCK_PIECES; i++)
        memcpy(first + i * FY_PIECE_BYTES, &i, sizeof i);
    first[1] = 1;
    memcpy(sent, first, FY_BLOCK_BYTES);
    struct fy_block block = {.raw_bytes = FY_BLOCK_BYTES};
    fy_block_sort(&block, sent, 3, 0, table);
    fy_block_gather(&block, sent, sent);
    cr_expect_eq(block.ref_count, 0);

    /* Until it is kept nothing is referred to. */
    memcpy(second, first, FY_BLOCK_BYTES);
    fy_block_sort(&block, second, 1, 1, table);
    fy_block_gather(&block, second, second);
    cr_expect_eq(block.ref_count, 0);
    fy_page_table_kept(table, 1);

    /* The same block, but for one page that is new, one that is zero, and two that have changed places. */
    memcpy(second, first, FY_BLOCK_BYTES);
    memset(second + 7 * FY_PIECE_BYTES, 9, FY_PIECE_BYTES);
    memset(second + 8 * FY_PIECE_BYTES, 0, FY_PIECE_BYTES);
    memcpy(second + 9 * FY_PIECE_BYTES, first + 10 * FY_PIECE_BYTES, FY_PIECE_BYTES);
    memcpy(second + 10 * FY_PIECE_BYTES, first + 9 * FY_PIECE_BYTES, FY_PIECE_BYTES);
    memcpy(sent, second, FY_BLOCK_BYTES);
    struct fy_block later = {.offset = FY_BLOCK_BYTES, .raw_bytes = FY_BLOCK_BYTES};
    fy_block_sort(&later, sent, 1, 2, table);
    fy_block_gather(&later, sent, sent);
    cr_expect_eq(later.ref_count, FY_BLOCK_PIECES - 2);
    cr_expect_eq(later.plain_bytes, FY_PIECE_BYTES);
    cr_expect_eq(later.refs[0].file, 3);

    uint8_t wire[FY_BLOCK_PIECES * FY_REF_BYTES];
    size_t wire_bytes = fy_block_put_refs(&later, wire);
    struct fy_block arrived = later;
    memset(arrived.refs, 0, sizeof arrived.refs);
    cr_expect_eq(fy_block_get_refs(&arrived, wire, wire_bytes, &err), 0);
    cr_expect_eq(fy_block_check(&arrived, FY_PIECE_BYTES, &err), 0, "%s", err.message);
    struct library library = {.files = {[3] = first}};
    struct fy_block_parts parts = {.plain = sent, .known = known};
    cr_expect_eq(fy_block_read_known(&arrived, read_library, &library, known, &err), 0, "%s", err.message);
    cr_expect_eq(library.reads, 4); /* runs are read at once */
    cr_expect_eq(fy_block_verify(&arrived, &parts, "x", &err), 0, "%s", err.message);
    int fd = written(&arrived, &parts);
    cr_assert_eq(pread(fd, first, FY_BLOCK_BYTES, FY_BLOCK_BYTES), FY_BLOCK_BYTES);
    cr_expect_eq(memcmp(first, second, FY_BLOCK_BYTES), 0);
    (void)close(fd);
    fy_page_table_free(table);
    free(known);
    free(second);
    free(sent);
    free(first);
}

/* ---- what does not fit together ---- */

Test(block, bitmaps_that_do_not_fit_are_refused)
{
    struct fy_error err = FY_ERROR_INIT;
    struct {
        struct fy_block block;
        size_t body_bytes;
        int result;
    } cases[] = {
        {{.raw_bytes = 3 * FY_PIECE_BYTES, .present = {0x03}}, 2 * FY_PIECE_BYTES, 0},
        {{.raw_bytes = 3 * FY_PIECE_BYTES, .present = {0x03}}, 3 * FY_PIECE_BYTES, -1},
        {{.raw_bytes = 3 * FY_PIECE_BYTES, .present = {0x08}}, FY_PIECE_BYTES, -1},
        {{.raw_bytes = 3 * FY_PIECE_BYTES, .present = {0x02}, .again = {0x02}, .ref_count = 1}, FY_PIECE_BYTES, -1},
        {{.raw_bytes = 3 * FY_PIECE_BYTES, .present = {0x02}, .again = {0x01}, .ref_count = 1}, FY_PIECE_BYTES, 0},
        {{.raw_bytes = 3 * FY_PIECE_BYTES, .present = {0x02}, .again = {0x01}, .ref_count = 2}, FY_PIECE_BYTES, -1},
        {{.raw_bytes = 3 * FY_PIECE_BYTES, .present = {0x02}, .again = {0x01}}, FY_PIECE_BYTES, -1},
        {{.raw_bytes = 5000, .again = {0x02}, .ref_count = 1}, 0, -1}, /* half a piece has no page to equal */
        {{.raw_bytes = 0}, 0, -1},
        {{.raw_bytes = FY_BLOCK_BYTES + 1}, 0, -1},
        {{.raw_bytes = FY_PIECE_BYTES, .present = {0x01}, .encoding = FY_ENCODING_COUNT}, 10, -1},
        {{.raw_bytes = FY_PIECE_BYTES, .present = {0x01}, .encoding = FY_ENCODING_LZ4}, 10, 0},
        {{.raw_bytes = FY_PIECE_BYTES, .present = {0x01}, .encoding = FY_ENCODING_LZ4}, 0, -1},
        {{.raw_bytes = FY_PIECE_BYTES, .present = {0x01}, .encoding = FY_ENCODING_ZSTD}, FY_PIECE_BYTES, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fy_error_clear(&err);
        cr_expect_eq(fy_block_check(&cases[i].block, cases[i].body_bytes, &err), cases[i].result, "case %zu", i);
        cr_expect_eq(err.code, cases[i].result == 0 ? FY_OK : FY_E_PROTOCOL, "case %zu", i);
    }
    struct fy_block block = {0};
    uint8_t refs[FY_REF_BYTES + 1] = {0};
    cr_expect_eq(fy_block_get_refs(&block, refs, sizeof refs, &err), -1);
    cr_expect_eq(fy_block_get_refs(&block, refs, (FY_BLOCK_PIECES + 1) * FY_REF_BYTES, &err), -1);
}
