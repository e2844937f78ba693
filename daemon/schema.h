/* The database's schema and its versions. */
#ifndef FERRY_DAEMON_SCHEMA_H
#define FERRY_DAEMON_SCHEMA_H

#include <ferry/base/error.h>
#include <sqlite3.h>

/* Applies the steps that are missing, each in a transaction of its own. `path` is for messages. */
int schema_bring_up(sqlite3 *db, const char *path, struct fy_error *err);
/* Turns SQLite's last failure into an error that names the file. Returns -1. */
int schema_error(sqlite3 *db, const char *path, const char *doing, struct fy_error *err);

#endif
