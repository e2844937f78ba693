/* Addresses that an earlier ferryd had staged and never gave to anybody. */
#include <ferry/agent/address.h>

#include <dirent.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <stdio.h>
#include <string.h>

#define RECORD_LIMIT_BYTES 4096u

struct sweep {
    const struct fy_host *host;
    fy_address_cb done;
    void *data;
    unsigned outstanding;
    uv_timer_t starter;
    struct fy_error error;
};

static void closed(uv_handle_t *handle)
{
    struct sweep *sweep = fy_container_of(handle, struct sweep, starter);
    sweep->done(fy_error_is_set(&sweep->error) ? &sweep->error : NULL, sweep->data);
    free(sweep);
}

static void unstaged(const struct fy_error *err, void *data)
{
    struct sweep *sweep = data;
    fy_error_propagate(&sweep->error, err);
    if (--sweep->outstanding == 0)
        uv_close((uv_handle_t *)&sweep->starter, closed);
}

/* One address a line, as fy_service_address_format() wrote it. */
static size_t read_record(int dir_fd, const char *job_id, struct fy_service_address *addresses)
{
    FY_AUTO_FREE char *text = NULL;
    size_t count = 0;
    if (fy_fs_read_file_at(dir_fd, job_id, RECORD_LIMIT_BYTES, &text, NULL, NULL) < 0)
        return 0;
    char *rest = text;
    char *line;
    while ((line = strsep(&rest, "\n")) && count < FY_MAX_ADDRESSES)
        if (*line && fy_service_address_parse(line, &addresses[count], NULL) == 0)
            count++;
    return count;
}

static void sweep_record(struct sweep *sweep, int dir_fd, const char *job_id)
{
    struct fy_service_address addresses[FY_MAX_ADDRESSES];
    size_t count = read_record(dir_fd, job_id, addresses);
    if (count == 0)
        return;
    sweep->outstanding++;
    if (fy_address_unstage(sweep->host, job_id, addresses, count, unstaged, sweep, &sweep->error) < 0)
        sweep->outstanding--;
}

static void run(uv_timer_t *starter)
{
    struct sweep *sweep = fy_container_of(starter, struct sweep, starter);
    char directory[4096];
    (void)snprintf(directory, sizeof directory, "%s/staged", sweep->host->settings->run_dir);
    DIR *dir = opendir(directory);
    struct dirent *entry;
    sweep->outstanding = 1; /* this function's own */
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            sweep_record(sweep, dirfd(dir), entry->d_name);
    if (dir)
        (void)closedir(dir);
    unstaged(NULL, sweep);
}

int fy_address_sweep(const struct fy_host *host, fy_address_cb done, void *data, struct fy_error *err)
{
    struct sweep *sweep = calloc(1, sizeof *sweep);
    if (!sweep)
        return fy_error_set(err, FY_E_NOMEM, "no memory for taking staged addresses away");
    sweep->host = host;
    sweep->done = done;
    sweep->data = data;
    (void)uv_timer_init(host->loop, &sweep->starter);
    (void)uv_timer_start(&sweep->starter, run, 0, 0);
    return 0;
}
