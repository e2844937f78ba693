/* The store's queue: what the loop hands in is written by a worker thread, a batch a transaction.
 *
 *     save/forget --> waiting --(uv_queue_work: one batch at a time)--> in flight --> callbacks on the loop
 *
 * SQLite is only touched by the batch in flight, or by the loop's thread before the loop runs. When a batch fails, all
 * of it is undone and everybody in it is told; a later save of the same job carries the whole record again. */
#include "database.h"
#include "store_db.h"

#include <errno.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/daemon/store.h>
#include <string.h>
#include <sys/stat.h>

struct item {
    struct item *next;
    struct fy_record *record;       /* a job's record to save, */
    struct fy_journal_entry *entry; /* or a stage to write; neither: forget `id` */
    char id[FY_JOB_ID_SIZE];
    fy_store_cb done;
    void *data;
    struct fy_error err; /* of this item alone */
};

struct fy_store {
    uv_loop_t *loop;
    uv_work_t work;
    struct database *db;
    struct fy_journal journal;
    char *jobs_dir;
    struct item *waiting, **waiting_tail;
    struct item *in_flight;
    bool busy;
    bool held; /* what waits is not complete yet */
    bool closing;
    struct fy_error batch_error;
    fy_store_failed_cb failed;
    void *failed_data;
    void (*closed)(void *data);
    void *closed_data;
};

static void step(struct fy_store *store);
static int write_journal(struct fy_journal *journal, const struct fy_journal_entry *entry, fy_journal_cb done,
                         void *data, struct fy_error *err);

static void free_store(struct fy_store *store)
{
    database_close(store->db);
    free(store->jobs_dir);
    free(store);
}

int fy_store_open(uv_loop_t *loop, const char *state_dir, fy_store_failed_cb failed, void *data,
                  struct fy_store **store, struct fy_error *err)
{
    struct fy_store *opened = calloc(1, sizeof(*opened));
    FY_AUTO_FREE char *path = NULL;
    if (!opened || asprintf(&path, "%s/ferry.db", state_dir) < 0 ||
        asprintf(&opened->jobs_dir, "%s/jobs", state_dir) < 0) {
        free(opened);
        return fy_error_set(err, FY_E_NOMEM, "no memory for the store in %s", state_dir);
    }
    opened->loop = loop;
    opened->waiting_tail = &opened->waiting;
    opened->failed = failed;
    opened->failed_data = data;
    opened->journal.write = write_journal;
    if (fy_fs_make_directories(opened->jobs_dir, 0700, err) < 0 || store_db_open(path, &opened->db, err) < 0 ||
        store_db_id(opened->db, opened->journal.store_id, err) < 0) {
        free_store(opened);
        return -1;
    }
    *store = opened;
    return 0;
}

int fy_store_load(struct fy_store *store, fy_store_each_cb each, void *data, struct fy_error *err)
{
    fy_store_hold(store); /* a connection is for one thread at a time, and this one is in the middle of reading */
    int result = store_db_each(store->db, each, data, err);
    fy_store_release(store);
    return result;
}

int fy_store_load_journal(struct fy_store *store, fy_store_entry_cb each, void *data, struct fy_error *err)
{
    return store_db_each_entry(store->db, each, data, err);
}

struct fy_journal *fy_store_journal(struct fy_store *store)
{
    return &store->journal;
}

/* ---- the worker's side ---- */

/* Before the rows: a directory that cannot be removed keeps its row, and does not undo what others have written. */
static void remove_log_dir(struct fy_store *store, struct item *item)
{
    FY_AUTO_FREE char *directory = NULL;
    if (asprintf(&directory, "%s/%s", store->jobs_dir, item->id) < 0)
        fy_error_set(&item->err, FY_E_NOMEM, "no memory for forgetting job %s", item->id);
    else
        (void)fy_fs_remove_tree(directory, &item->err);
}

static int write_row(struct database *db, const struct item *item, struct fy_error *err)
{
    if (item->record)
        return store_db_save(db, item->record, err);
    if (item->entry)
        return store_db_journal(db, item->entry, err);
    return store_db_forget(db, item->id, err);
}

static int write_rows(struct fy_store *store, struct fy_error *err)
{
    for (const struct item *item = store->in_flight; item; item = item->next)
        if (!fy_error_is_set(&item->err) && write_row(store->db, item, err) < 0)
            return -1;
    return database_commit(store->db, err);
}

static void write_batch(uv_work_t *work)
{
    struct fy_store *store = fy_container_of(work, struct fy_store, work);
    fy_error_clear(&store->batch_error);
    for (struct item *item = store->in_flight; item; item = item->next) {
        if (!item->record && !item->entry)
            remove_log_dir(store, item);
    }
    if (database_begin(store->db, &store->batch_error) < 0)
        return;
    if (write_rows(store, &store->batch_error) < 0)
        database_rollback(store->db);
}

/* ---- the loop's side ---- */

static void entry_free(struct fy_journal_entry *entry)
{
    if (entry)
        free(entry->details);
    free(entry);
}

static struct fy_journal_entry *entry_copy(const struct fy_journal_entry *entry)
{
    struct fy_journal_entry *copy = malloc(sizeof(*copy));
    if (!copy)
        return NULL;
    *copy = *entry;
    copy->details = malloc(entry->details_bytes ? entry->details_bytes : 1);
    if (!copy->details) {
        free(copy);
        return NULL;
    }
    memcpy(copy->details, entry->details, entry->details_bytes);
    return copy;
}

static void finish_item(struct fy_store *store, struct item *item, const struct fy_error *batch_error)
{
    fy_error_propagate(&item->err, batch_error);
    const struct fy_error *err = fy_error_is_set(&item->err) ? &item->err : NULL;
    if (item->done)
        item->done(err, item->data);
    else if (err)
        store->failed(item->id, err, store->failed_data);
    fy_record_unref(item->record);
    entry_free(item->entry);
    free(item);
}

static void batch_written(uv_work_t *work, int status)
{
    (void)status; /* never cancelled */
    struct fy_store *store = fy_container_of(work, struct fy_store, work);
    const struct fy_error batch_error = store->batch_error;
    struct item *items = fy_take(store->in_flight);
    while (items) {
        struct item *item = items;
        items = item->next;
        finish_item(store, item, &batch_error);
    }
    store->busy = false;
    step(store);
}

/* The database is closed by the worker too: it then folds the log file into the main file. */
static void close_db(uv_work_t *work)
{
    struct fy_store *store = fy_container_of(work, struct fy_store, work);
    database_close(fy_take(store->db));
}

static void db_closed(uv_work_t *work, int status)
{
    (void)status;
    struct fy_store *store = fy_container_of(work, struct fy_store, work);
    void (*closed)(void *) = store->closed;
    void *data = store->closed_data;
    free_store(store);
    if (closed)
        closed(data);
}

static void step(struct fy_store *store)
{
    if (store->busy || store->held)
        return;
    if (store->waiting) {
        store->busy = true;
        store->in_flight = fy_take(store->waiting);
        store->waiting_tail = &store->waiting;
        (void)uv_queue_work(store->loop, &store->work, write_batch, batch_written);
    } else if (store->closing) {
        store->busy = true;
        (void)uv_queue_work(store->loop, &store->work, close_db, db_closed);
    }
}

static int enqueue(struct fy_store *store, const char *id, struct fy_record *record,
                   const struct fy_journal_entry *entry, fy_store_cb done, void *data, struct fy_error *err)
{
    struct item *item = calloc(1, sizeof(*item));
    if (!item || (entry && !(item->entry = entry_copy(entry)))) {
        free(item);
        return fy_error_set(err, FY_E_NOMEM, "no memory for recording job %s", id);
    }
    (void)snprintf(item->id, sizeof(item->id), "%s", id);
    item->record = record ? fy_record_ref(record) : NULL;
    item->done = done;
    item->data = data;
    *store->waiting_tail = item;
    store->waiting_tail = &item->next;
    step(store);
    return 0;
}

/* The waiting save of that job that a newer record may replace. */
static struct item *replaceable(struct fy_store *store, const char *id)
{
    struct item *found = NULL;
    for (struct item *item = store->waiting; item; item = item->next) {
        if (strcmp(item->id, id) == 0)
            found = item->record && !item->done ? item : NULL;
    }
    return found;
}

int fy_store_save(struct fy_store *store, struct fy_record *record, fy_store_cb done, void *data, struct fy_error *err)
{
    struct item *older = done ? NULL : replaceable(store, record->job->id);
    if (!older)
        return enqueue(store, record->job->id, record, NULL, done, data, err);
    fy_record_unref(older->record);
    older->record = fy_record_ref(record);
    return 0;
}

static int write_journal(struct fy_journal *journal, const struct fy_journal_entry *entry, fy_journal_cb done,
                         void *data, struct fy_error *err)
{
    struct fy_store *store = fy_container_of(journal, struct fy_store, journal);
    return enqueue(store, entry->job, NULL, entry, done, data, err);
}

int fy_store_forget(struct fy_store *store, const char *id, struct fy_error *err)
{
    return enqueue(store, id, NULL, NULL, NULL, NULL, err);
}

void fy_store_hold(struct fy_store *store)
{
    store->held = true;
}

void fy_store_release(struct fy_store *store)
{
    store->held = false;
    step(store);
}

int fy_store_make_log_dir(struct fy_store *store, const char *id, char **path, struct fy_error *err)
{
    char *made = NULL;
    if (!fy_fs_is_plain_name(id) || strlen(id) >= FY_JOB_ID_SIZE)
        return fy_error_set(err, FY_E_PROTOCOL, "a job id that cannot be a directory's name");
    if (asprintf(&made, "%s/%s", store->jobs_dir, id) < 0)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the log directory of job %s", id);
    if (mkdir(made, 0700) < 0) {
        if (errno == EEXIST)
            fy_error_set(err, FY_E_BUSY, "%s exists already: job ids are used once", made);
        else
            fy_error_errno(err, errno, "creating %s", made);
        free(made);
        return -1;
    }
    *path = made;
    return 0;
}

void fy_store_close(struct fy_store *store, void (*closed)(void *data), void *data)
{
    store->closing = true;
    store->closed = closed;
    store->closed_data = data;
    step(store);
}
