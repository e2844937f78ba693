/* Copies between two stores: only what is missing travels, what was interrupted goes on, what is wrong is refused. */
#include "shelf.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/checkpoint/copy.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct shelf here, there;
static uint8_t chunk[FY_STORED_CHUNK_BYTES];

static void begin_test(void)
{
    struct fy_error err = FY_ERROR_INIT;
    shelf_open(&here, "tcp", SHELF_COMPRESSED, 8, 21);
    shelf_open(&there, "tcp", SHELF_COMPRESSED, 8, 22);
    cr_assert_eq(shelf_put(&here, "c-1", NULL, &err), 0, "%s", err.message);
    scratch_remove(&here.set, "ferry.manifest");
    shelf_dirty(&here, 200);
    cr_assert_eq(shelf_put(&here, "c-2", "c-1", &err), 0, "%s", err.message);
    scratch_remove(&here.set, "ferry.manifest");
}

static void end_test(void)
{
    shelf_close(&here);
    shelf_close(&there);
}

TestSuite(copy, .init = begin_test, .fini = end_test);

/* Sends at most `most` chunks; returns how many were wanted. Finishes when all were sent. */
static uint64_t send(const char *id, uint64_t most, enum fy_copy_answer *answer, struct fy_error *err)
{
    struct fy_checkpoint_copy_source *source;
    struct fy_checkpoint_copy *copy = NULL;
    FY_AUTO_FREE uint8_t *wanted = NULL;
    uint64_t count = 0, asked = 0, sent = 0;
    size_t size;
    cr_assert_eq(fy_checkpoint_copy_open(here.store, id, &source, err), 0, "%s", err->message);
    const uint8_t *record = fy_checkpoint_copy_record(source, &size);
    if (fy_checkpoint_copy_begin(there.store, id, record, size, answer, &wanted, &count, &copy, err) == 0 &&
        *answer == FY_COPY_WANT) {
        for (uint64_t i = 0; i < count; i++) {
            size_t bytes;
            if (!(wanted[i / 8] & 1u << i % 8))
                continue;
            asked++;
            if (sent == most)
                continue;
            cr_assert_eq(fy_checkpoint_copy_read(source, i, chunk, &bytes, err), 0, "%s", err->message);
            cr_assert_eq(fy_checkpoint_copy_chunk(copy, i, chunk, bytes, err), 0, "%s", err->message);
            sent++;
        }
        if (sent == asked)
            cr_expect_eq(fy_checkpoint_copy_finish(copy, "here", err), 0, "%s", err->message);
    }
    fy_checkpoint_copy_free(copy);
    fy_checkpoint_copy_close(source);
    return asked;
}

Test(copy, parents_first_and_what_is_there_does_not_travel)
{
    struct fy_error err = FY_ERROR_INIT;
    enum fy_copy_answer answer;
    struct fy_checkpoint *copied;
    char *kept = shelf_keep(&here);
    send("c-2", UINT64_MAX, &answer, &err);
    cr_assert_eq(answer, FY_COPY_NEEDS_PARENT);
    cr_expect_gt(send("c-1", UINT64_MAX, &answer, &err), 10);
    cr_expect_gt(send("c-2", UINT64_MAX, &answer, &err), 10);
    cr_assert_eq(answer, FY_COPY_WANT);
    shelf_assert_same(&there, "c-2", kept);
    cr_expect_eq(send("c-2", UINT64_MAX, &answer, &err), 0);
    cr_expect_eq(answer, FY_COPY_HAVE);
    cr_assert_eq(fy_checkpoint_load(there.store, "c-2", &copied, &err), 0);
    cr_expect_str_eq(copied->state->received_from, "here");
    fy_checkpoint_free(copied);
    cr_expect_eq(shelf_count(&there), 2);
    shelf_forget(kept);
}

Test(copy, what_was_interrupted_goes_on)
{
    struct fy_error err = FY_ERROR_INIT;
    enum fy_copy_answer answer;
    uint64_t all = send("c-1", 5, &answer, &err);
    shelf_reopen(&there, SHELF_COMPRESSED, 8); /* also after a restart */
    cr_expect_eq(send("c-1", 4, &answer, &err), all - 5);
    cr_expect_eq(send("c-1", UINT64_MAX, &answer, &err), all - 9);
    cr_expect_eq(shelf_count(&there), 1);
}

/* Here the one before was removed: the copy becomes what it is here, mostly out of what it has. */
Test(copy, another_form_of_the_same)
{
    struct fy_error err = FY_ERROR_INIT;
    enum fy_copy_answer answer;
    static const char *const child[] = {"c-2"};
    char *kept = shelf_keep(&here);
    send("c-1", UINT64_MAX, &answer, &err);
    send("c-2", UINT64_MAX, &answer, &err);
    cr_assert_eq(fy_checkpoint_remove(here.store, "c-1", child, 1, NULL, &err), 0, "%s", err.message);
    struct fy_checkpoint *loaded;
    cr_assert_eq(fy_checkpoint_load(here.store, "c-2", &loaded, &err), 0);
    uint64_t files = loaded->record->n_files;
    fy_checkpoint_free(loaded);
    cr_expect_lt(send("c-2", UINT64_MAX, &answer, &err), files);
    cr_assert_eq(answer, FY_COPY_WANT);
    cr_assert_eq(fy_checkpoint_remove(there.store, "c-1", NULL, 0, NULL, &err), 0);
    shelf_assert_same(&there, "c-2", kept);
    shelf_forget(kept);
}

/* The parent that is there is an older form, and deeper than its child's record says. */
Test(copy, upon_an_older_form_of_its_parent)
{
    struct fy_error err = FY_ERROR_INIT;
    enum fy_copy_answer answer;
    static const char *const child[] = {"c-2"};
    send("c-1", UINT64_MAX, &answer, &err);
    send("c-2", UINT64_MAX, &answer, &err);
    cr_assert_eq(fy_checkpoint_remove(here.store, "c-1", child, 1, NULL, &err), 0, "%s", err.message);
    cr_assert_eq(shelf_put(&here, "c-3", "c-2", &err), 0, "%s", err.message);
    scratch_remove(&here.set, "ferry.manifest");
    char *kept = shelf_keep(&here);
    send("c-3", UINT64_MAX, &answer, &err);
    cr_assert_eq(answer, FY_COPY_WANT);
    shelf_assert_same(&there, "c-3", kept);
    shelf_forget(kept);
}

Test(copy, a_chunk_that_is_not_what_was_said)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_checkpoint_copy_source *source;
    struct fy_checkpoint_copy *copy = NULL;
    enum fy_copy_answer answer;
    FY_AUTO_FREE uint8_t *wanted = NULL;
    uint64_t count;
    size_t size, bytes;
    cr_assert_eq(fy_checkpoint_copy_open(here.store, "c-1", &source, &err), 0);
    const uint8_t *record = fy_checkpoint_copy_record(source, &size);
    cr_assert_eq(fy_checkpoint_copy_begin(there.store, "c-1", record, size, &answer, &wanted, &count, &copy, &err), 0);
    cr_assert_eq(fy_checkpoint_copy_read(source, 0, chunk, &bytes, &err), 0);
    chunk[0] ^= 1;
    cr_assert_eq(fy_checkpoint_copy_chunk(copy, 0, chunk, bytes, &err), -1);
    cr_expect_eq(err.code, FY_E_VERIFY, "%s", err.message);
    chunk[0] ^= 1;
    fy_error_clear(&err);
    cr_assert_eq(fy_checkpoint_copy_chunk(copy, 0, chunk, bytes, &err), 0, "%s", err.message);
    cr_assert_eq(fy_checkpoint_copy_chunk(copy, 0, chunk, bytes, &err), -1);
    cr_expect_eq(err.code, FY_E_PROTOCOL, "it was not asked for twice");
    fy_error_clear(&err);
    cr_assert_eq(fy_checkpoint_copy_chunk(copy, count + 7, chunk, bytes, &err), -1);
    fy_error_clear(&err);
    cr_assert_eq(fy_checkpoint_copy_finish(copy, "here", &err), -1);
    cr_expect_eq(err.code, FY_E_PROTOCOL, "%s", err.message);
    fy_checkpoint_copy_free(copy);
    fy_checkpoint_copy_close(source);
}

Test(copy, one_of_ours_is_not_replaced)
{
    struct fy_error err = FY_ERROR_INIT;
    enum fy_copy_answer answer;
    char *kept = shelf_keep(&there);
    cr_assert_eq(shelf_put(&there, "c-1", NULL, &err), 0, "%s", err.message);
    cr_expect_eq(send("c-1", UINT64_MAX, &answer, &err), 0);
    cr_expect_eq(err.code, FY_E_DENIED, "%s", err.message);
    shelf_assert_same(&there, "c-1", kept);
    shelf_forget(kept);
}

Test(copy, hostile_records)
{
    struct fy_checkpoint_copy_source *source;
    struct fy_error err = FY_ERROR_INIT;
    size_t size;
    cr_assert_eq(fy_checkpoint_copy_open(here.store, "c-1", &source, &err), 0);
    const uint8_t *record = fy_checkpoint_copy_record(source, &size);
    FY_AUTO_FREE uint8_t *bytes = malloc(size);
    for (unsigned i = 0; i < 3000; i++) {
        struct fy_checkpoint_copy *copy = NULL;
        enum fy_copy_answer answer;
        FY_AUTO_FREE uint8_t *wanted = NULL;
        uint64_t count;
        memcpy(bytes, record, size);
        for (unsigned k = 0; k <= i % 3; k++)
            bytes[shelf_random(&here, (unsigned)size)] = (uint8_t)shelf_random(&here, 256);
        size_t length = i % 5 ? size : shelf_random(&here, (unsigned)size);
        (void)fy_checkpoint_copy_begin(there.store, "c-1", bytes, length, &answer, &wanted, &count, &copy, NULL);
        fy_checkpoint_copy_free(copy);
    }
    fy_checkpoint_copy_close(source);
    /* Nothing was written outside of the part. */
    char command[200];
    (void)snprintf(command, sizeof command, "test \"$(ls -A %s)\" = .part-c-1", there.store_path);
    cr_expect_eq(system(command), 0);
}

Test(copy, damage_is_not_passed_on)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_checkpoint_copy_source *source;
    char path[200];
    size_t bytes;
    (void)snprintf(path, sizeof path, "%s/c-1/ferry.manifest.zst", here.store_path);
    FY_AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_eq(pwrite(fd, "XX", 2, 40), 2);
    cr_assert_eq(fy_checkpoint_copy_open(here.store, "c-1", &source, &err), 0);
    bool refused = false;
    for (uint64_t i = 0; i < fy_checkpoint_copy_count(source); i++) {
        fy_error_clear(&err);
        if (fy_checkpoint_copy_read(source, i, chunk, &bytes, &err) < 0) {
            refused = true;
            cr_expect_eq(err.code, FY_E_VERIFY);
            cr_expect(strstr(err.message, "ferry.manifest"), "%s", err.message);
        }
    }
    cr_expect(refused);
    fy_checkpoint_copy_close(source);
}
