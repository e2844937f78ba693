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

static int keep(struct fy_checkpoints *checkpoints, const struct reading *reading,
                const struct fy_checkpoint_mark *mark, struct fy_error *err)
{
    uv_mutex_lock(&checkpoints->db_lock);
    int result = reading->checkpoint ? checkpoint_db_save(checkpoints->db, reading->id, mark, reading->checkpoint, err)
                                     : checkpoint_db_forget(checkpoints->db, reading->id, err);
    uv_mutex_unlock(&checkpoints->db_lock);
    return result;
}

void catalogue_read(struct fy_checkpoints *checkpoints, struct reading *reading, struct fy_error *row_err)
{
    const struct fy_checkpoint_store *store = checkpoints->options.store;
    struct fy_checkpoint_mark mark = {0};
    struct fy_error why = FY_ERROR_INIT;
    /* Before it is read: what changes meanwhile makes the row an old one. */
    bool is_gone = fy_checkpoint_look(store, reading->id, &mark, &why) < 0 && why.code == FY_E_NOT_FOUND;
    if (!is_gone && (fy_error_is_set(&why) || fy_checkpoint_load(store, reading->id, &reading->checkpoint, &why) < 0))
        reading->damage = strdup(why.message);
    reading->is_there = !is_gone;
    if (checkpoints->db && !fy_error_is_set(row_err))
        (void)keep(checkpoints, reading, &mark, row_err);
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
    size_t read;
    struct fy_error row_err; /* the database is of no use, this time */
};

static struct fy_checkpoint *find_fresh(struct filling *filling, const char *id)
{
    struct fy_checkpoint_mark mark;
    struct fy_checkpoint *checkpoint = NULL;
    if (!fy_error_is_set(&filling->row_err) &&
        fy_checkpoint_look(filling->checkpoints->options.store, id, &mark, NULL) == 0)
        (void)checkpoint_db_find(filling->checkpoints->db, id, &mark, &checkpoint, &filling->row_err);
    return checkpoint;
}

static int fill_one(const char *id, void *data, struct fy_error *err)
{
    struct filling *filling = data;
    struct fy_checkpoints *checkpoints = filling->checkpoints;
    struct reading reading = {.checkpoint = find_fresh(filling, id), .is_there = true};
    (void)snprintf(reading.id, sizeof reading.id, "%s", id);
    if (!reading.checkpoint) {
        catalogue_read(checkpoints, &reading, &filling->row_err);
        filling->read++;
    }
    if (reading.damage)
        fy_log_write(checkpoints->options.log, FY_LOG_ERROR, NULL, "a checkpoint is damaged: %s", reading.damage);
    return catalogue_take(checkpoints, &reading, err);
}

static bool is_listed(const char *id, const void *data)
{
    return catalogue_find(data, id) != NULL;
}

/* All of it, in one transaction; what goes wrong with the database is told in filling->row_err. */
static int fill(struct filling *filling, size_t *gone, struct fy_error *err)
{
    struct database *db = filling->checkpoints->db;
    struct fy_error *row_err = &filling->row_err;
    bool writing = db && checkpoint_db_begin(db, row_err) == 0;
    int result = fy_checkpoint_each(filling->checkpoints->options.store, fill_one, filling, err);
    if (result == 0 && !fy_error_is_set(row_err))
        (void)checkpoint_db_sweep(db, is_listed, filling->checkpoints, gone, row_err);
    if (writing && (result < 0 || fy_error_is_set(row_err) || checkpoint_db_commit(db, row_err) < 0))
        checkpoint_db_rollback(db);
    return result;
}

int catalogue_fill(struct fy_checkpoints *checkpoints, struct fy_error *err)
{
    struct filling filling = {.checkpoints = checkpoints};
    struct fy_log *log = checkpoints->options.log;
    size_t gone = 0;
    open_rows(checkpoints, &filling.row_err);
    if (fill(&filling, &gone, err) < 0)
        return -1;
    if (fy_error_is_set(&filling.row_err))
        fy_log_error(log, NULL, "checkpoints are read from their directories, the database is of no use for them",
                     &filling.row_err);
    if (filling.read || gone)
        fy_log_write(log, FY_LOG_INFO, NULL,
                     "%zu checkpoints, %zu of them read from their directories: what the database had of those was not "
                     "theirs as they are; it had %zu that are gone",
                     checkpoints->count, filling.read, gone);
    return 0;
}
