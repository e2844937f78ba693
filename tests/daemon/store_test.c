/* The store: what is saved is there after reopening; what is not a database of ours is refused by name. */
#include "database.h"
#include "store_db.h"

#include <criterion/criterion.h>
#include <ferry/base/fs.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>

static uv_loop_t loop;
static char directory[64];
static struct fy_store *store;
static size_t loaded;
static char last_state[32], last_id[FY_JOB_ID_SIZE];

static void begin(void)
{
    (void)snprintf(directory, sizeof(directory), "/dev/shm/ferry-test-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(uv_loop_init(&loop), 0);
}

static void end(void)
{
    cr_assert_eq(uv_loop_close(&loop), 0);
    cr_assert_eq(fy_fs_remove_tree(directory, NULL), 0);
}

TestSuite(store, .init = begin, .fini = end);

static void no_failure(const char *id, const struct fy_error *err, void *data)
{
    (void)data;
    cr_assert_fail("%s: %s", id, err->message);
}

static int open_store(struct fy_error *err)
{
    return fy_store_open(&loop, directory, no_failure, NULL, &store, err);
}

static void close_store(void)
{
    fy_store_close(store, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

static int count_one(struct fy_record *record, void *data, struct fy_error *err)
{
    (void)data;
    (void)err;
    loaded++;
    (void)snprintf(last_state, sizeof(last_state), "%s", fy_job_state_name(record->job->state));
    (void)snprintf(last_id, sizeof(last_id), "%s", record->job->id);
    fy_record_unref(record);
    return 0;
}

static void load(void)
{
    struct fy_error err = FY_ERROR_INIT;
    loaded = 0;
    cr_assert_eq(fy_store_load(store, count_one, NULL, &err), 0, "%s", err.message);
}

static struct fy_record *make(const char *id, Ferry__Control__JobState state, int64_t created_us)
{
    Ferry__Control__Job job = FERRY__CONTROL__JOB__INIT;
    job.id = (char *)id;
    job.role = FERRY__CONTROL__JOB_ROLE__SOURCE;
    job.state = state;
    job.workload = (char *)"runc/web";
    job.peer = (char *)"far";
    job.mode = (char *)"stop";
    job.created_us = created_us;
    struct fy_record *record = fy_record_new(&job, NULL);
    cr_assert_not_null(record);
    return record;
}

static void save(struct fy_record *record, fy_store_cb done, void *data)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_store_save(store, record, done, data, &err), 0, "%s", err.message);
    fy_record_unref(record);
}

static void path_of_db(char path[128])
{
    (void)snprintf(path, 128, "%s/ferry.db", directory);
}

static void expect_refusal(enum fy_code code, const char *words)
{
    struct fy_error err = FY_ERROR_INIT;
    char path[128];
    path_of_db(path);
    cr_assert_eq(open_store(&err), -1);
    cr_assert_eq(err.code, code, "%s", err.message);
    cr_assert_not_null(strstr(err.message, path), "names the file: %s", err.message);
    cr_assert_not_null(strstr(err.message, words), "%s", err.message);
    cr_assert_neq(err.next[0], '\0');
}

static void run_sql(const char *sql)
{
    char path[128];
    sqlite3 *db;
    path_of_db(path);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

/* As another program sees them. */
static int rows_of(const char *id)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *query;
    path_of_db(path);
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM jobs WHERE id = ?1", -1, &query, NULL), SQLITE_OK);
    sqlite3_bind_text(query, 1, id, -1, SQLITE_STATIC);
    cr_assert_eq(sqlite3_step(query), SQLITE_ROW);
    int count = sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    (void)sqlite3_close(db);
    return count;
}

Test(store, refuses_a_file_that_is_no_database)
{
    char path[128];
    char text[8192];
    path_of_db(path);
    memset(text, 'x', sizeof(text));
    cr_assert_eq(fy_fs_write_file(path, text, sizeof(text), 0600, NULL), 0);
    expect_refusal(FY_E_FORMAT, "not a database");
}

Test(store, refuses_a_damaged_database)
{
    struct fy_error err = FY_ERROR_INIT;
    char path[128], page[4096];
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    for (int i = 0; i < 200; i++) {
        char id[FY_JOB_ID_SIZE];
        (void)snprintf(id, sizeof(id), "m-%04d", i);
        save(make(id, FERRY__CONTROL__JOB_STATE__COMPLETED, i), NULL, NULL);
    }
    close_store();
    path_of_db(path);
    FILE *file = fopen(path, "r+");
    cr_assert_not_null(file);
    memset(page, 0xee, sizeof(page));
    for (long offset = 4096; offset < 6 * 4096; offset += 4096) {
        cr_assert_eq(fseek(file, offset, SEEK_SET), 0);
        cr_assert_eq(fwrite(page, 1, sizeof(page), file), sizeof(page));
    }
    cr_assert_eq(fclose(file), 0);
    expect_refusal(FY_E_FORMAT, "ferry.db");
}

Test(store, refuses_a_newer_schema)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    close_store();
    run_sql("INSERT INTO schema_version VALUES (999, 0)");
    expect_refusal(FY_E_UNSUPPORTED, "999");
}

Test(store, refuses_tables_that_are_not_as_expected)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    close_store();
    run_sql("DROP TABLE jobs");
    cr_assert_eq(open_store(&err), -1);
    cr_assert_not_null(strstr(err.message, "jobs"), "%s", err.message);
}

static void count_done(const struct fy_error *err, void *data)
{
    cr_assert_null(err);
    ++*(size_t *)data;
}

Test(store, keeps_what_was_saved_in_order_and_with_its_last_state)
{
    struct fy_error err = FY_ERROR_INIT;
    size_t done = 0;
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    save(make("m-2", FERRY__CONTROL__JOB_STATE__COMPLETED, 2), NULL, NULL);
    save(make("m-1", FERRY__CONTROL__JOB_STATE__ACTIVE, 1), NULL, NULL);
    save(make("m-3", FERRY__CONTROL__JOB_STATE__QUEUED, 3), count_done, &done);
    save(make("m-3", FERRY__CONTROL__JOB_STATE__ACTIVE, 3), NULL, NULL);
    save(make("m-3", FERRY__CONTROL__JOB_STATE__FAILED, 3), NULL, NULL);
    close_store();
    cr_assert_eq(done, 1u);
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    load();
    cr_assert_eq(loaded, 3u);
    cr_assert_str_eq(last_id, "m-3");
    cr_assert_str_eq(last_state, "failed");
    close_store();
}

static void expect_failure(const struct fy_error *err, void *data)
{
    cr_assert_not_null(err);
    cr_assert_eq(err->code, FY_E_BUSY, "%s", err->message);
    *(bool *)data = true;
}

Test(store, tells_who_waits_that_a_write_failed)
{
    struct fy_error err = FY_ERROR_INIT;
    char path[128];
    sqlite3 *other;
    bool told = false;
    path_of_db(path);
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    cr_assert_eq(sqlite3_open(path, &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    save(make("m-1", FERRY__CONTROL__JOB_STATE__QUEUED, 1), expect_failure, &told);
    while (!told)
        (void)uv_run(&loop, UV_RUN_ONCE);
    cr_assert_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_close(other), SQLITE_OK);
    load();
    cr_assert_eq(loaded, 0u);
    close_store();
}

Test(store, log_directory_is_private_used_once_and_forgotten_with_its_job)
{
    struct fy_error err = FY_ERROR_INIT;
    struct stat st;
    char *path = NULL, *second = NULL;
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    cr_assert_eq(fy_store_make_log_dir(store, "m-1", &path, &err), 0, "%s", err.message);
    cr_assert_eq(stat(path, &st), 0);
    cr_assert_eq(st.st_mode & 07777, 0700u);
    cr_assert_eq(fy_store_make_log_dir(store, "m-1", &second, &err), -1);
    cr_assert_eq(err.code, FY_E_BUSY);
    cr_assert_null(second);
    save(make("m-1", FERRY__CONTROL__JOB_STATE__COMPLETED, 1), NULL, NULL);
    cr_assert_eq(fy_store_forget(store, "m-1", NULL), 0);
    close_store();
    cr_assert_neq(stat(path, &st), 0);
    free(path);
    fy_error_clear(&err);
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    load();
    cr_assert_eq(loaded, 0u);
    close_store();
}

Test(store, a_job_id_cannot_leave_the_directory)
{
    static const char *const hostile[] = {"../x", "", ".", "..", "a/b", "m-1234567890123456789012345678901234567890"};
    struct fy_error err = FY_ERROR_INIT;
    char *path = NULL;
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++)
        cr_assert_eq(fy_store_make_log_dir(store, hostile[i], &path, NULL), -1, "%s", hostile[i]);
    cr_assert_null(path);
    close_store();
}

static void note_saved(const struct fy_error *err, void *data)
{
    cr_assert_null(err);
    ++*(int *)data;
}

/* Held back, nothing is written; released, all of it at once. */
Test(store, what_belongs_together_is_written_together)
{
    struct fy_error err = FY_ERROR_INIT;
    int saved = 0;
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    struct fy_record *one = make("m-1", FERRY__CONTROL__JOB_STATE__ACTIVE, 1);
    struct fy_record *two = make("m-2", FERRY__CONTROL__JOB_STATE__ACTIVE, 2);
    fy_store_hold(store);
    cr_assert_eq(fy_store_save(store, one, note_saved, &saved, &err), 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT); /* nothing is under way */
    cr_expect_eq(saved, 0);
    cr_assert_eq(fy_store_save(store, two, note_saved, &saved, &err), 0);
    fy_store_release(store);
    cr_expect_eq(saved, 0);
    while (saved == 0)
        (void)uv_run(&loop, UV_RUN_ONCE);
    cr_expect_eq(saved, 2, "both in one batch");
    fy_record_unref(one);
    fy_record_unref(two);
    close_store();
}

/* As the start does with jobs that were cut off: it would be written by another thread, over the connection that is
 * being read from. SQLite then loses count of who reads, so that later writes find the database locked, or crashes. */
static int save_while_loading(struct fy_record *record, void *data, struct fy_error *err)
{
    const struct timespec time = {.tv_nsec = 20000000};
    (void)data;
    (void)err;
    fy_record_unref(record);
    save(make("m-9", FERRY__CONTROL__JOB_STATE__FAILED, 9), NULL, NULL);
    (void)nanosleep(&time, NULL); /* that a wrong one would need */
    cr_expect_eq(rows_of("m-9"), 0);
    return 0;
}

Test(store, what_is_saved_while_loading_is_written_when_all_is_loaded)
{
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    save(make("m-1", FERRY__CONTROL__JOB_STATE__ACTIVE, 1), NULL, NULL);
    save(make("m-2", FERRY__CONTROL__JOB_STATE__ACTIVE, 2), NULL, NULL);
    close_store();
    cr_assert_eq(open_store(&err), 0, "%s", err.message);
    cr_assert_eq(fy_store_load(store, save_while_loading, NULL, &err), 0, "%s", err.message);
    close_store();
    cr_expect_eq(rows_of("m-9"), 1);
}

/* ---- the journal ---- */

static enum fy_stage loaded_stage;
static size_t loaded_stages;

static int keep_stage(const struct fy_journal_entry *entry, void *data, struct fy_error *err)
{
    (void)data;
    (void)err;
    loaded_stages++;
    loaded_stage = entry->stage;
    cr_assert_str_eq(entry->job, "m-1");
    cr_assert(entry->is_source);
    cr_assert_eq(entry->details_bytes, 2u);
    cr_assert_eq(entry->details[1], 8);
    return 0;
}

static void load_stages(void)
{
    struct fy_error err = FY_ERROR_INIT;
    loaded_stages = 0;
    loaded_stage = FY_STAGE_NONE;
    cr_assert_eq(fy_store_load_journal(store, keep_stage, NULL, &err), 0, "%s", err.message);
}

static void stage_written(const struct fy_error *err, void *data)
{
    (void)data;
    cr_assert_null(err);
}

static void write_stage(enum fy_stage stage)
{
    uint8_t details[] = {7, 8};
    struct fy_journal *journal = fy_store_journal(store);
    struct fy_journal_entry entry = {
        .job = "m-1", .is_source = true, .stage = stage, .details = details, .details_bytes = 2};
    cr_assert_eq(journal->write(journal, &entry, stage_written, NULL, NULL), 0);
    details[1] = 0; /* it was copied */
}

Test(store, a_jobs_latest_stage_is_there_after_reopening_and_goes_with_the_job)
{
    char id[FY_STORE_ID_SIZE];
    cr_assert_eq(open_store(NULL), 0);
    (void)snprintf(id, sizeof(id), "%s", fy_store_journal(store)->store_id);
    cr_assert_eq(strlen(id), 32u);
    write_stage(FY_STAGE_BEGUN);
    write_stage(FY_STAGE_COMMIT);
    close_store();
    cr_assert_eq(open_store(NULL), 0);
    cr_assert_str_eq(fy_store_journal(store)->store_id, id, "a store keeps its name");
    load_stages();
    cr_assert_eq(loaded_stages, 1u);
    cr_assert_eq(loaded_stage, FY_STAGE_COMMIT);
    cr_assert_eq(fy_store_forget(store, "m-1", NULL), 0);
    close_store();
    cr_assert_eq(open_store(NULL), 0);
    load_stages();
    cr_assert_eq(loaded_stages, 0u);
    close_store();
}

/* PRAGMA synchronous: 2 is FULL. With less a crash of the host could undo a decision that was acted upon. */
Test(store, a_commit_returns_when_it_is_on_the_disk)
{
    char path[96];
    struct database *db = NULL;
    (void)snprintf(path, sizeof(path), "%s/ferry.db", directory);
    cr_assert_eq(store_db_open(path, &db, NULL), 0);
    cr_assert_eq(store_db_synchronous(db), 2);
    database_close(db);
}
