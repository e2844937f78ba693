/* The schema as a list of steps: step N takes a database of version N-1 to version N. A released step is never
 * changed; what comes new is a new step. */
#include "schema.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/clock.h>

static const char *const steps[] = {
    /* 1: jobs. `record` is a packed ferry.control.Job; the columns are what listing and retention need. */
    "CREATE TABLE jobs ("
    "  id TEXT PRIMARY KEY NOT NULL,"
    "  role TEXT NOT NULL,"
    "  state TEXT NOT NULL,"
    "  workload TEXT NOT NULL,"
    "  peer TEXT NOT NULL,"
    "  created_us INTEGER NOT NULL,"
    "  ended_us INTEGER,"
    "  record BLOB NOT NULL"
    ") STRICT;"
    "CREATE INDEX jobs_by_time ON jobs (created_us, id);",
    /* 2: the journal: each migration's latest stage (ferry/agent/switchover.h) with a packed ferry.journal.Details, and
     * the store's own name, which tells a peer whether it asks the same journal as before. */
    "CREATE TABLE journal ("
    "  job TEXT PRIMARY KEY NOT NULL,"
    "  role TEXT NOT NULL,"
    "  stage TEXT NOT NULL,"
    "  written_us INTEGER NOT NULL,"
    "  details BLOB NOT NULL"
    ") STRICT;"
    "CREATE TABLE identity (store TEXT NOT NULL) STRICT;"
    "INSERT INTO identity VALUES (lower(hex(randomblob(16))));",
    /* 3: schedules. `plan` is the file that each came from. */
    "CREATE TABLE schedules ("
    "  name TEXT PRIMARY KEY NOT NULL,"
    "  file TEXT NOT NULL,"
    "  plan BLOB NOT NULL,"
    "  settled_s INTEGER NOT NULL,"
    "  missed INTEGER NOT NULL,"
    "  paused INTEGER NOT NULL,"
    "  last_slot_s INTEGER NOT NULL,"
    "  last_started_us INTEGER NOT NULL,"
    "  last_ended_us INTEGER NOT NULL,"
    "  last_failed INTEGER NOT NULL,"
    "  last_result TEXT NOT NULL"
    ") STRICT;",
    /* 4: checkpoints, as their directories said when these had that mark (checkpoint_rows.c). */
    "CREATE TABLE checkpoints ("
    "  id TEXT PRIMARY KEY NOT NULL,"
    "  mark BLOB NOT NULL,"
    "  checkpoint BLOB NOT NULL"
    ") STRICT;",
};

int schema_error(sqlite3 *db, const char *path, const char *doing, struct fy_error *err)
{
    int primary = sqlite3_errcode(db) & 0xff;
    enum fy_code code = FY_E_IO;
    if (primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT)
        code = FY_E_FORMAT;
    else if (primary == SQLITE_FULL)
        code = FY_E_NOSPACE;
    else if (primary == SQLITE_NOMEM)
        code = FY_E_NOMEM;
    else if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
        code = FY_E_BUSY;
    else if (primary == SQLITE_PERM || primary == SQLITE_READONLY || primary == SQLITE_AUTH)
        code = FY_E_DENIED;
    fy_error_set(err, code, "%s: %s: %s", path, doing, sqlite3_errmsg(db));
    if (code == FY_E_FORMAT)
        fy_error_next(err,
                      "move %s (with its -wal and -shm) away, or put a backup in its place; without it ferryd "
                      "starts with an empty list of jobs",
                      path);
    else if (code == FY_E_NOSPACE)
        fy_error_next(err, "make room on the file system of %s", path);
    return -1;
}

static int read_version(sqlite3 *db, const char *path, int *version, struct fy_error *err)
{
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(db, "SELECT coalesce(max(version), 0) FROM schema_version", -1, &query, NULL) != SQLITE_OK)
        return schema_error(db, path, "reading its version", err);
    int rc = sqlite3_step(query);
    if (rc == SQLITE_ROW)
        *version = sqlite3_column_int(query, 0);
    sqlite3_finalize(query);
    return rc == SQLITE_ROW ? 0 : schema_error(db, path, "reading its version", err);
}

static int apply_step(sqlite3 *db, const char *path, int version, struct fy_error *err)
{
    char *sql = sqlite3_mprintf("BEGIN IMMEDIATE; %s INSERT INTO schema_version VALUES (%d, %lld); COMMIT;",
                                steps[version - 1], version, (long long)fy_clock_wall_us());
    if (!sql)
        return fy_error_set(err, FY_E_NOMEM, "no memory for bringing %s up to date", path);
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    if (rc == SQLITE_OK)
        return 0;
    schema_error(db, path, "bringing its tables up to date", err);
    (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}

int schema_bring_up(sqlite3 *db, const char *path, struct fy_error *err)
{
    static const char create[] = "CREATE TABLE IF NOT EXISTS schema_version ("
                                 "  version INTEGER PRIMARY KEY, applied_us INTEGER NOT NULL) STRICT";
    if (sqlite3_exec(db, create, NULL, NULL, NULL) != SQLITE_OK)
        return schema_error(db, path, "reading its version", err);
    int version = 0;
    if (read_version(db, path, &version, err) < 0)
        return -1;
    int newest = (int)FY_ARRAY_SIZE(steps);
    if (version > newest) {
        fy_error_set(err, FY_E_UNSUPPORTED, "%s has schema version %d, this ferryd (%s) knows up to %d", path, version,
                     FERRY_VERSION, newest);
        return fy_error_next(err,
                             "start the newer ferryd that wrote it, or move the file away and lose the list of jobs");
    }
    while (version < newest) {
        if (apply_step(db, path, ++version, err) < 0)
            return -1;
    }
    return 0;
}
