/* Runs one program: spawn, output, deadline, end.
 *
 *     start ── exit of the child ── what is left in the pipe is read ── handles closed ── `ended`, freed
 *         └─ deadline or fy_child_terminate(): SIGTERM ── kill_after_ms ── SIGKILL
 *
 * The end is the child's exit and not the end of its output: a grandchild (a restored container) may keep the pipe for
 * ever. */
#include <ferry/agent/child.h>
#include <ferry/base/cleanup.h>

#include "child_output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#define KILL_AFTER_MS 5000

struct fy_child {
    uv_process_t process;
    uv_timer_t timer;
    struct fy_child_output output;
    bool has_output;
    bool term_sent;
    bool exited;
    bool whole_group;
    uint64_t kill_after_ms;
    int open_handles;
    fy_child_cb ended;
    void *data;
    struct fy_child_result result;
};

extern char **environ;

static void handle_closed(uv_handle_t *handle)
{
    struct fy_child *child = handle->data;
    if (--child->open_handles > 0)
        return;
    if (child->ended) {
        child->result.output = fy_child_output_text(&child->output, &child->result.output_size);
        child->ended(child, &child->result, child->data);
    }
    fy_child_output_done(&child->output);
    free(child);
}

static void close_handles(struct fy_child *child)
{
    uv_close((uv_handle_t *)&child->process, handle_closed);
    uv_close((uv_handle_t *)&child->timer, handle_closed);
    if (child->has_output)
        uv_close((uv_handle_t *)&child->output.pipe, handle_closed);
}

static void process_exited(uv_process_t *process, int64_t exit_status, int term_signal)
{
    struct fy_child *child = process->data;
    child->exited = true;
    if (child->whole_group && child->term_sent) /* what did not mind the SIGTERM; the group's number is still its own */
        (void)kill(-process->pid, SIGKILL);
    child->result.exit_status = (int)exit_status;
    child->result.signal = term_signal;
    if (child->has_output)
        fy_child_output_drain(&child->output);
    close_handles(child);
}

static void timer_struck(uv_timer_t *timer)
{
    struct fy_child *child = timer->data;
    if (child->term_sent) {
        fy_child_kill(child);
        return;
    }
    child->result.timed_out = true;
    fy_child_terminate(child);
}

/* The child leads its process group since before it executed anything. */
static void send_signal(struct fy_child *child, int number)
{
    (void)kill(child->whole_group ? -child->process.pid : child->process.pid, number);
}

void fy_child_terminate(struct fy_child *child)
{
    if (child->exited || child->term_sent)
        return;
    child->term_sent = true;
    send_signal(child, SIGTERM);
    (void)uv_timer_start(&child->timer, timer_struck, child->kill_after_ms, 0);
}

void fy_child_kill(struct fy_child *child)
{
    if (!child->exited)
        send_signal(child, SIGKILL);
}

pid_t fy_child_pid(const struct fy_child *child)
{
    return child->process.pid;
}

/* ---- starting ---- */

static bool replaces(const char *const *environment, const char *entry)
{
    size_t name_size = strcspn(entry, "=");
    for (; environment && *environment; environment++)
        if (strncmp(*environment, entry, name_size) == 0 && (*environment)[name_size] == '=')
            return true;
    return false;
}

static size_t count_strings(const char *const *strings)
{
    size_t count = 0;
    while (strings && strings[count])
        count++;
    return count;
}

/* Only the array is the caller's to free. */
static char **merge_environment(const char *const *environment, struct fy_error *err)
{
    size_t own = count_strings((const char *const *)environ);
    size_t added = count_strings(environment);
    size_t count = 0;
    char **merged = calloc(own + added + 1, sizeof(*merged));
    if (!merged) {
        fy_error_set(err, FY_E_NOMEM, "out of memory for a child's environment");
        return NULL;
    }
    for (size_t i = 0; i < own; i++)
        if (!replaces(environment, environ[i]))
            merged[count++] = environ[i];
    for (size_t i = 0; i < added; i++)
        merged[count++] = (char *)(uintptr_t)environment[i];
    return merged;
}

static int open_input(const char *input, int *fd, struct fy_error *err)
{
    if (!input) {
        *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return *fd < 0 ? fy_error_errno(err, errno, "cannot open /dev/null") : 0;
    }
    FY_AUTO_CLOSE int memory = memfd_create("ferry-child-input", MFD_CLOEXEC);
    size_t size = strlen(input);
    if (memory < 0 || write(memory, input, size) != (ssize_t)size || lseek(memory, 0, SEEK_SET) != 0)
        return fy_error_errno(err, errno, "cannot make a child's input of %zu bytes", size);
    *fd = memory;
    memory = -1;
    return 0;
}

static int open_output(struct fy_child *child, uv_loop_t *loop, const char *output_file, int *fd, struct fy_error *err)
{
    if (output_file) {
        *fd = open(output_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        return *fd < 0 ? fy_error_errno(err, errno, "cannot open %s", output_file) : 0;
    }
    if (fy_child_output_start(&child->output, loop, fd, err) < 0)
        return -1;
    child->has_output = true;
    child->output.pipe.data = child;
    child->open_handles++;
    return 0;
}

static int spawn(struct fy_child *child, uv_loop_t *loop, const struct fy_child_options *options, const int fds[3],
                 char **environment, struct fy_error *err)
{
    uv_stdio_container_t stdio[4] = {
        {.flags = UV_INHERIT_FD, .data.fd = fds[0]},
        {.flags = UV_INHERIT_FD, .data.fd = fds[1]},
        {.flags = UV_INHERIT_FD, .data.fd = fds[1]},
        {.flags = UV_INHERIT_FD, .data.fd = fds[2]},
    };
    uv_process_options_t spawn_options = {
        .exit_cb = process_exited,
        .file = options->argv[0],
        .args = (char **)(uintptr_t)options->argv,
        .env = environment,
        .cwd = options->directory ? options->directory : "/",
        .flags = UV_PROCESS_DETACHED,
        .stdio_count = fds[2] >= 0 ? 4 : 3,
        .stdio = stdio,
    };
    int status = uv_spawn(loop, &child->process, &spawn_options);
    if (status == 0)
        return 0;
    if (status == UV_ENOENT) {
        fy_error_set(err, FY_E_NOT_FOUND, "the program %s was not found", options->argv[0]);
        return fy_error_next(err, "install it, or name its full path in ferryd's configuration");
    }
    return fy_error_set(err, FY_E_CHILD, "cannot start %s: %s", options->argv[0], uv_strerror(status));
}

int fy_child_start(uv_loop_t *loop, const struct fy_child_options *options, fy_child_cb ended, void *data,
                   struct fy_child **child_out, struct fy_error *err)
{
    FY_AUTO_CLOSE int input = -1;
    FY_AUTO_CLOSE int output = -1;
    struct fy_child *child = calloc(1, sizeof(*child));
    if (!child)
        return fy_error_set(err, FY_E_NOMEM, "out of memory for starting %s", options->argv[0]);
    child->data = data;
    child->open_handles = 2;
    child->whole_group = options->whole_group;
    child->kill_after_ms = options->kill_after_ms ? options->kill_after_ms : KILL_AFTER_MS;
    FY_AUTO_FREE char **environment = merge_environment(options->environment, err);
    if (!environment || open_input(options->input, &input, err) < 0 ||
        open_output(child, loop, options->output_file, &output, err) < 0) {
        free(child);
        return -1;
    }
    (void)uv_timer_init(loop, &child->timer);
    child->timer.data = child;
    const int fds[3] = {input, output, options->inherit_fd};
    int status = spawn(child, loop, options, fds, environment, err);
    child->process.data = child;
    if (status < 0) { /* uv_spawn() has made the handle also when it failed */
        close_handles(child);
        return -1;
    }
    child->ended = ended;
    if (options->deadline_ms > 0)
        (void)uv_timer_start(&child->timer, timer_struck, options->deadline_ms, 0);
    *child_out = child;
    return 0;
}

/* ---- how it ended ---- */

static void last_line(const struct fy_child_result *result, char *line, size_t line_size)
{
    size_t end = result->output_size;
    while (end > 0 && strchr("\r\n \t", result->output[end - 1]))
        end--;
    size_t start = end;
    while (start > 0 && result->output[start - 1] != '\n')
        start--;
    size_t size = end - start < line_size - 1 ? end - start : line_size - 1;
    memcpy(line, result->output + start, size);
    line[size] = '\0';
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
            line[i] = '?';
}

int fy_child_check(const char *name, const struct fy_child_result *result, struct fy_error *err)
{
    char line[512];
    if (result->exit_status == 0 && result->signal == 0 && !result->timed_out)
        return 0;
    last_line(result, line, sizeof(line));
    const char *colon = line[0] ? ": " : "";
    if (result->timed_out)
        return fy_error_set(err, FY_E_CHILD, "%s did not end in time and was stopped%s%s", name, colon, line);
    if (result->signal != 0)
        return fy_error_set(err, FY_E_CHILD, "%s was killed by signal %d (%s)%s%s", name, result->signal,
                            strsignal(result->signal), colon, line);
    return fy_error_set(err, FY_E_CHILD, "%s failed with status %d%s%s", name, result->exit_status, colon, line);
}
