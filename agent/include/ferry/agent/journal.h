/* The journal as a migration sees it: one latest stage for each job, durable when the callback says so. */
#ifndef FERRY_AGENT_JOURNAL_H
#define FERRY_AGENT_JOURNAL_H

#include <ferry/agent/switchover.h>
#include <ferry/base/error.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FY_JOB_ID_SIZE 40
#define FY_STORE_ID_SIZE 33

struct fy_journal_entry {
    char job[FY_JOB_ID_SIZE];
    bool is_source;
    enum fy_stage stage;
    uint8_t *details; /* a packed ferry.journal.Details */
    size_t details_bytes;
};

/* On success `err` is NULL, and no crash of this host undoes it. */
typedef void (*fy_journal_cb)(const struct fy_error *err, void *data);

struct fy_journal {
    /* Copies the entry. `done` comes once, later, unless this fails. */
    int (*write)(struct fy_journal *journal, const struct fy_journal_entry *entry, fy_journal_cb done, void *data,
                 struct fy_error *err);
    /* Random, made with the store: who finds another one here does not take our ignorance of a job for an abort. */
    char store_id[FY_STORE_ID_SIZE];
};

#endif
