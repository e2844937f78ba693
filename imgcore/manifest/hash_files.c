/* A pool of threads that take runs of chunks in the order of the files, until all are taken or one has failed.
 *
 *     cursor (under a lock) -> run of up to 8 chunks of one file -> open, read, hash -> into the job's array
 *
 * A run that lies in a hole, or is zeros, gets the hash of zeros without hashing: sparse pages cost nothing. */
#include "hash_files.h"
#include <errno.h>
#include <fcntl.h>
#include <ferry/base/cleanup.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>

#define RUN_CHUNKS 8u
#define THREADS_MAX 256u

struct pool {
    int dir_fd;
    const struct hash_job *jobs;
    size_t count;
    struct hash zeros; /* of a whole chunk */
    pthread_mutex_t lock;
    size_t next_job; /* from here on under the lock */
    uint64_t next_chunk;
    struct fy_error error;
};

struct run {
    const struct hash_job *job;
    uint64_t first, count;
};

static bool take_run(struct pool *pool, struct run *run)
{
    bool taken = false;

    (void)pthread_mutex_lock(&pool->lock);
    if (pool->next_job < pool->count && !fy_error_is_set(&pool->error)) {
        const struct hash_job *job = &pool->jobs[pool->next_job];
        uint64_t left = fy_chunks_of(job->size_bytes) - pool->next_chunk;
        *run = (struct run){job, pool->next_chunk, left < RUN_CHUNKS ? left : RUN_CHUNKS};
        pool->next_chunk += run->count;
        if (run->count == left) {
            pool->next_job++;
            pool->next_chunk = 0;
        }
        taken = true;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return taken;
}

static void keep_error(struct pool *pool, const struct fy_error *error)
{
    (void)pthread_mutex_lock(&pool->lock);
    fy_error_propagate(&pool->error, error);
    (void)pthread_mutex_unlock(&pool->lock);
}

static int changed(const struct hash_job *job, struct fy_error *err)
{
    (void)fy_error_set(err, FY_E_BUSY, "%s changed while it was read", job->name);
    return fy_error_next(err, "Wait until the checkpoint is finished, and try again.");
}

static int open_job(int dir_fd, const struct hash_job *job, struct fy_error *err)
{
    struct stat status;
    int fd = openat(dir_fd, job->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return errno == ELOOP || errno == ENOENT ? changed(job, err)
                                                 : fy_error_errno(err, errno, "cannot open %s", job->name);
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (uint64_t)status.st_size == job->size_bytes)
        return fd;
    (void)close(fd);
    return changed(job, err);
}

static int read_chunk(int fd, const struct hash_job *job, uint64_t offset, uint8_t *buffer, size_t size,
                      struct fy_error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = pread(fd, buffer + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fy_error_errno(err, errno, "cannot read %s at byte %" PRIu64, job->name, offset + done);
        if (count == 0)
            return changed(job, err);
        done += (size_t)count;
    }
    return 0;
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

/* Where the next byte that is not in a hole may be; without support for that, right here. */
static uint64_t next_data(int fd, uint64_t offset)
{
    off_t found = lseek(fd, (off_t)offset, SEEK_DATA);

    if (found >= 0)
        return (uint64_t)found;
    return errno == ENXIO ? UINT64_MAX : offset;
}

static int hash_one(struct pool *pool, struct hasher *hasher, int fd, const struct hash_job *job, uint64_t index,
                    uint8_t *buffer, struct fy_error *err)
{
    size_t size = fy_chunk_size(job->size_bytes, index);

    if (read_chunk(fd, job, index * FY_MANIFEST_CHUNK_BYTES, buffer, size, err) < 0)
        return -1;
    if (size == FY_MANIFEST_CHUNK_BYTES && is_zero(buffer, size)) {
        job->chunks[index] = pool->zeros;
        return 0;
    }
    return fy_hash_chunk(hasher, buffer, size, &job->chunks[index], err);
}

static int hash_run(struct pool *pool, struct hasher *hasher, const struct run *run, uint8_t *buffer,
                    struct fy_error *err)
{
    uint64_t begin = run->first * FY_MANIFEST_CHUNK_BYTES, size = run->count * FY_MANIFEST_CHUNK_BYTES, data_at;
    FY_AUTO_CLOSE int fd = open_job(pool->dir_fd, run->job, err);

    if (fd < 0)
        return -1;
    data_at = next_data(fd, begin);
    if (data_at < begin + size) /* reading ahead in a hole would fill memory with zeros */
        (void)posix_fadvise(fd, (off_t)begin, (off_t)size, POSIX_FADV_WILLNEED);
    for (uint64_t i = run->first; i < run->first + run->count; i++) {
        uint64_t end = (i + 1) * FY_MANIFEST_CHUNK_BYTES;
        if (data_at < end)
            data_at = next_data(fd, i * FY_MANIFEST_CHUNK_BYTES);
        if (data_at >= end && end <= run->job->size_bytes)
            run->job->chunks[i] = pool->zeros;
        else if (hash_one(pool, hasher, fd, run->job, i, buffer, err) < 0)
            return -1;
    }
    return 0;
}

static void *work(void *data)
{
    struct pool *pool = data;
    struct fy_error error = FY_ERROR_INIT;
    struct hasher hasher;
    struct run run;
    FY_AUTO_FREE uint8_t *buffer = malloc(FY_MANIFEST_CHUNK_BYTES);

    if (!buffer)
        (void)fy_error_set(&error, FY_E_NOMEM, "no memory to read files");
    else if (fy_hasher_init(&hasher, &error) == 0) {
        while (!fy_error_is_set(&error) && take_run(pool, &run))
            (void)hash_run(pool, &hasher, &run, buffer, &error);
        fy_hasher_done(&hasher);
    }
    if (fy_error_is_set(&error))
        keep_error(pool, &error);
    return NULL;
}

static unsigned processors(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return count > 0 ? (unsigned)count : 1;
}

/* No more threads than there are runs to take. */
static unsigned useful_threads(const struct hash_job *jobs, size_t count, unsigned wanted)
{
    uint64_t runs = 0;
    unsigned threads = wanted ? wanted : processors();

    if (threads > THREADS_MAX)
        threads = THREADS_MAX;
    for (size_t i = 0; i < count && runs < threads; i++)
        runs += (fy_chunks_of(jobs[i].size_bytes) - 1) / RUN_CHUNKS + 1;
    return runs < threads ? (unsigned)runs : threads;
}

/* The calling thread is one of them; if the system gives no more, it does all alone. */
static void run_pool(struct pool *pool, unsigned threads)
{
    pthread_t ids[THREADS_MAX];
    unsigned started = 0;

    while (started + 1 < threads && pthread_create(&ids[started], NULL, work, pool) == 0)
        started++;
    (void)work(pool);
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(ids[i], NULL);
}

int fy_hash_files(int dir_fd, const struct hash_job *jobs, size_t count, unsigned threads, struct fy_error *err)
{
    struct pool pool = {.dir_fd = dir_fd, .jobs = jobs, .count = count, .lock = PTHREAD_MUTEX_INITIALIZER};
    struct hasher hasher;
    int result;

    if (fy_hasher_init(&hasher, err) < 0)
        return -1;
    result = fy_hash_zeros(&hasher, FY_MANIFEST_CHUNK_BYTES, &pool.zeros, err);
    fy_hasher_done(&hasher);
    if (result < 0)
        return -1;
    run_pool(&pool, useful_threads(jobs, count, threads));
    (void)pthread_mutex_destroy(&pool.lock);
    fy_error_propagate(err, &pool.error);
    return fy_error_is_set(&pool.error) ? -1 : 0;
}
