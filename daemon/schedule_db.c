/* A connection of its own: what jobs write never waits for it longer than one small transaction. */
#include "schedule_db.h"
#include "database.h"

#include <ferry/base/cleanup.h>
#include <string.h>

enum statement { INSTALL, STATE, FORGET, STATEMENTS_ };

#define STATE_COLUMNS                                                                                                  \
    "settled_s = excluded.settled_s, missed = excluded.missed, paused = excluded.paused, "                             \
    "last_slot_s = excluded.last_slot_s, last_started_us = excluded.last_started_us, "                                 \
    "last_ended_us = excluded.last_ended_us, last_failed = excluded.last_failed, last_result = excluded.last_result"

static const char *const statement_text[STATEMENTS_] = {
    [INSTALL] = "INSERT INTO schedules (name, settled_s, missed, paused, last_slot_s, last_started_us, last_ended_us, "
                "last_failed, last_result, file, plan) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
                "ON CONFLICT (name) DO UPDATE SET file = excluded.file, plan = excluded.plan, " STATE_COLUMNS,
    [STATE] = ("UPDATE schedules SET settled_s = ?2, missed = ?3, paused = ?4, last_slot_s = ?5, last_started_us = ?6, "
               "last_ended_us = ?7, last_failed = ?8, last_result = ?9 WHERE name = ?1"),
    [FORGET] = "DELETE FROM schedules WHERE name = ?1",
};

static const struct database_kind kind = {
    .flags = SQLITE_OPEN_READWRITE,
    .busy_timeout_ms = 5000,
    .pragmas = "PRAGMA synchronous=FULL; PRAGMA trusted_schema=OFF",
    .statements = statement_text,
    .statement_count = STATEMENTS_,
};

int schedule_db_open(const char *path, struct database **db, struct fy_error *err)
{
    return database_open(&kind, path, db, err);
}

static struct schedule_row read_row(sqlite3_stmt *query)
{
    struct schedule_row row = {
        .name = (const char *)sqlite3_column_text(query, 0),
        .settled_s = sqlite3_column_int64(query, 1),
        .missed = (uint32_t)sqlite3_column_int64(query, 2),
        .paused = sqlite3_column_int(query, 3) != 0,
        .last_slot_s = sqlite3_column_int64(query, 4),
        .last_started_us = sqlite3_column_int64(query, 5),
        .last_ended_us = sqlite3_column_int64(query, 6),
        .last_failed = sqlite3_column_int(query, 7) != 0,
        .file = (const char *)sqlite3_column_text(query, 9),
        .text = sqlite3_column_blob(query, 10),
        .text_size = (size_t)sqlite3_column_bytes(query, 10),
    };
    (void)snprintf(row.last_result, sizeof row.last_result, "%s", (const char *)sqlite3_column_text(query, 8));
    return row;
}

struct reading {
    int (*each)(const struct schedule_row *row, void *data, struct fy_error *err);
    void *data;
};

static int hand_on(sqlite3_stmt *query, void *data, struct fy_error *err)
{
    const struct reading *reading = data;
    struct schedule_row row = read_row(query);
    return reading->each(&row, reading->data, err);
}

int schedule_db_each(struct database *db, int (*each)(const struct schedule_row *row, void *data, struct fy_error *err),
                     void *data, struct fy_error *err)
{
    static const char select[] = "SELECT name, settled_s, missed, paused, last_slot_s, last_started_us, last_ended_us, "
                                 "last_failed, last_result, file, plan FROM schedules ORDER BY name";
    struct reading reading = {each, data};
    return database_each(db, select, "reading the schedules", hand_on, &reading, err);
}

int schedule_db_save(struct database *db, const struct schedule_row *row, struct fy_error *err)
{
    enum statement which = row->text ? INSTALL : STATE;
    sqlite3_stmt *save = db->statements[which];
    sqlite3_bind_text(save, 1, row->name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(save, 2, row->settled_s);
    sqlite3_bind_int64(save, 3, row->missed);
    sqlite3_bind_int(save, 4, row->paused);
    sqlite3_bind_int64(save, 5, row->last_slot_s);
    sqlite3_bind_int64(save, 6, row->last_started_us);
    sqlite3_bind_int64(save, 7, row->last_ended_us);
    sqlite3_bind_int(save, 8, row->last_failed);
    sqlite3_bind_text(save, 9, row->last_result, -1, SQLITE_STATIC);
    if (row->text) {
        sqlite3_bind_text(save, 10, row->file, -1, SQLITE_STATIC);
        sqlite3_bind_blob(save, 11, row->text, (int)row->text_size, SQLITE_STATIC);
    }
    return database_run(db, which, "recording a schedule", err);
}

int schedule_db_forget(struct database *db, const char *name, struct fy_error *err)
{
    sqlite3_bind_text(db->statements[FORGET], 1, name, -1, SQLITE_STATIC);
    return database_run(db, FORGET, "forgetting a schedule", err);
}
