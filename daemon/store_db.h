/* The database itself: blocking calls, one thread at a time. store.c decides which thread. */
#ifndef FERRY_DAEMON_STORE_DB_H
#define FERRY_DAEMON_STORE_DB_H

#include <ferry/daemon/store.h>

struct database; /* database.h closes it, and has its transactions */

int store_db_open(const char *path, struct database **db, struct fy_error *err);
int store_db_each(struct database *db, fy_store_each_cb each, void *data, struct fy_error *err);
int store_db_save(struct database *db, const struct fy_record *record, struct fy_error *err);
/* Writes a job's stage over its earlier one. */
int store_db_journal(struct database *db, const struct fy_journal_entry *entry, struct fy_error *err);
int store_db_each_entry(struct database *db, fy_store_entry_cb each, void *data, struct fy_error *err);
/* SQLite's own word: 2 is FULL. */
int store_db_synchronous(struct database *db);
int store_db_id(struct database *db, char id[FY_STORE_ID_SIZE], struct fy_error *err);
/* The job's record and its stage in the journal. */
int store_db_forget(struct database *db, const char *id, struct fy_error *err);

#endif
