/* What a commit is worth when it returns is for the pragmas of each kind to say. */
#include "database.h"
#include "schema.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Writers of this process take turns here: SQLite's own lock is polled for. It waits for nobody when the connection is
 * in the middle of reading what another has changed since: so nothing is begun while a query is open. */
static pthread_mutex_t writing = PTHREAD_MUTEX_INITIALIZER;

void database_close(struct database *db)
{
    if (!db)
        return;
    for (size_t i = 0; db->statements && i < db->statement_count; i++)
        sqlite3_finalize(db->statements[i]);
    (void)sqlite3_close(db->sqlite);
    free(db->statements);
    free(db->path);
    free(db);
}

static int prepare(struct database *db, const struct database_kind *kind, struct fy_error *err)
{
    for (size_t i = 0; i < db->statement_count; i++) {
        if (sqlite3_prepare_v3(db->sqlite, kind->statements[i], -1, SQLITE_PREPARE_PERSISTENT, &db->statements[i],
                               NULL) != SQLITE_OK)
            return schema_error(db->sqlite, db->path, "its tables are not as expected", err);
    }
    return 0;
}

static int set_up(struct database *db, const struct database_kind *kind, struct fy_error *err)
{
    int flags = kind->flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
    if (sqlite3_open_v2(db->path, &db->sqlite, flags, NULL) != SQLITE_OK)
        return schema_error(db->sqlite, db->path, "opening it", err);
    sqlite3_busy_timeout(db->sqlite, kind->busy_timeout_ms);
    if (sqlite3_exec(db->sqlite, kind->pragmas, NULL, NULL, NULL) != SQLITE_OK)
        return schema_error(db->sqlite, db->path, "opening it", err);
    if (kind->bring_up && kind->bring_up(db, err) < 0)
        return -1;
    return prepare(db, kind, err);
}

int database_open(const struct database_kind *kind, const char *path, struct database **db, struct fy_error *err)
{
    struct database *opened = calloc(1, sizeof *opened);
    if (opened) {
        opened->path = strdup(path);
        opened->statements = calloc(kind->statement_count, sizeof *opened->statements);
        opened->statement_count = kind->statement_count;
    }
    int result = opened && opened->path && opened->statements
                     ? set_up(opened, kind, err)
                     : fy_error_set(err, FY_E_NOMEM, "no memory for opening %s", path);
    if (result < 0) {
        database_close(opened);
        return -1;
    }
    *db = opened;
    return 0;
}

/* ---- writing ---- */

static int execute(const struct database *db, const char *sql, const char *doing, struct fy_error *err)
{
    return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : schema_error(db->sqlite, db->path, doing, err);
}

static void end_transaction(struct database *db)
{
    db->in_transaction = false;
    (void)pthread_mutex_unlock(&writing);
}

int database_begin(struct database *db, struct fy_error *err)
{
    (void)pthread_mutex_lock(&writing);
    db->in_transaction = true;
    if (execute(db, "BEGIN IMMEDIATE", "beginning to write", err) == 0)
        return 0;
    end_transaction(db);
    return -1;
}

int database_commit(struct database *db, struct fy_error *err)
{
    if (execute(db, "COMMIT", "writing", err) < 0)
        return -1;
    end_transaction(db);
    return 0;
}

void database_rollback(struct database *db)
{
    if (!db->in_transaction)
        return;
    (void)execute(db, "ROLLBACK", "undoing", NULL);
    end_transaction(db);
}

int database_run(const struct database *db, size_t which, const char *doing, struct fy_error *err)
{
    sqlite3_stmt *statement = db->statements[which];
    if (!db->in_transaction)
        (void)pthread_mutex_lock(&writing);
    int result = sqlite3_step(statement) == SQLITE_DONE ? 0 : schema_error(db->sqlite, db->path, doing, err);
    if (!db->in_transaction)
        (void)pthread_mutex_unlock(&writing);
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    return result;
}

int database_each(const struct database *db, const char *select, const char *doing, database_row_cb each, void *data,
                  struct fy_error *err)
{
    sqlite3_stmt *query = NULL;
    if (sqlite3_prepare_v2(db->sqlite, select, -1, &query, NULL) != SQLITE_OK)
        return schema_error(db->sqlite, db->path, doing, err);
    int result = 0, rc = SQLITE_DONE;
    while (result == 0 && (rc = sqlite3_step(query)) == SQLITE_ROW)
        result = each(query, data, err);
    if (result == 0 && rc != SQLITE_DONE)
        result = schema_error(db->sqlite, db->path, doing, err);
    sqlite3_finalize(query);
    return result;
}
