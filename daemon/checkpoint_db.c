/* A connection of its own, which waits for no disk: what is lost in a crash is read from the directories again. In WAL
 * mode NORMAL keeps the file whole, also what others write into it. */
#include "checkpoint_db.h"
#include "database.h"
#include "schema.h"

#include <ferry/base/cleanup.h>
#include <string.h>

enum statement { FIND, SAVE, FORGET, STATEMENTS_ };

static const char *const statement_text[STATEMENTS_] = {
    [FIND] = "SELECT checkpoint FROM checkpoints WHERE id = ?1 AND mark = ?2",
    [SAVE] = ("INSERT INTO checkpoints (id, mark, checkpoint) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE SET "
              "mark = excluded.mark, checkpoint = excluded.checkpoint"),
    [FORGET] = "DELETE FROM checkpoints WHERE id = ?1",
};

static const struct database_kind kind = {
    .flags = SQLITE_OPEN_READWRITE,
    .busy_timeout_ms = 100, /* a row that is not written costs less than waiting */
    .pragmas = "PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF",
    .statements = statement_text,
    .statement_count = STATEMENTS_,
};

int checkpoint_db_open(const char *path, struct database **db, struct fy_error *err)
{
    return database_open(&kind, path, db, err);
}

/* A row that is damaged, or that of another checkpoint, is as good as none. */
static struct fy_checkpoint *take_row(sqlite3_stmt *row, const char *id)
{
    struct fy_checkpoint *checkpoint = NULL;
    if (fy_checkpoint_unpack(sqlite3_column_blob(row, 0), (size_t)sqlite3_column_bytes(row, 0), &checkpoint, NULL) < 0)
        return NULL;
    if (strcmp(checkpoint->record->id, id) == 0)
        return checkpoint;
    fy_checkpoint_free(checkpoint);
    return NULL;
}

int checkpoint_db_find(struct database *db, const char *id, const struct fy_checkpoint_mark *mark,
                       struct fy_checkpoint **checkpoint, struct fy_error *err)
{
    sqlite3_stmt *find = db->statements[FIND];
    sqlite3_bind_text(find, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_blob(find, 2, mark, sizeof *mark, SQLITE_STATIC);
    int rc = sqlite3_step(find), result = 0;
    *checkpoint = NULL;
    if (rc == SQLITE_ROW)
        *checkpoint = take_row(find, id);
    else if (rc != SQLITE_DONE)
        result = schema_error(db->sqlite, db->path, "looking for a checkpoint", err);
    (void)sqlite3_reset(find);
    (void)sqlite3_clear_bindings(find);
    return result;
}

static int forget(struct database *db, const char *id, struct fy_error *err)
{
    sqlite3_bind_text(db->statements[FORGET], 1, id, -1, SQLITE_STATIC);
    return database_run(db, FORGET, "forgetting a checkpoint", err);
}

int checkpoint_db_save(struct database *db, const struct checkpoint_row *row, struct fy_error *err)
{
    sqlite3_stmt *save = db->statements[SAVE];
    if (!row->packed)
        return forget(db, row->id, err);
    sqlite3_bind_text(save, 1, row->id, -1, SQLITE_STATIC);
    sqlite3_bind_blob(save, 2, &row->mark, sizeof row->mark, SQLITE_STATIC);
    sqlite3_bind_blob64(save, 3, row->packed, row->size, SQLITE_STATIC);
    return database_run(db, SAVE, "recording a checkpoint", err);
}

/* ---- sweeping ---- */

struct sweep {
    struct database *db;
    bool (*is_there)(const char *id, const void *data);
    const void *data;
    size_t gone;
};

static int sweep_one(sqlite3_stmt *row, void *data, struct fy_error *err)
{
    struct sweep *sweep = data;
    const char *id = (const char *)sqlite3_column_text(row, 0);
    if (sweep->is_there(id, sweep->data))
        return 0;
    sweep->gone++;
    return forget(sweep->db, id, err);
}

int checkpoint_db_sweep(struct database *db, bool (*is_there)(const char *id, const void *data), const void *data,
                        size_t *gone, struct fy_error *err)
{
    struct sweep sweep = {db, is_there, data, 0};
    if (database_each(db, "SELECT id FROM checkpoints ORDER BY id", "reading the checkpoints", sweep_one, &sweep, err) <
        0)
        return -1;
    *gone = sweep.gone;
    return 0;
}
