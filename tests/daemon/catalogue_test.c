/* The list of checkpoints beside a simple model of it: whatever comes and goes, it is in order, and each is found. */
#include "checkpoint_catalogue.h"

#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <string.h>

#define NAMES 40
#define STEPS 4000

static struct fy_checkpoints checkpoints;
static unsigned seed;
static struct {
    bool there, damaged;
    int64_t created_us;
} model[NAMES];

static unsigned random_below(unsigned below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* Some names begin with others. */
static void name_of(unsigned number, char id[FY_CHECKPOINT_ID_SIZE])
{
    (void)snprintf(id, FY_CHECKPOINT_ID_SIZE, number % 2 ? "c-%u" : "c-%u-x", number);
}

static struct fy_checkpoint *make(const char *id, int64_t created_us)
{
    struct fy_checkpoint *made = calloc(1, sizeof *made);
    cr_assert_not_null(made);
    made->record = calloc(1, sizeof *made->record);
    made->state = calloc(1, sizeof *made->state);
    cr_assert(made->record && made->state);
    ferry__checkpoint__record__init(made->record);
    ferry__checkpoint__state__init(made->state);
    made->record->id = strdup(id);
    made->record->workload = strdup("runc/web");
    made->record->created_us = created_us;
    return made;
}

static void set_one(unsigned number)
{
    char id[FY_CHECKPOINT_ID_SIZE];
    name_of(number, id);
    model[number].there = true;
    model[number].damaged = random_below(8) == 0;
    model[number].created_us = model[number].damaged ? 0 : random_below(20);
    struct fy_checkpoint *checkpoint = model[number].damaged ? NULL : make(id, model[number].created_us);
    cr_assert_eq(catalogue_set(&checkpoints, id, checkpoint, checkpoint ? NULL : "damaged", NULL), 0);
}

static void drop_one(unsigned number)
{
    char id[FY_CHECKPOINT_ID_SIZE];
    name_of(number, id);
    model[number].there = false;
    catalogue_drop(&checkpoints, id);
}

static void check_found(void)
{
    size_t count = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        char id[FY_CHECKPOINT_ID_SIZE];
        struct fy_checkpoint_entry entry;
        name_of(i, id);
        count += model[i].there;
        cr_assert_eq(catalogue_find(&checkpoints, id) != NULL, model[i].there, "%s", id);
        if (!model[i].there)
            continue;
        cr_assert_eq(fy_checkpoints_find(&checkpoints, id, &entry, NULL), 0, "%s", id);
        cr_assert_str_eq(entry.id, id);
        cr_assert_eq(entry.record == NULL, model[i].damaged);
    }
    cr_assert_eq(fy_checkpoints_count(&checkpoints), count);
}

/* As a list is sent: from each to the first after it. */
static void check_order(void)
{
    int64_t last_us = INT64_MIN;
    char last[FY_CHECKPOINT_ID_SIZE] = "";
    for (size_t i = 0; i < fy_checkpoints_count(&checkpoints); i++) {
        struct fy_checkpoint_entry entry;
        cr_assert_eq(fy_checkpoints_after(&checkpoints, last_us, last), i);
        fy_checkpoints_at(&checkpoints, i, &entry);
        int64_t at_us = entry.record ? entry.record->created_us : 0;
        cr_assert(at_us > last_us || (at_us == last_us && strcmp(entry.id, last) > 0), "%s after %s", entry.id, last);
        last_us = at_us;
        (void)snprintf(last, sizeof last, "%s", entry.id);
    }
    cr_assert_eq(fy_checkpoints_after(&checkpoints, last_us, last), fy_checkpoints_count(&checkpoints));
}

Test(catalogue, is_in_order_whatever_comes_and_goes)
{
    seed = 41;
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned number = random_below(NAMES);
        if (random_below(3))
            set_one(number);
        else
            drop_one(number);
        check_found();
        check_order();
    }
    for (unsigned i = 0; i < NAMES; i++)
        drop_one(i);
    free(checkpoints.list);
    free(checkpoints.by_id);
}

Test(catalogue, finds_by_a_beginning_that_fits_no_other)
{
    static const char *const ids[] = {"c-1", "c-10", "c-11", "c-2x"};
    struct fy_checkpoint_entry entry;
    struct fy_error err = FY_ERROR_INIT;
    for (size_t i = 0; i < FY_ARRAY_SIZE(ids); i++)
        cr_assert_eq(catalogue_set(&checkpoints, ids[i], make(ids[i], (int64_t)i), NULL, NULL), 0);
    cr_assert_eq(fy_checkpoints_find(&checkpoints, "c-1", &entry, NULL), 0);
    cr_expect_str_eq(entry.id, "c-1");
    cr_assert_eq(fy_checkpoints_find(&checkpoints, "c-2", &entry, NULL), 0);
    cr_expect_str_eq(entry.id, "c-2x");
    cr_expect_eq(fy_checkpoints_find(&checkpoints, "c-", &entry, &err), -1);
    cr_expect_str_eq(err.message, "4 checkpoints begin with c-");
    fy_error_clear(&err);
    cr_expect_eq(fy_checkpoints_find(&checkpoints, "c-3", &entry, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    cr_expect_eq(fy_checkpoints_find(&checkpoints, "", &entry, NULL), -1);
    for (size_t i = 0; i < FY_ARRAY_SIZE(ids); i++)
        catalogue_drop(&checkpoints, ids[i]);
    free(checkpoints.list);
    free(checkpoints.by_id);
}
