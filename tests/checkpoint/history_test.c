/* Random histories of putting and removing against a plain model: a list of what each checkpoint must hold. */
#include "shelf.h"

#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/imgcore/manifest.h>
#include <stdio.h>
#include <string.h>

#define MOST 24

struct one {
    char id[16], parent[16];
    char *kept;
};

struct history {
    struct shelf shelf;
    struct one list[MOST];
    size_t count;
    unsigned numbers;
};

static void put(struct history *history)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_checkpoint *made;
    struct one *one = &history->list[history->count];
    const struct one *before =
        history->count ? &history->list[shelf_random(&history->shelf, (unsigned)history->count)] : NULL;
    shelf_dirty(&history->shelf, shelf_random(&history->shelf, 60));
    (void)unlinkat(history->shelf.set.fd, FY_MANIFEST_NAME, 0);
    (void)snprintf(one->id, sizeof one->id, "c-%04u", history->numbers++);
    cr_assert_eq(shelf_put(&history->shelf, one->id, before ? before->id : NULL, &err), 0, "%s", err.message);
    scratch_remove(&history->shelf.set, FY_MANIFEST_NAME);
    one->kept = shelf_keep(&history->shelf);
    cr_assert_eq(fy_checkpoint_load(history->shelf.store, one->id, &made, &err), 0);
    (void)snprintf(one->parent, sizeof one->parent, "%s", made->record->parent ? made->record->parent : "");
    fy_checkpoint_free(made);
    history->count++;
}

static void remove_one(struct history *history)
{
    struct fy_error err = FY_ERROR_INIT;
    const char *children[MOST];
    size_t child_count = 0, index = shelf_random(&history->shelf, (unsigned)history->count);
    const struct one gone = history->list[index];
    for (size_t i = 0; i < history->count; i++) {
        if (strcmp(history->list[i].parent, gone.id) == 0)
            children[child_count++] = history->list[i].id;
    }
    cr_assert_eq(fy_checkpoint_remove(history->shelf.store, gone.id, children, child_count, NULL, &err), 0, "%s",
                 err.message);
    for (size_t i = 0; i < history->count; i++) {
        if (strcmp(history->list[i].parent, gone.id) == 0)
            memcpy(history->list[i].parent, gone.parent, sizeof gone.parent);
    }
    shelf_forget(gone.kept);
    history->list[index] = history->list[--history->count];
}

static void run_history(const char *set, enum shelf_form form, unsigned seed)
{
    struct history history = {0};
    shelf_open(&history.shelf, set, form, 6, seed);
    for (unsigned step = 0; step < 30; step++) {
        if (history.count == 0 || (history.count < MOST && shelf_random(&history.shelf, 5) < 3))
            put(&history);
        else
            remove_one(&history);
        cr_assert_eq(shelf_count(&history.shelf), history.count);
        if (history.count)
            shelf_assert_same(&history.shelf, history.list[step % history.count].id,
                              history.list[step % history.count].kept);
    }
    for (size_t i = 0; i < history.count; i++) {
        shelf_assert_same(&history.shelf, history.list[i].id, history.list[i].kept);
        shelf_forget(history.list[i].kept);
    }
    shelf_close(&history.shelf);
}

Test(history, plain)
{
    run_history("32bit", SHELF_PLAIN, 1);
    run_history("tcp", SHELF_PLAIN, 2);
}

Test(history, compressed)
{
    run_history("32bit", SHELF_COMPRESSED, 3);
    run_history("tcp", SHELF_COMPRESSED, 4);
}

Test(history, sealed)
{
    run_history("32bit", SHELF_SEALED, 5);
    run_history("tcp", SHELF_SEALED, 6);
}
