/* What goes in comes out, in every form; what cannot go in leaves nothing. */
#include "fork_child.h"
#include "shelf.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/imgcore/manifest.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void chain_of_four(const char *set, enum shelf_form form)
{
    static const char *const ids[] = {"c-1", "c-2", "c-3", "c-4"};
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    char *kept[4];
    shelf_open(&shelf, set, form, 8, 7);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(shelf_put(&shelf, ids[i], i ? ids[i - 1] : NULL, &err), 0, "%s", err.message);
        scratch_remove(&shelf.set, FY_MANIFEST_NAME);
        kept[i] = shelf_keep(&shelf);
        shelf_dirty(&shelf, 20);
    }
    for (size_t i = 0; i < 4; i++) {
        bool whole_look;
        struct fy_checkpoint *checkpoint;
        cr_assert_eq(fy_checkpoint_load(shelf.store, ids[i], &checkpoint, &err), 0);
        cr_expect_eq(checkpoint->record->depth, i);
        fy_checkpoint_free(checkpoint);
        shelf_assert_same(&shelf, ids[i], kept[i]);
        cr_assert_eq(fy_checkpoint_verify(shelf.store, ids[i], NULL, NULL, NULL, &whole_look, &err), 0, "%s",
                     err.message);
        cr_expect(whole_look);
        shelf_forget(kept[i]);
    }
    cr_expect_eq(shelf_count(&shelf), 4);
    shelf_close(&shelf);
}

Test(store, what_goes_in_comes_out)
{
    static const char *const sets[] = {"32bit", "namespaces", "tcp", "deleted"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(sets); i++) {
        for (enum shelf_form form = 0; form < SHELF_FORMS; form++)
            chain_of_four(sets[i], form);
    }
}

Test(store, little_is_stored_when_little_changes)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    shelf_open(&shelf, "tcp", SHELF_PLAIN, 8, 3);
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), 0, "%s", err.message);
    uint64_t first = shelf_real_bytes(&shelf);
    cr_assert_eq(shelf_put(&shelf, "c-2", "c-1", &err), 0, "%s", err.message);
    struct fy_checkpoint *checkpoint;
    cr_assert_eq(fy_checkpoint_load(shelf.store, "c-2", &checkpoint, &err), 0);
    for (size_t i = 0; i < checkpoint->record->n_files; i++) {
        if (strncmp(checkpoint->record->files[i]->path, "images/pages-", 13) == 0)
            cr_expect_eq(checkpoint->record->files[i]->stored_bytes, 0);
    }
    cr_expect_gt(checkpoint->record->logical_bytes, 0);
    cr_expect_lt(checkpoint->real_bytes, first);
    fy_checkpoint_free(checkpoint);
    shelf_close(&shelf);
}

Test(store, a_chain_is_no_longer_than_configured)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    char id[16], before[16] = "";
    shelf_open(&shelf, "tcp", SHELF_COMPRESSED, 3, 3);
    for (unsigned i = 0; i < 7; i++) {
        struct fy_checkpoint *checkpoint;
        (void)snprintf(id, sizeof id, "c-%u", i);
        cr_assert_eq(shelf_put(&shelf, id, i ? before : NULL, &err), 0, "%s", err.message);
        cr_assert_eq(fy_checkpoint_load(shelf.store, id, &checkpoint, &err), 0);
        cr_expect_eq(checkpoint->record->depth, i % 3);
        fy_checkpoint_free(checkpoint);
        memcpy(before, id, sizeof id);
    }
    shelf_close(&shelf);
}

Test(store, a_set_that_is_not_whole_is_refused_and_leaves_nothing)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    shelf_open(&shelf, "tcp", SHELF_PLAIN, 8, 3);
    scratch_remove(&shelf.set, "pstree.img");
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_VERIFY, "%s", err.message);
    cr_expect_eq(shelf_count(&shelf), 0);
    shelf_close(&shelf);
}

Test(store, ids_are_used_once)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    shelf_open(&shelf, "tcp", SHELF_PLAIN, 8, 3);
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), 0, "%s", err.message);
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_BUSY, "%s", err.message);
    fy_error_clear(&err);
    cr_assert_eq(shelf_put(&shelf, "../c", NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_USAGE);
    cr_expect_eq(shelf_count(&shelf), 1);
    shelf_close(&shelf);
}

Test(store, only_with_the_key)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_checkpoint_key *right;
    bool whole_look = true;
    char out[96];
    shelf_open(&shelf, "tcp", SHELF_SEALED, 8, 3);
    (void)snprintf(out, sizeof out, "%s/out", shelf.directory);
    cr_assert_eq(mkdir(out, 0700), 0);
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), 0, "%s", err.message);
    shelf_reopen(&shelf, SHELF_PLAIN, 8);
    cr_assert_eq(fy_checkpoint_expand(shelf.store, "c-1", out, NULL, NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_DENIED, "%s", err.message);
    fy_error_clear(&err);
    /* What is stored can be seen to be whole without it. */
    cr_assert_eq(fy_checkpoint_verify(shelf.store, "c-1", NULL, NULL, NULL, &whole_look, &err), 0, "%s", err.message);
    cr_expect_not(whole_look);
    right = fy_take(shelf.key);
    cr_assert_eq(fy_checkpoint_key_parse("another one of 32 bytes, as long", 32, "test", &shelf.key, &err), 0);
    shelf_reopen(&shelf, SHELF_SEALED, 8);
    cr_assert_eq(fy_checkpoint_expand(shelf.store, "c-1", out, NULL, NULL, &err), -1);
    cr_expect_eq(err.code, FY_E_DENIED, "%s", err.message);
    fy_checkpoint_key_free(right);
    shelf_close(&shelf);
}

Test(store, nobody_else_can_read_it)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    char command[200];
    (void)umask(0);
    shelf_open(&shelf, "tcp", SHELF_PLAIN, 8, 3);
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), 0, "%s", err.message);
    (void)snprintf(command, sizeof command, "test -z \"$(find %s ! -type l -perm /077)\"", shelf.store_path);
    cr_expect_eq(system(command), 0);
    shelf_close(&shelf);
}

Test(store, a_state_is_kept_and_a_damaged_one_counts_as_pinned)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    struct fy_checkpoint *checkpoint;
    Ferry__Checkpoint__State state = FERRY__CHECKPOINT__STATE__INIT;
    char path[200];
    shelf_open(&shelf, "tcp", SHELF_PLAIN, 8, 3);
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), 0, "%s", err.message);
    state.has_verified_us = 1;
    state.verified_us = 77;
    cr_assert_eq(fy_checkpoint_set_state(shelf.store, "c-1", &state, &err), 0, "%s", err.message);
    cr_assert_eq(fy_checkpoint_load(shelf.store, "c-1", &checkpoint, &err), 0);
    cr_expect_eq(checkpoint->state->verified_us, 77);
    cr_expect_not(checkpoint->state->pinned);
    fy_checkpoint_free(checkpoint);
    (void)snprintf(path, sizeof path, "%s/c-1/state", shelf.store_path);
    cr_assert_eq(fy_fs_write_file(path, "damaged", 7, 0600, &err), 0);
    cr_assert_eq(fy_checkpoint_load(shelf.store, "c-1", &checkpoint, &err), 0);
    cr_expect(checkpoint->state->pinned);
    fy_checkpoint_free(checkpoint);
    shelf_close(&shelf);
}

/* A process that puts and removes is killed at any moment: what is there afterwards is whole, and nothing else is. */
static pid_t start_worker(struct shelf *shelf)
{
    int ends[2];
    char seed[16], began;
    (void)snprintf(seed, sizeof seed, "%u", shelf_random(shelf, 1u << 24));
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork_child();
    if (pid == 0) {
        (void)unsetenv("BXFI_MAP"); /* by which Criterion knows a process of its own */
        (void)dup2(ends[1], STDOUT_FILENO);
        (void)execl(WORKER, WORKER, shelf->directory, shelf->store_path, shelf->set.path, seed, (char *)NULL);
        _exit(127);
    }
    cr_assert_gt(pid, 0);
    (void)close(ends[1]);
    cr_assert_eq(read(ends[0], &began, 1), 1, "it did not begin");
    (void)close(ends[0]);
    return pid;
}

static int verify_one(const char *id, void *data, struct fy_error *err)
{
    struct shelf *shelf = data;
    bool whole_look;
    cr_assert_eq(fy_checkpoint_verify(shelf->store, id, NULL, NULL, NULL, &whole_look, err), 0, "%s: %s", id,
                 err->message);
    return 0;
}

Test(store, a_crash_leaves_a_whole_one_or_none)
{
    struct shelf shelf;
    struct fy_error err = FY_ERROR_INIT;
    shelf_open(&shelf, "tcp", SHELF_COMPRESSED, 8, 11);
    cr_assert_eq(shelf_put(&shelf, "c-1", NULL, &err), 0, "%s", err.message);
    scratch_remove(&shelf.set, FY_MANIFEST_NAME);
    char *kept = shelf_keep(&shelf);
    for (unsigned i = 0; i < 40; i++) {
        int status;
        pid_t pid = start_worker(&shelf);
        (void)usleep(shelf_random(&shelf, 60000));
        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFSIGNALED(status), "it ended by itself");
        shelf_reopen(&shelf, SHELF_COMPRESSED, 8);
        cr_assert_leq(shelf_count(&shelf), 3);
        cr_assert_eq(fy_checkpoint_each(shelf.store, verify_one, &shelf, &err), 0, "%s", err.message);
        shelf_assert_same(&shelf, "c-1", kept);
        static const char *const child[] = {"c-3"};
        char path[128];
        (void)snprintf(path, sizeof path, "%s/c-3", shelf.store_path);
        bool has_child = access(path, F_OK) == 0;
        (void)snprintf(path, sizeof path, "%s/c-3/images/parent", shelf.store_path);
        char target[64] = "";
        has_child = has_child && readlink(path, target, sizeof target - 1) > 0 && strstr(target, "c-2");
        (void)fy_checkpoint_remove(shelf.store, "c-2", child, has_child, NULL, NULL);
        (void)fy_checkpoint_remove(shelf.store, "c-3", NULL, 0, NULL, NULL);
        cr_assert_eq(shelf_count(&shelf), 1);
    }
    shelf_forget(kept);
    shelf_close(&shelf);
}
