/* What the database knows of checkpoints. The directories are the truth: a row is believed as long as the directory has
 * the mark that it had before the row was read from it, else the directory is read again, and the row written anew.
 *
 *     a crash between a directory and its row   the marks differ, or there is no row: it is read
 *     a checkpoint put there by hand            the same
 *     a row without a directory                 it goes at the next start
 *     a row, or a whole database, of elsewhere  the marks differ: no two hosts change files in the same nanosecond
 *     a directory that is damaged               it has no row: it is read, and named, at every start
 *
 * Rows are written in the thread pool, where a lock makes one thread at a time of it. One that cannot be written costs
 * the next start a look at its directory, and nothing else. */
#include "checkpoint_catalogue.h"
#include "checkpoint_db.h"
#include "database.h"

#include <ferry/base/array.h>
#include <ferry/base/cleanup.h>
#include <string.h>

static void open_rows(struct fy_checkpoints *checkpoints, struct fy_error *row_err)
{
    if (checkpoint_db_open(checkpoints->options.database, &checkpoints->db, row_err) == 0)
        (void)uv_mutex_init(&checkpoints->db_lock);
}

void rows_close(struct fy_checkpoints *checkpoints)
{
    if (!checkpoints->db)
        return;
    database_close(fy_take(checkpoints->db));
    uv_mutex_destroy(&checkpoints->db_lock);
}

/* ---- reading a directory ---- */

/* And what its row is to be. */
static void read_directory(const struct fy_checkpoint_store *store, struct reading *reading, struct checkpoint_row *row,
                           struct fy_error *row_err)
{
    struct fy_error why = FY_ERROR_INIT;
    *row = (struct checkpoint_row){0};
    memcpy(row->id, reading->id, sizeof row->id);
    /* Before it is read: what changes meanwhile makes the row an old one. */
    int looked = fy_checkpoint_look(store, reading->id, &row->mark, &why);
    reading->is_there = looked == 0 || why.code != FY_E_NOT_FOUND;
    if (looked == 0 && fy_checkpoint_load(store, reading->id, &reading->checkpoint, &why) == 0)
        (void)fy_checkpoint_pack(reading->checkpoint, &row->packed, &row->size, row_err);
    else if (reading->is_there)
        reading->damage = strdup(why.message);
}

void catalogue_read(struct fy_checkpoints *checkpoints, struct reading *reading, struct fy_error *row_err)
{
    struct checkpoint_row row;
    read_directory(checkpoints->options.store, reading, &row, row_err);
    if (checkpoints->db && !fy_error_is_set(row_err)) {
        uv_mutex_lock(&checkpoints->db_lock);
        (void)checkpoint_db_save(checkpoints->db, &row, row_err);
        uv_mutex_unlock(&checkpoints->db_lock);
    }
    free(row.packed);
}

int catalogue_take(struct fy_checkpoints *checkpoints, struct reading *reading, struct fy_error *err)
{
    FY_AUTO_FREE char *damage = fy_take(reading->damage);
    if (reading->is_there)
        return catalogue_set(checkpoints, reading->id, fy_take(reading->checkpoint), damage, err);
    catalogue_drop(checkpoints, reading->id);
    return 0;
}

void reading_done(struct reading *reading)
{
    fy_checkpoint_free(fy_take(reading->checkpoint));
    free(fy_take(reading->damage));
}

void rows_tell(const struct fy_checkpoints *checkpoints, const char *job_id, const struct fy_error *row_err)
{
    if (fy_error_is_set(row_err))
        fy_log_error(checkpoints->options.log, job_id, "a checkpoint will be read from its directory at the next start",
                     row_err);
}

/* ---- the start ---- */

struct filling {
    struct fy_checkpoints *checkpoints;
    struct checkpoint_row *rows; /* to be written, in one go: meanwhile nobody else can write */
    size_t row_count, row_room;
    size_t gone;
    struct fy_error row_err; /* the database is of no use, this time */
};

static int add_row(struct filling *filling, const struct checkpoint_row *row, struct fy_error *err)
{
    if (fy_array_room(&filling->rows, &filling->row_room, filling->row_count, sizeof *filling->rows,
                      "the list of checkpoints", err) < 0)
        return -1;
    filling->rows[filling->row_count++] = *row;
    return 0;
}

static struct fy_checkpoint *find_fresh(struct filling *filling, const char *id)
{
    struct fy_checkpoint_mark mark;
    struct fy_checkpoint *checkpoint = NULL;
    if (!fy_error_is_set(&filling->row_err) &&
        fy_checkpoint_look(filling->checkpoints->options.store, id, &mark, NULL) == 0)
        (void)checkpoint_db_find(filling->checkpoints->db, id, &mark, &checkpoint, &filling->row_err);
    return checkpoint;
}

static int read_anew(struct filling *filling, struct reading *reading, struct fy_error *err)
{
    struct checkpoint_row row;
    read_directory(filling->checkpoints->options.store, reading, &row, &filling->row_err);
    if (reading->damage)
        fy_log_write(filling->checkpoints->options.log, FY_LOG_ERROR, NULL, "a checkpoint is damaged: %s",
                     reading->damage);
    if (add_row(filling, &row, err) == 0)
        return 0;
    free(row.packed);
    reading_done(reading);
    return -1;
}

static int fill_one(const char *id, void *data, struct fy_error *err)
{
    struct filling *filling = data;
    struct reading reading = {.checkpoint = find_fresh(filling, id), .is_there = true};
    (void)snprintf(reading.id, sizeof reading.id, "%s", id);
    if (!reading.checkpoint && read_anew(filling, &reading, err) < 0)
        return -1;
    return catalogue_take(filling->checkpoints, &reading, err);
}

static bool is_listed(const char *id, const void *data)
{
    return catalogue_find(data, id) != NULL;
}

static int write_rows(struct filling *filling, struct fy_error *err)
{
    struct database *db = filling->checkpoints->db;
    for (size_t i = 0; i < filling->row_count; i++) {
        if (checkpoint_db_save(db, &filling->rows[i], err) < 0)
            return -1;
    }
    if (checkpoint_db_sweep(db, is_listed, filling->checkpoints, &filling->gone, err) < 0)
        return -1;
    return database_commit(db, err);
}

static void write_all(struct filling *filling)
{
    struct database *db = filling->checkpoints->db;
    if (fy_error_is_set(&filling->row_err) || database_begin(db, &filling->row_err) < 0)
        return;
    if (write_rows(filling, &filling->row_err) < 0)
        database_rollback(db);
}

static void tell(const struct filling *filling)
{
    struct fy_log *log = filling->checkpoints->options.log;
    if (fy_error_is_set(&filling->row_err))
        fy_log_error(log, NULL, "the next start reads all checkpoints again: the database is of no use for them",
                     &filling->row_err);
    if (filling->row_count || filling->gone)
        fy_log_write(log, FY_LOG_INFO, NULL,
                     "%zu checkpoints: %zu were read from their directories, as the database did not have them as they "
                     "are; it had %zu that are gone",
                     filling->checkpoints->count, filling->row_count, filling->gone);
}

int catalogue_fill(struct fy_checkpoints *checkpoints, struct fy_error *err)
{
    struct filling filling = {.checkpoints = checkpoints};
    open_rows(checkpoints, &filling.row_err);
    int result = fy_checkpoint_each(checkpoints->options.store, fill_one, &filling, err);
    if (result == 0) {
        write_all(&filling);
        tell(&filling);
    }
    for (size_t i = 0; i < filling.row_count; i++)
        free(filling.rows[i].packed);
    free(filling.rows);
    return result;
}
