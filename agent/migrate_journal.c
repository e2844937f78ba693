/* Packing and unpacking what the journal keeps of a migration. */
#include "migrate_journal.h"
#include "migrate_hooks.h"

#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>

#define BOOT_ID_SIZE 64

static void boot_id(char id[BOOT_ID_SIZE])
{
    FY_AUTO_FREE char *text = NULL;
    id[0] = '\0';
    if (fy_fs_read_file("/proc/sys/kernel/random/boot_id", BOOT_ID_SIZE, &text, NULL, NULL) < 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    (void)snprintf(id, BOOT_ID_SIZE, "%s", text);
}

static int pack(const Ferry__Journal__Details *details, struct fy_journal_entry *entry, struct fy_error *err)
{
    entry->details_bytes = ferry__journal__details__get_packed_size(details);
    entry->details = malloc(entry->details_bytes ? entry->details_bytes : 1);
    if (!entry->details)
        return fy_error_set(err, FY_E_NOMEM, "no memory for recording job %s", entry->job);
    (void)ferry__journal__details__pack(details, entry->details);
    return 0;
}

static int write_record(const struct fy_host *host, const struct fy_migrate_record *record, enum fy_stage stage,
                        fy_journal_cb done, void *data, struct fy_error *err)
{
    char boot[BOOT_ID_SIZE];
    struct fy_journal_entry entry = {.is_source = record->is_source, .stage = stage};
    Ferry__Journal__Details details = FERRY__JOURNAL__DETAILS__INIT;
    boot_id(boot);
    (void)snprintf(entry.job, sizeof entry.job, "%s", record->job_id);
    details.offer = (Ferry__Peer__Offer *)record->offer;
    details.peer = (char *)record->peer;
    details.boot_id = boot;
    details.has_root_pid = details.has_root_start_ticks = record->root.pid > 0;
    details.root_pid = (uint32_t)record->root.pid;
    details.root_start_ticks = record->root.start_ticks;
    details.images_dir = (char *)record->images_dir;
    details.group = record->group && record->group[0] ? (char *)record->group : NULL;
    struct fy_wire_hooks hooks = {.count = 0};
    if (record->source_spec)
        fy_wire_hooks_fill(&hooks, record->source_spec, FY_HOOK_SOURCE);
    details.n_source_hooks = hooks.count;
    details.source_hooks = hooks.list;
    if (pack(&details, &entry, err) < 0)
        return -1;
    int result = host->journal->write(host->journal, &entry, done, data, err);
    free(entry.details);
    return result;
}

void fy_migrate_record(const struct fy_host *host, const struct fy_migrate_record *record, enum fy_stage stage,
                       fy_journal_cb done, void *data)
{
    struct fy_error err = FY_ERROR_INIT;
    if (!host->journal)
        done(NULL, data);
    else if (write_record(host, record, stage, done, data, &err) < 0)
        done(&err, data);
}

Ferry__Journal__Details *fy_migrate_recorded(const struct fy_journal_entry *entry, struct fy_error *err)
{
    Ferry__Journal__Details *details = ferry__journal__details__unpack(NULL, entry->details_bytes, entry->details);
    if (!details)
        fy_error_set(err, FY_E_FORMAT, "what the journal has of job %s cannot be read", entry->job);
    return details;
}

struct fy_process fy_migrate_recorded_root(const Ferry__Journal__Details *details)
{
    char boot[BOOT_ID_SIZE];
    boot_id(boot);
    if (!details->has_root_pid || strcmp(boot, details->boot_id) != 0)
        return (struct fy_process){0};
    return (struct fy_process){.pid = (pid_t)details->root_pid, .start_ticks = details->root_start_ticks};
}

Ferry__Peer__Offer *fy_migrate_copy_offer(const Ferry__Peer__Offer *offer, struct fy_error *err)
{
    size_t size = ferry__peer__offer__get_packed_size(offer);
    FY_AUTO_FREE uint8_t *packed = malloc(size ? size : 1);
    Ferry__Peer__Offer *copy = NULL;
    if (packed)
        copy = ferry__peer__offer__unpack(NULL, ferry__peer__offer__pack(offer, packed), packed);
    if (!copy)
        fy_error_set(err, FY_E_NOMEM, "no memory for an offer");
    return copy;
}
