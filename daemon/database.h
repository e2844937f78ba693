/* An SQLite file and the statements that are run on it again and again, each prepared once. For one thread at a time.
 */
#ifndef FERRY_DAEMON_DATABASE_H
#define FERRY_DAEMON_DATABASE_H

#include <ferry/base/error.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

struct database {
    sqlite3 *sqlite;
    char *path;
    sqlite3_stmt **statements;
    size_t statement_count;
    bool in_transaction;
};

struct database_kind {
    int flags; /* beside NOMUTEX and NOFOLLOW */
    int busy_timeout_ms;
    const char *pragmas;
    int (*bring_up)(const struct database *db,
                    struct fy_error *err); /* before statements are prepared; NULL: nothing */
    const char *const *statements;
    size_t statement_count;
};

int database_open(const struct database_kind *kind, const char *path, struct database **db, struct fy_error *err);
/* NULL is legal. */
void database_close(struct database *db);
/* All that is run until the commit is one transaction; until then no other connection of this process writes. */
int database_begin(struct database *db, struct fy_error *err);
int database_commit(struct database *db, struct fy_error *err);
/* Undoes what has not been committed; nothing, if that is so. */
void database_rollback(struct database *db);
/* Runs a statement that gives no rows; its parameters are bound, and are not afterwards. */
int database_run(const struct database *db, size_t statement, const char *doing, struct fy_error *err);
/* -1 from `each` ends it. */
typedef int (*database_row_cb)(sqlite3_stmt *row, void *data, struct fy_error *err);
int database_each(const struct database *db, const char *select, const char *doing, database_row_cb each, void *data,
                  struct fy_error *err);

#endif
