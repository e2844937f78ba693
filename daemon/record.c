/* Snapshots of jobs: copying, packing, comparing. */
#include <ferry/base/cleanup.h>
#include <ferry/daemon/record.h>

/* A job of the longest strings and the fullest lists stays far below; more than a frame can carry is refused. */
#define MAX_RECORD_BYTES (192u * 1024u)

struct fy_record *fy_record_unpack(const void *data, size_t size, struct fy_error *err)
{
    struct fy_record *record = calloc(1, sizeof(*record));
    if (!record) {
        fy_error_set(err, FY_E_NOMEM, "no memory for a job's record");
        return NULL;
    }
    record->refs = 1;
    record->job = size > MAX_RECORD_BYTES ? NULL : ferry__control__job__unpack(NULL, size, data);
    if (!record->job) {
        free(record);
        fy_error_set(err, FY_E_FORMAT, "a job's record of %zu bytes cannot be read", size);
        return NULL;
    }
    return record;
}

static int pack_job(const Ferry__Control__Job *job, uint8_t **data, size_t *size, struct fy_error *err)
{
    size_t packed_bytes = ferry__control__job__get_packed_size(job);
    if (packed_bytes > MAX_RECORD_BYTES)
        return fy_error_set(err, FY_E_LIMIT, "the record of job %s is %zu bytes long, more than %u", job->id,
                            packed_bytes, MAX_RECORD_BYTES);
    uint8_t *packed = malloc(packed_bytes ? packed_bytes : 1);
    if (!packed)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the record of job %s", job->id);
    ferry__control__job__pack(job, packed);
    *data = packed;
    *size = packed_bytes;
    return 0;
}

struct fy_record *fy_record_new(const Ferry__Control__Job *job, struct fy_error *err)
{
    FY_AUTO_FREE uint8_t *packed = NULL;
    size_t size = 0;
    if (pack_job(job, &packed, &size, err) < 0)
        return NULL;
    return fy_record_unpack(packed, size, err);
}

int fy_record_pack(const struct fy_record *record, uint8_t **data, size_t *size, struct fy_error *err)
{
    return pack_job(record->job, data, size, err);
}

struct fy_record *fy_record_ref(struct fy_record *record)
{
    record->refs++;
    return record;
}

void fy_record_unref(struct fy_record *record)
{
    if (!record || --record->refs > 0)
        return;
    ferry__control__job__free_unpacked(record->job, NULL);
    free(record);
}

bool fy_record_ended(const struct fy_record *record)
{
    Ferry__Control__JobState state = record->job->state;
    return state == FERRY__CONTROL__JOB_STATE__COMPLETED || state == FERRY__CONTROL__JOB_STATE__FAILED ||
           state == FERRY__CONTROL__JOB_STATE__CANCELLED;
}

bool fy_record_is_step(const struct fy_record *before, const struct fy_record *after)
{
    const Ferry__Control__Job *a = before->job, *b = after->job;
    if (a->state != b->state || a->n_phases != b->n_phases)
        return true;
    return b->n_phases > 0 &&
           a->phases[a->n_phases - 1]->has_duration_us != b->phases[b->n_phases - 1]->has_duration_us;
}

const char *fy_job_state_name(Ferry__Control__JobState state)
{
    static const char *const names[] = {
        [FERRY__CONTROL__JOB_STATE__QUEUED] = "queued", [FERRY__CONTROL__JOB_STATE__SETUP] = "setup",
        [FERRY__CONTROL__JOB_STATE__ACTIVE] = "active", [FERRY__CONTROL__JOB_STATE__PRE_SWITCHOVER] = "pre-switchover",
        [FERRY__CONTROL__JOB_STATE__DEVICE] = "device", [FERRY__CONTROL__JOB_STATE__COMPLETED] = "completed",
        [FERRY__CONTROL__JOB_STATE__FAILED] = "failed", [FERRY__CONTROL__JOB_STATE__CANCELLED] = "cancelled",
    };
    size_t i = (size_t)state;
    return i < FY_ARRAY_SIZE(names) && names[i] ? names[i] : "unknown";
}

const char *fy_job_kind_name(const Ferry__Control__Job *job)
{
    static const char *const names[] = {
        [FERRY__CONTROL__JOB_KIND__MIGRATION] = "migration", [FERRY__CONTROL__JOB_KIND__CHECKPOINT] = "checkpoint",
        [FERRY__CONTROL__JOB_KIND__RESTORE] = "restore",     [FERRY__CONTROL__JOB_KIND__VERIFY] = "verify",
        [FERRY__CONTROL__JOB_KIND__REMOVE] = "remove",       [FERRY__CONTROL__JOB_KIND__REPLICATE] = "replicate",
        [FERRY__CONTROL__JOB_KIND__REHEARSE] = "rehearse",   [FERRY__CONTROL__JOB_KIND__EXPORT] = "export",
        [FERRY__CONTROL__JOB_KIND__IMPORT] = "import",
    };
    size_t i = job->has_kind ? (size_t)job->kind : (size_t)FERRY__CONTROL__JOB_KIND__MIGRATION;
    return i < FY_ARRAY_SIZE(names) && names[i] ? names[i] : "unknown";
}

const char *fy_job_phase_name(const Ferry__Control__Job *job)
{
    for (size_t i = job->n_phases; i > 0; i--) {
        if (!job->phases[i - 1]->has_duration_us)
            return job->phases[i - 1]->name;
    }
    return job->n_phases ? job->phases[job->n_phases - 1]->name : NULL;
}
