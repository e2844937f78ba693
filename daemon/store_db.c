/* SQLite: WAL, every commit durable before it returns, prepared statements. */
#include "store_db.h"
#include "database.h"
#include "schema.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>
#include <string.h>

enum statement { SAVE, FORGET, JOURNAL, FORGET_STAGE, STATEMENTS_ };

static const char *const statement_text[STATEMENTS_] = {
    [SAVE] = "INSERT INTO jobs (id, role, state, workload, peer, created_us, ended_us, record) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET "
             "state = excluded.state, ended_us = excluded.ended_us, record = excluded.record",
    [FORGET] = "DELETE FROM jobs WHERE id = ?1",
    [JOURNAL] = "INSERT INTO journal (job, role, stage, written_us, details) VALUES (?1, ?2, ?3, ?4, ?5) "
                "ON CONFLICT (job) DO UPDATE SET role = excluded.role, stage = excluded.stage, "
                "written_us = excluded.written_us, details = excluded.details",
    [FORGET_STAGE] = "DELETE FROM journal WHERE job = ?1",
};

static int check_whole(const struct database *db, struct fy_error *err)
{
    sqlite3_stmt *query = NULL;
    if (sqlite3_prepare_v2(db->sqlite, "PRAGMA quick_check(1)", -1, &query, NULL) != SQLITE_OK)
        return schema_error(db->sqlite, db->path, "checking it", err);
    int rc = sqlite3_step(query);
    const char *verdict = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(query, 0) : NULL;
    int result = 0;
    if (!verdict)
        result = schema_error(db->sqlite, db->path, "checking it", err);
    else if (strcmp(verdict, "ok") != 0) {
        result = fy_error_set(err, FY_E_FORMAT, "%s is damaged: %s", db->path, verdict);
        fy_error_next(err, "move %s (with its -wal and -shm) away, or put a backup in its place", db->path);
    }
    sqlite3_finalize(query);
    return result;
}

static int bring_up(const struct database *db, struct fy_error *err)
{
    return check_whole(db, err) < 0 ? -1 : schema_bring_up(db->sqlite, db->path, err);
}

static const struct database_kind kind = {
    .flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    .busy_timeout_ms = 2000, /* somebody looks at the file with another program */
    .pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF",
    .bring_up = bring_up,
    .statements = statement_text,
    .statement_count = STATEMENTS_,
};

int store_db_open(const char *path, struct database **db, struct fy_error *err)
{
    return database_open(&kind, path, db, err);
}

struct reading {
    const struct database *db;
    fy_store_each_cb each;
    fy_store_entry_cb each_entry;
    void *data;
};

static int hand_on_job(sqlite3_stmt *query, void *data, struct fy_error *err)
{
    const struct reading *reading = data;
    struct fy_record *record =
        fy_record_unpack(sqlite3_column_blob(query, 0), (size_t)sqlite3_column_bytes(query, 0), err);
    return record ? reading->each(record, reading->data, err)
                  : fy_error_wrap(err, "%s: job %s", reading->db->path, sqlite3_column_text(query, 1));
}

int store_db_each(struct database *db, fy_store_each_cb each, void *data, struct fy_error *err)
{
    struct reading reading = {.db = db, .each = each, .data = data};
    return database_each(db, "SELECT record, id FROM jobs ORDER BY created_us, id", "reading the jobs", hand_on_job,
                         &reading, err);
}

int store_db_save(struct database *db, const struct fy_record *record, struct fy_error *err)
{
    FY_AUTO_FREE uint8_t *packed = NULL;
    size_t size;
    if (fy_record_pack(record, &packed, &size, err) < 0)
        return -1;
    const Ferry__Control__Job *job = record->job;
    sqlite3_stmt *save = db->statements[SAVE];
    sqlite3_bind_text(save, 1, job->id, -1, SQLITE_STATIC);
    sqlite3_bind_text(save, 2, job->role == FERRY__CONTROL__JOB_ROLE__SOURCE ? "source" : "destination", -1,
                      SQLITE_STATIC);
    sqlite3_bind_text(save, 3, fy_job_state_name(job->state), -1, SQLITE_STATIC);
    sqlite3_bind_text(save, 4, job->workload, -1, SQLITE_STATIC);
    sqlite3_bind_text(save, 5, job->peer, -1, SQLITE_STATIC);
    sqlite3_bind_int64(save, 6, job->created_us);
    if (job->has_ended_us)
        sqlite3_bind_int64(save, 7, job->ended_us);
    sqlite3_bind_blob(save, 8, packed, (int)size, SQLITE_STATIC);
    return database_run(db, SAVE, "recording a job", err);
}

int store_db_forget(struct database *db, const char *id, struct fy_error *err)
{
    sqlite3_bind_text(db->statements[FORGET], 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(db->statements[FORGET_STAGE], 1, id, -1, SQLITE_STATIC);
    int result = database_run(db, FORGET, "forgetting a job", err);
    return database_run(db, FORGET_STAGE, "forgetting a job", err) < 0 ? -1 : result;
}

/* ---- the journal ---- */

int store_db_journal(struct database *db, const struct fy_journal_entry *entry, struct fy_error *err)
{
    sqlite3_stmt *write = db->statements[JOURNAL];
    sqlite3_bind_text(write, 1, entry->job, -1, SQLITE_STATIC);
    sqlite3_bind_text(write, 2, entry->is_source ? "source" : "destination", -1, SQLITE_STATIC);
    sqlite3_bind_text(write, 3, fy_stage_name(entry->stage), -1, SQLITE_STATIC);
    sqlite3_bind_int64(write, 4, fy_clock_wall_us());
    sqlite3_bind_blob(write, 5, entry->details, (int)entry->details_bytes, SQLITE_STATIC);
    return database_run(db, JOURNAL, "writing the journal", err);
}

static void read_entry(sqlite3_stmt *query, struct fy_journal_entry *entry)
{
    (void)snprintf(entry->job, sizeof(entry->job), "%s", (const char *)sqlite3_column_text(query, 0));
    entry->is_source = strcmp((const char *)sqlite3_column_text(query, 1), "source") == 0;
    entry->stage = fy_stage_from_name((const char *)sqlite3_column_text(query, 2));
    entry->details_bytes = (size_t)sqlite3_column_bytes(query, 3);
    entry->details = (uint8_t *)sqlite3_column_blob(query, 3);
}

static int hand_on_entry(sqlite3_stmt *query, void *data, struct fy_error *err)
{
    const struct reading *reading = data;
    struct fy_journal_entry entry = {0};
    read_entry(query, &entry);
    return reading->each_entry(&entry, reading->data, err);
}

int store_db_each_entry(struct database *db, fy_store_entry_cb each, void *data, struct fy_error *err)
{
    struct reading reading = {.db = db, .each_entry = each, .data = data};
    return database_each(db, "SELECT job, role, stage, details FROM journal", "reading the journal", hand_on_entry,
                         &reading, err);
}

int store_db_id(struct database *db, char id[FY_STORE_ID_SIZE], struct fy_error *err)
{
    sqlite3_stmt *query = NULL;
    if (sqlite3_prepare_v2(db->sqlite, "SELECT store FROM identity", -1, &query, NULL) != SQLITE_OK)
        return schema_error(db->sqlite, db->path, "reading its name", err);
    int result = 0;
    if (sqlite3_step(query) == SQLITE_ROW)
        (void)snprintf(id, FY_STORE_ID_SIZE, "%s", (const char *)sqlite3_column_text(query, 0));
    else
        result = fy_error_set(err, FY_E_FORMAT, "%s has no name of its own", db->path);
    sqlite3_finalize(query);
    return result;
}

int store_db_synchronous(struct database *db)
{
    sqlite3_stmt *query = NULL;
    int level = -1;
    if (sqlite3_prepare_v2(db->sqlite, "PRAGMA synchronous", -1, &query, NULL) == SQLITE_OK &&
        sqlite3_step(query) == SQLITE_ROW)
        level = sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    return level;
}
