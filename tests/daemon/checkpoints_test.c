/* Jobs on checkpoints in the job table: what they read stays, what they change is read again, who is in the way is
 * told. */
#include "checkpoint_db.h"
#include "database.h"
#include "scene.h"
#include "shelf.h"

#include <criterion/criterion.h>
#include <ferry/daemon/checkpoints.h>
#include <string.h>

static struct shelf shelf;
static struct fy_checkpoints *checkpoints;

static void put(const char *id, const char *parent)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(shelf_put(&shelf, id, parent, &err), 0, "%s", err.message);
    scratch_remove(&shelf.set, "ferry.manifest");
    shelf_dirty(&shelf, 100);
}

static void path_of_db(char path[128])
{
    (void)snprintf(path, 128, "%s/ferry.db", scene.directory);
}

static void open_catalogue(void)
{
    struct fy_error err = FY_ERROR_INIT;
    char database[128];
    path_of_db(database);
    const struct fy_checkpoints_options options = {
        .host = &scene.host, .store = shelf.store, .jobs = scene.jobs, .database = database};
    cr_assert_eq(fy_checkpoints_new(&options, &checkpoints, &err), 0, "%s", err.message);
}

static void begin_test(void)
{
    scene_begin(4);
    shelf_open(&shelf, "tcp", SHELF_COMPRESSED, 8, 31);
    put("c-1", NULL);
    put("c-2", "c-1");
    put("c-3", "c-2");
    open_catalogue();
}

static void end_test(void)
{
    scene_close();
    (void)uv_run(&scene.loop, UV_RUN_DEFAULT);
    fy_checkpoints_free(checkpoints);
    scene_end();
    shelf_close(&shelf);
}

TestSuite(checkpoints, .init = begin_test, .fini = end_test);

static bool job_ended(const char *id)
{
    struct fy_record *record = NULL;
    cr_assert_eq(fy_jobs_find(scene.jobs, id, &record, NULL), 0);
    return fy_record_ended(record);
}

static void await(const char *id)
{
    RUN_UNTIL(job_ended(id));
}

/* The id of the job that `record` is of; the reference is given back. */
static void take_id(struct fy_record *record, char id[FY_JOB_ID_SIZE])
{
    (void)snprintf(id, FY_JOB_ID_SIZE, "%s", record->job->id);
    fy_record_unref(record);
}

static void start_verify(const char *id, char job[FY_JOB_ID_SIZE])
{
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_checkpoints_verify(checkpoints, id, true, &record, &err), 0, "%s", err.message);
    take_id(record, job);
}

static void start_remove(const char *id, char job[FY_JOB_ID_SIZE])
{
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_checkpoints_remove(checkpoints, id, &record, &err), 0, "%s", err.message);
    take_id(record, job);
}

static struct fy_checkpoint_entry find(const char *id)
{
    struct fy_checkpoint_entry entry;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_checkpoints_find(checkpoints, id, &entry, &err), 0, "%s", err.message);
    return entry;
}

/* So that the next start need not read the directory; NULL: it would. */
static struct fy_checkpoint *take_row(const char *id)
{
    char path[128];
    struct database *db = NULL;
    struct fy_checkpoint *row = NULL;
    struct fy_checkpoint_mark mark;
    struct fy_error err = FY_ERROR_INIT;
    path_of_db(path);
    (void)uv_run(&scene.loop, UV_RUN_DEFAULT); /* states are on the disk */
    cr_assert_eq(fy_checkpoint_look(shelf.store, id, &mark, &err), 0, "%s", err.message);
    cr_assert_eq(checkpoint_db_open(path, &db, &err), 0, "%s", err.message);
    cr_assert_eq(checkpoint_db_find(db, id, &mark, &row, &err), 0, "%s", err.message);
    database_close(db);
    return row;
}

Test(checkpoints, verified_is_noted_and_lasts)
{
    char job[FY_JOB_ID_SIZE];
    start_verify("c-3", job);
    await(job);
    cr_assert_eq(scene_job(job)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
    cr_expect(find("c-3").state->has_verified_us);
    cr_expect_not(find("c-2").state->has_verified_us);
    cr_expect_not(find("c-1").in_use);
    struct fy_checkpoint *row = take_row("c-3");
    cr_assert(row && row->state->has_verified_us);
    fy_checkpoint_free(row);
    fy_checkpoints_free(checkpoints);
    open_catalogue();
    cr_expect(find("c-3").state->has_verified_us);
}

Test(checkpoints, the_middle_is_removed_and_its_child_read_again)
{
    char job[FY_JOB_ID_SIZE];
    start_remove("c-2", job);
    await(job);
    cr_assert_eq(scene_job(job)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
    cr_expect_eq(fy_checkpoints_count(checkpoints), 2);
    cr_expect_str_eq(find("c-3").record->parent, "c-1");
    cr_expect_not(find("c-3").in_use);
    struct fy_checkpoint *row = take_row("c-3");
    cr_assert(row && strcmp(row->record->parent, "c-1") == 0);
    fy_checkpoint_free(row);
    start_verify("c-3", job);
    await(job);
    cr_assert_eq(scene_job(job)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
}

/* The one that reads begins first, and the other in the same turn of the loop, while it certainly reads. */
Test(checkpoints, what_is_read_is_not_removed)
{
    char reading[FY_JOB_ID_SIZE], removing[FY_JOB_ID_SIZE];
    fy_store_hold(scene.store);
    start_verify("c-3", reading);
    start_remove("c-1", removing);
    fy_store_release(scene.store);
    await(reading);
    await(removing);
    cr_expect_eq(scene_job(reading)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
    cr_assert_eq(scene_job(removing)->state, FERRY__CONTROL__JOB_STATE__FAILED);
    cr_expect_str_eq(scene_job(removing)->failure->code, "busy");
    cr_expect_eq(fy_checkpoints_count(checkpoints), 3);
    start_remove("c-1", removing);
    await(removing);
    cr_expect_eq(scene_job(removing)->state, FERRY__CONTROL__JOB_STATE__COMPLETED);
    cr_expect_null(find("c-2").record->parent);
}

Test(checkpoints, a_checkpoint_has_one_job)
{
    char job[FY_JOB_ID_SIZE];
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    start_verify("c-2", job);
    cr_assert_eq(fy_checkpoints_remove(checkpoints, "c-2", &record, &err), -1);
    cr_expect_eq(err.code, FY_E_BUSY, "%s", err.message);
    cr_expect(strstr(err.message, job), "%s", err.message);
    await(job);
}

static void set_flag(const struct fy_error *err, void *data)
{
    cr_assert_null(err);
    *(bool *)data = true;
}

Test(checkpoints, pinned_ones_stay)
{
    bool done = false;
    struct fy_record *record = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_checkpoints_pin(checkpoints, "c-1", true, set_flag, &done, &err), 0, "%s", err.message);
    RUN_UNTIL(done);
    cr_assert_eq(fy_checkpoints_remove(checkpoints, "c-1", &record, &err), -1);
    cr_expect_eq(err.code, FY_E_DENIED, "%s", err.message);
    fy_checkpoints_free(checkpoints);
    open_catalogue();
    cr_expect(find("c-1").state->pinned);
}

Test(checkpoints, ambiguous_and_unknown_ids)
{
    struct fy_checkpoint_entry entry;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_checkpoints_find(checkpoints, "c-", &entry, &err), -1);
    cr_expect_eq(err.code, FY_E_USAGE, "%s", err.message);
    fy_error_clear(&err);
    cr_assert_eq(fy_checkpoints_find(checkpoints, "d", &entry, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
}
