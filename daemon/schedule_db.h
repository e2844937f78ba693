/* The table of schedules, for one thread at a time. */
#ifndef FERRY_DAEMON_SCHEDULE_DB_H
#define FERRY_DAEMON_SCHEDULE_DB_H

#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_RESULT_SIZE 512

struct schedule_row {
    const char *name;
    const char *file; /* that it came from */
    const void *text; /* of that plan */
    size_t text_size;
    int64_t settled_s;
    uint32_t missed;
    bool paused;
    int64_t last_slot_s, last_started_us, last_ended_us; /* 0: none */
    bool last_failed;
    char last_result[SCHEDULE_RESULT_SIZE];
};

struct database; /* database.h closes it */

int schedule_db_open(const char *path, struct database **db, struct fy_error *err);
/* By name; the row is valid during the call. -1 from `each` ends it. */
int schedule_db_each(struct database *db, int (*each)(const struct schedule_row *row, void *data, struct fy_error *err),
                     void *data, struct fy_error *err);
/* `text` NULL: that of the earlier row stays. */
int schedule_db_save(struct database *db, const struct schedule_row *row, struct fy_error *err);
int schedule_db_forget(struct database *db, const char *name, struct fy_error *err);

#endif
