/* What the database knows of checkpoints is believed when the directory is as it was then, and never else. Each row
 * says of itself that it is one ("runc/row"), so that what is listed shows where it comes from. */
#include "checkpoint_catalogue.h"
#include "checkpoint_db.h"
#include "database.h"
#include "schema.h"
#include "shelf.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>
#include <sys/stat.h>

static const char *const ids[] = {"c-1", "c-2", "c-3"};
static struct shelf shelf;
static struct fy_checkpoints *checkpoints;
static char database[128];

/* ---- the scene ---- */

static void make_database(void)
{
    sqlite3 *db;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(sqlite3_open(database, &db), SQLITE_OK);
    cr_assert_eq(schema_bring_up(db, database, &err), 0, "%s", err.message);
    cr_assert_eq(sqlite3_close(db), SQLITE_OK);
}

static struct database *open_rows(void)
{
    struct database *db = NULL;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(checkpoint_db_open(database, &db, &err), 0, "%s", err.message);
    return db;
}

static void run_sql(const char *sql)
{
    struct database *db = open_rows();
    cr_assert_eq(sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sqlite3_errmsg(db->sqlite));
    database_close(db);
}

static void start(void)
{
    const struct fy_checkpoints_options options = {.store = shelf.store, .database = database};
    struct fy_error err = FY_ERROR_INIT;
    fy_checkpoints_free(fy_take(checkpoints));
    cr_assert_eq(fy_checkpoints_new(&options, &checkpoints, &err), 0, "%s", err.message);
}

/* NULL: there is none that is believed. */
static struct fy_checkpoint *find_row(struct database *db, const char *id)
{
    struct fy_checkpoint *checkpoint = NULL;
    struct fy_checkpoint_mark mark;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_checkpoint_look(shelf.store, id, &mark, &err), 0, "%s", err.message);
    cr_assert_eq(checkpoint_db_find(db, id, &mark, &checkpoint, &err), 0, "%s", err.message);
    return checkpoint;
}

/* The rows that a start has made, made to be known. */
static void label_rows(void)
{
    struct database *db = open_rows();
    struct fy_error err = FY_ERROR_INIT;
    for (size_t i = 0; i < FY_ARRAY_SIZE(ids); i++) {
        struct checkpoint_row row = {0};
        struct fy_checkpoint *checkpoint = find_row(db, ids[i]);
        cr_assert_not_null(checkpoint, "%s has no row", ids[i]);
        free(checkpoint->record->workload);
        checkpoint->record->workload = strdup("runc/row");
        (void)snprintf(row.id, sizeof row.id, "%s", ids[i]);
        cr_assert_eq(fy_checkpoint_look(shelf.store, ids[i], &row.mark, &err), 0);
        cr_assert_eq(fy_checkpoint_pack(checkpoint, &row.packed, &row.size, &err), 0);
        cr_assert_eq(checkpoint_db_save(db, &row, &err), 0, "%s", err.message);
        fy_checkpoint_free(checkpoint);
        free(row.packed);
    }
    database_close(db);
}

static void begin(void)
{
    struct fy_error err = FY_ERROR_INIT;
    shelf_open(&shelf, "tcp", SHELF_COMPRESSED, 8, 31);
    for (size_t i = 0; i < FY_ARRAY_SIZE(ids); i++) {
        cr_assert_eq(shelf_put(&shelf, ids[i], NULL, &err), 0, "%s", err.message);
        scratch_remove(&shelf.set, "ferry.manifest");
    }
    (void)snprintf(database, sizeof database, "%s/ferry.db", shelf.directory);
    make_database();
    start();
    label_rows();
}

static void end(void)
{
    fy_checkpoints_free(fy_take(checkpoints));
    shelf_close(&shelf);
}

TestSuite(rows, .init = begin, .fini = end);

/* ---- what is seen ---- */

static void expect(const char *id, const char *workload)
{
    struct fy_checkpoint_entry entry;
    struct fy_error err = FY_ERROR_INIT;
    cr_assert_eq(fy_checkpoints_find(checkpoints, id, &entry, &err), 0, "%s", err.message);
    cr_assert_not_null(entry.record, "%s: %s", id, entry.damage);
    cr_expect_str_eq(entry.record->workload, workload, "%s is %s", id, entry.record->workload);
}

static void expect_all(const char *workload)
{
    cr_expect_eq(fy_checkpoints_count(checkpoints), FY_ARRAY_SIZE(ids));
    for (size_t i = 0; i < FY_ARRAY_SIZE(ids); i++)
        expect(ids[i], workload);
}

/* And that it says what the directory says. */
static void expect_row(const char *id)
{
    struct database *db = open_rows();
    struct fy_checkpoint *row = find_row(db, id);
    cr_assert_not_null(row, "%s has no row", id);
    cr_expect_str_eq(row->record->workload, "runc/web");
    fy_checkpoint_free(row);
    database_close(db);
}

static void expect_rows(size_t count)
{
    struct database *db = open_rows();
    sqlite3_stmt *query;
    cr_assert_eq(sqlite3_prepare_v2(db->sqlite, "SELECT count(*) FROM checkpoints", -1, &query, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(query), SQLITE_ROW);
    cr_expect_eq(sqlite3_column_int64(query, 0), (sqlite3_int64)count);
    sqlite3_finalize(query);
    database_close(db);
}

/* ---- what happens meanwhile ---- */

static void shell(const char *line)
{
    char command[256];
    (void)snprintf(command, sizeof command, "cd %s && %s", shelf.store_path, line);
    cr_assert_eq(system(command), 0, "%s", command);
}

/* The clock of the file system stands still for some milliseconds at a time. */
static void wait_for_a_tick(void)
{
    char path[128];
    struct stat before, after;
    (void)snprintf(path, sizeof path, "%s/tick", shelf.directory);
    cr_assert_eq(fy_fs_write_file(path, "", 0, 0600, NULL), 0);
    cr_assert_eq(stat(path, &before), 0);
    do {
        cr_assert_eq(chmod(path, 0600), 0);
        cr_assert_eq(stat(path, &after), 0);
    } while (after.st_ctim.tv_sec == before.st_ctim.tv_sec && after.st_ctim.tv_nsec == before.st_ctim.tv_nsec);
}

static void flip_byte(const char *id)
{
    char path[128], byte;
    wait_for_a_tick();
    (void)snprintf(path, sizeof path, "%s/%s/record", shelf.store_path, id);
    FY_AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert_eq(pread(fd, &byte, 1, 40), 1);
    byte ^= 1;
    cr_assert_eq(pwrite(fd, &byte, 1, 40), 1);
}

Test(rows, are_believed_when_nothing_has_changed)
{
    start();
    expect_all("runc/row");
}

Test(rows, a_crash_between_directory_and_row)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_checkpoint_entry entry;
    Ferry__Checkpoint__State state = FERRY__CHECKPOINT__STATE__INIT;
    state.has_pinned = state.pinned = true;
    cr_assert_eq(fy_checkpoint_set_state(shelf.store, "c-2", &state, &err), 0, "%s", err.message);
    start();
    expect("c-1", "runc/row");
    expect("c-2", "runc/web");
    cr_assert_eq(fy_checkpoints_find(checkpoints, "c-2", &entry, NULL), 0);
    cr_expect(entry.state->pinned);
    expect_row("c-2");
}

Test(rows, a_damaged_directory_is_named_at_every_start)
{
    struct fy_checkpoint_entry entry;
    flip_byte("c-1");
    for (unsigned i = 0; i < 2; i++) {
        start();
        cr_assert_eq(fy_checkpoints_find(checkpoints, "c-1", &entry, NULL), 0);
        cr_assert_null(entry.record);
        cr_expect(strstr(entry.damage, "record is damaged"), "%s", entry.damage);
        expect("c-2", "runc/row");
        expect_rows(2);
    }
    flip_byte("c-1");
    start();
    expect("c-1", "runc/web");
    expect_rows(3);
}

Test(rows, a_directory_that_is_gone_and_comes_back)
{
    shell("mv c-2 ..");
    start();
    cr_expect_eq(fy_checkpoints_count(checkpoints), 2);
    expect_rows(2);
    shell("mv ../c-2 .");
    start();
    expect("c-1", "runc/row");
    expect("c-2", "runc/web");
    expect_row("c-2");
}

Test(rows, a_directory_from_a_backup)
{
    shell("cp -a c-3 copy && rm -r c-3 && mv copy c-3");
    start();
    expect("c-2", "runc/row");
    expect("c-3", "runc/web");
    cr_expect_eq(fy_checkpoints_count(checkpoints), 3);
}

Test(rows, a_row_that_is_of_another)
{
    run_sql(
        "UPDATE checkpoints SET checkpoint = (SELECT checkpoint FROM checkpoints WHERE id = 'c-2') WHERE id = 'c-1'");
    start();
    expect("c-1", "runc/web");
    expect("c-2", "runc/row");
}

Test(rows, a_row_that_is_damaged)
{
    run_sql(
        "UPDATE checkpoints SET checkpoint = CAST(replace(CAST(checkpoint AS TEXT), 'runc/row', 'runc/r0w') AS BLOB) "
        "WHERE id = 'c-1'");
    run_sql("UPDATE checkpoints SET checkpoint = x'' WHERE id = 'c-2'");
    start();
    expect("c-1", "runc/web");
    expect("c-2", "runc/web");
    expect("c-3", "runc/row");
}

Test(rows, a_database_of_elsewhere)
{
    run_sql("UPDATE checkpoints SET mark = randomblob(length(mark))");
    run_sql("INSERT INTO checkpoints SELECT 'c-9', mark, checkpoint FROM checkpoints WHERE id = 'c-1'");
    start();
    expect_all("runc/web");
    expect_rows(3);
}

Test(rows, a_database_that_was_deleted)
{
    fy_checkpoints_free(fy_take(checkpoints));
    cr_assert_eq(unlink(database), 0);
    make_database();
    start();
    expect_all("runc/web");
    for (size_t i = 0; i < FY_ARRAY_SIZE(ids); i++)
        expect_row(ids[i]);
}

/* The one of the jobs is refused when it is damaged; this is what comes to pass between that and now. */
Test(rows, a_database_that_is_cut_off)
{
    run_sql("UPDATE checkpoints SET mark = zeroblob(20000)"); /* so that it goes on for more pages */
    struct stat st;
    cr_assert_eq(stat(database, &st), 0);
    cr_assert_eq(truncate(database, st.st_size - 8 * 4096), 0);
    start();
    expect_all("runc/web");
}
