/* driverctl: the runtime drivers from the command line, without an agent around them, for tests/e2e/drivers.
 *
 *     driverctl [OPTION]... inspect WORKLOAD
 *     driverctl [OPTION]... version
 *     driverctl [OPTION]... room WORKLOAD BUNDLE|CONTAINER-ID,IMAGE-ID [PID...]
 *     driverctl [OPTION]... dump WORKLOAD IMAGES-DIR WORK-DIR
 *     driverctl [OPTION]... restore WORKLOAD IMAGES-DIR WORK-DIR [BUNDLE]
 *     driverctl [OPTION]... address stage|go|unstage|withdraw [ADDRESS...]
 *     driverctl hold SOCKET JOB TOKEN                 (for CRIU's action script)
 *     driverctl stand-in -- SCRIPT CRIU ARGUMENT...   (in CRIU's place)
 *
 * Each event is a JSON object on a line of its own. SIGUSR1 decides kill or run, SIGUSR2 resume or discard;
 * --held=go|undo does at once. Exit status: 0 when all ended as decided, 1 when not. */
#include <ferry/agent/address.h>
#include <ferry/agent/driver.h>
#include <ferry/agent/stand_in.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/json.h>
#include <ferry/base/text.h>

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum at_held { WAIT, GO, UNDO };

static struct {
    uv_loop_t loop;
    struct fy_settings settings;
    struct fy_host host;
    struct fy_migration_spec spec;
    const char *job;
    enum at_held at_held;
    bool early;
    uv_signal_t go;
    uv_signal_t undo;
    struct fy_dump *dump;
    struct fy_restore *restore;
    int status;
} ctl;

/* ---- events ---- */

static struct fy_json *event(const char *name)
{
    struct fy_json *json = fy_json_new(false);
    fy_json_open_object(json, NULL);
    fy_json_string(json, "event", name);
    return json;
}

static void end_event(struct fy_json *json)
{
    FY_AUTO_FREE char *text = NULL;
    fy_json_close_object(json);
    if (fy_json_finish(json, &text, NULL) == 0)
        puts(text);
    (void)fflush(stdout);
    fy_json_free(json);
}

static void add_error(struct fy_json *json, const struct fy_error *err)
{
    if (!err || !fy_error_is_set(err))
        return;
    ctl.status = 1;
    fy_json_open_object(json, "error");
    fy_json_string(json, "code", fy_code_name(err->code));
    fy_json_string(json, "message", err->message);
    fy_json_string(json, "next", err->next);
    fy_json_close_object(json);
}

static void say_end(const struct fy_error *err)
{
    struct fy_json *json = event("done");
    add_error(json, err);
    end_event(json);
}

static void hold_server_closed(void *data)
{
    (void)data;
}

/* Everything that would keep the loop running. */
static void finish(void)
{
    fy_hold_server_close(ctl.host.holds, hold_server_closed, NULL);
    uv_close((uv_handle_t *)&ctl.go, NULL);
    uv_close((uv_handle_t *)&ctl.undo, NULL);
}

/* ---- dump and restore ---- */

static void decide(bool go)
{
    if (ctl.dump)
        fy_dump_decide(ctl.dump, go ? FY_DECIDE_KILL : FY_DECIDE_RESUME);
    if (ctl.restore)
        fy_restore_decide(ctl.restore, go ? FY_DECIDE_RUN : FY_DECIDE_DISCARD);
}

static void signalled(uv_signal_t *handle, int number)
{
    (void)handle;
    decide(number == SIGUSR1);
}

static void say_held(void)
{
    end_event(event("held"));
    if (ctl.at_held != WAIT)
        decide(ctl.at_held == GO);
}

static void freezing(struct fy_dump *dump, void *data)
{
    (void)dump;
    (void)data;
    end_event(event("freezing"));
}

static void dump_held(struct fy_dump *dump, void *data)
{
    (void)dump;
    (void)data;
    say_held();
}

static struct fy_json *done_event(enum fy_workload_state state, const struct fy_error *err)
{
    struct fy_json *json = event("done");
    fy_json_string(json, "state", state == FY_WORKLOAD_RUNNING ? "running" : "gone");
    add_error(json, err);
    return json;
}

static void dump_done(struct fy_dump *dump, enum fy_workload_state state, const struct fy_error *err, void *data)
{
    (void)dump;
    (void)data;
    end_event(done_event(state, err));
    finish();
}

static void restore_held(struct fy_restore *restore, void *data)
{
    (void)restore;
    (void)data;
    say_held();
}

static void restore_done(struct fy_restore *restore, enum fy_workload_state state, pid_t root_pid,
                         const struct fy_error *err, void *data)
{
    (void)restore;
    (void)data;
    struct fy_json *json = done_event(state, err);
    fy_json_int(json, "root_pid", root_pid);
    end_event(json);
    finish();
}

static int start_dump(char **arguments, int count, struct fy_error *err)
{
    static const struct fy_dump_events events = {.freezing = freezing, .held = dump_held, .done = dump_done};
    if (count != 3)
        return fy_error_set(err, FY_E_USAGE, "dump WORKLOAD IMAGES-DIR WORK-DIR");
    const struct fy_dump_request request = {
        .spec = &ctl.spec, .job_id = ctl.job, .images_dir = arguments[1], .work_dir = arguments[2]};
    return fy_dump_start(&ctl.host, &request, &events, NULL, &ctl.dump, err);
}

static int start_restore(char **arguments, int count, struct fy_error *err)
{
    static const struct fy_restore_events events = {.held = restore_held, .done = restore_done};
    if (count != 3 && count != 4)
        return fy_error_set(err, FY_E_USAGE, "restore WORKLOAD IMAGES-DIR WORK-DIR [BUNDLE]");
    const struct fy_restore_request request = {.spec = &ctl.spec,
                                               .job_id = ctl.job,
                                               .images_dir = arguments[1],
                                               .work_dir = arguments[2],
                                               .bundle = count == 4 ? arguments[3] : NULL};
    return fy_restore_start(&ctl.host, &request, &events, NULL, &ctl.restore, err);
}

/* ---- questions ---- */

static void inspected(const struct fy_workload_facts *facts, const struct fy_error *err, void *data)
{
    (void)data;
    struct fy_json *json = event("done");
    if (facts) {
        fy_json_int(json, "root_pid", facts->root_pid);
        fy_json_string(json, "command", facts->command);
        fy_json_string(json, "bundle", facts->bundle);
        fy_json_string(json, "container_id", facts->container_id);
        fy_json_string(json, "image", facts->image);
        fy_json_string(json, "image_id", facts->image_id);
        fy_json_uint(json, "memory_bytes", facts->memory_bytes);
        fy_json_open_array(json, "pids");
        for (size_t i = 0; i < facts->pid_count; i++)
            fy_json_int(json, NULL, facts->pids[i]);
        fy_json_close_array(json);
    }
    add_error(json, err);
    end_event(json);
    finish();
}

static void version_known(int version, const struct fy_error *err, void *data)
{
    (void)data;
    struct fy_json *json = event("done");
    fy_json_int(json, "version", version);
    add_error(json, err);
    end_event(json);
    finish();
}

static void asked(const struct fy_error *err, void *data)
{
    (void)data;
    say_end(err);
    finish();
}

static int start_room(char **arguments, int count, struct fy_error *err)
{
    pid_t pids[64];
    size_t pid_count = 0;
    if (count < 2)
        return fy_error_set(err, FY_E_USAGE, "room WORKLOAD BUNDLE|CONTAINER-ID,IMAGE-ID [PID...]");
    for (int i = 2; i < count && pid_count < FY_ARRAY_SIZE(pids); i++)
        pids[pid_count++] = (pid_t)strtol(arguments[i], NULL, 10);
    char *comma = strchr(arguments[1], ',');
    if (comma)
        *comma = '\0';
    const struct fy_room_request request = {
        .workload = &ctl.spec.workload,
        .bundle = arguments[1],
        .container_id = arguments[1],
        .image = "its image",
        .image_id = comma ? comma + 1 : NULL,
        .pids = pids,
        .pid_count = pid_count,
    };
    return fy_driver_check_room(&ctl.host, &request, asked, NULL, err);
}

static void unguarded(const struct fy_error *err, void *data)
{
    if (!err)
        fy_address_announce(&ctl.host, ctl.job, ctl.spec.addresses, ctl.spec.address_count);
    asked(err, data);
}

static int go_and_announce(const struct fy_host *host, const char *job_id, const struct fy_service_address *addresses,
                           size_t count, fy_address_cb done, void *data, struct fy_error *err)
{
    (void)done;
    return fy_address_go(host, job_id, addresses, count, unguarded, data, err);
}

static int start_address(char **arguments, int count, struct fy_error *err)
{
    static const struct {
        const char *name;
        int (*start)(const struct fy_host *, const char *, const struct fy_service_address *, size_t, fy_address_cb,
                     void *, struct fy_error *);
    } verbs[] = {{"stage", fy_address_stage},
                 {"go", go_and_announce},
                 {"unstage", fy_address_unstage},
                 {"withdraw", fy_address_withdraw}};
    for (int i = 1; i < count && ctl.spec.address_count < FY_MAX_ADDRESSES; i++)
        if (fy_service_address_parse(arguments[i], &ctl.spec.addresses[ctl.spec.address_count++], err) < 0)
            return -1;
    for (size_t i = 0; count > 0 && i < FY_ARRAY_SIZE(verbs); i++)
        if (strcmp(arguments[0], verbs[i].name) == 0)
            return verbs[i].start(&ctl.host, ctl.job, ctl.spec.addresses, ctl.spec.address_count, asked, NULL, err);
    return fy_error_set(err, FY_E_USAGE, "address stage|go|unstage|withdraw [ADDRESS...]");
}

/* ---- the command line ---- */

static int start_verb(const char *verb, char **arguments, int count, struct fy_error *err)
{
    if (strcmp(verb, "version") == 0)
        return fy_criu_version(&ctl.host, version_known, NULL, err);
    if (strcmp(verb, "address") == 0)
        return start_address(arguments, count, err);
    if (count < 1 || fy_workload_parse(arguments[0], &ctl.spec.workload, err) < 0)
        return fy_error_set(err, FY_E_USAGE, "%s needs a workload", verb);
    if (strcmp(verb, "inspect") == 0)
        return fy_driver_inspect(&ctl.host, &ctl.spec.workload, inspected, NULL, err);
    if (strcmp(verb, "room") == 0)
        return start_room(arguments, count, err);
    if (strcmp(verb, "dump") == 0)
        return start_dump(arguments, count, err);
    if (strcmp(verb, "restore") == 0)
        return start_restore(arguments, count, err);
    return fy_error_set(err, FY_E_USAGE, "there is no verb '%s'", verb);
}

static int set_option(const char *name, char *value, struct fy_error *err)
{
    struct fy_timeouts *timeouts = &ctl.settings.timeouts;
    if (strcmp(name, "criu") == 0)
        ctl.settings.criu = value;
    else if (strcmp(name, "runc") == 0)
        ctl.settings.runc = value;
    else if (strcmp(name, "podman") == 0)
        ctl.settings.podman = value;
    else if (strcmp(name, "run-dir") == 0)
        ctl.settings.run_dir = value;
    else if (strcmp(name, "job") == 0)
        ctl.job = value;
    else if (strcmp(name, "dump-ms") == 0)
        timeouts->dump_ms = strtoull(value, NULL, 10);
    else if (strcmp(name, "restore-ms") == 0)
        timeouts->restore_ms = strtoull(value, NULL, 10);
    else if (strcmp(name, "held") == 0)
        ctl.at_held = strcmp(value, "go") == 0 ? GO : UNDO;
    else if (strcmp(name, "early") == 0)
        ctl.early = true;
    else if (strcmp(name, "tcp") == 0)
        return fy_tcp_mode_parse(value, &ctl.spec.tcp, err);
    else if (strcmp(name, "file-locks") == 0)
        ctl.spec.file_locks = true;
    else if (strcmp(name, "shell-job") == 0)
        ctl.spec.shell_job = true;
    else if (strcmp(name, "ext-unix-sockets") == 0)
        ctl.spec.ext_unix_sockets = true;
    else if (strcmp(name, "link-remap") == 0)
        ctl.spec.link_remap = true;
    return 0;
}

static int read_options(int argc, char **argv, struct fy_error *err)
{
    static const struct option options[] = {{"criu", required_argument, NULL, 0},
                                            {"runc", required_argument, NULL, 0},
                                            {"podman", required_argument, NULL, 0},
                                            {"run-dir", required_argument, NULL, 0},
                                            {"job", required_argument, NULL, 0},
                                            {"dump-ms", required_argument, NULL, 0},
                                            {"restore-ms", required_argument, NULL, 0},
                                            {"held", required_argument, NULL, 0},
                                            {"early", no_argument, NULL, 0},
                                            {"tcp", required_argument, NULL, 0},
                                            {"file-locks", no_argument, NULL, 0},
                                            {"shell-job", no_argument, NULL, 0},
                                            {"ext-unix-sockets", no_argument, NULL, 0},
                                            {"link-remap", no_argument, NULL, 0},
                                            {0}};
    int index = 0;
    for (int found = getopt_long(argc, argv, "+", options, &index); found != -1;
         found = getopt_long(argc, argv, "+", options, &index))
        if (found != 0 || set_option(options[index].name, optarg, err) < 0)
            return fy_error_set(err, FY_E_USAGE, "that is no option");
    return optind < argc ? 0 : fy_error_set(err, FY_E_USAGE, "a verb is needed; see the head of driverctl.c");
}

static int start_hold_server(struct fy_error *err)
{
    static char self[PATH_MAX];
    static char socket_path[PATH_MAX];
    size_t size = sizeof(self);
    (void)uv_exepath(self, &size);
    (void)snprintf(socket_path, sizeof(socket_path), "%s/hold-%d.sock", ctl.settings.run_dir, (int)getpid());
    return fy_hold_server_start(&ctl.loop, socket_path, self, &ctl.host.holds, err);
}

static void set_defaults(void)
{
    static char criu[] = "criu";
    static char runc[] = "runc";
    static char podman[] = "podman";
    static char runc_root[] = "/run/runc";
    static char run_dir[] = "/run/ferry";
    ctl.settings.criu = criu;
    ctl.settings.runc = runc;
    ctl.settings.podman = podman;
    ctl.settings.runc_root = runc_root;
    ctl.settings.run_dir = run_dir;
    ctl.settings.timeouts = (struct fy_timeouts){.freeze_ms = 10000, .dump_ms = 60000, .restore_ms = 60000};
    ctl.job = "test";
    fy_migration_spec_init(&ctl.spec);
    ctl.host.loop = &ctl.loop;
    ctl.host.settings = &ctl.settings;
}

static int run_hold(char **arguments)
{
    struct fy_error err = FY_ERROR_INIT;
    int status = fy_hold_client_run(arguments[0], arguments[1], arguments[2], &err);
    if (fy_error_is_set(&err))
        fprintf(stderr, "driverctl hold: %s\n", err.message);
    return status;
}

static int run_stand_in(char **arguments)
{
    struct fy_error err = FY_ERROR_INIT;
    int status = fy_stand_in_run(arguments[0], arguments + 1, &err);
    if (fy_error_is_set(&err))
        fprintf(stderr, "driverctl stand-in: %s\n", err.message);
    return status;
}

int main(int argc, char **argv)
{
    struct fy_error err = FY_ERROR_INIT;
    if (argc == 5 && strcmp(argv[1], "hold") == 0)
        return run_hold(argv + 2);
    if (argc > 4 && strcmp(argv[1], "stand-in") == 0)
        return run_stand_in(argv + 3);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)uv_loop_init(&ctl.loop);
    set_defaults();
    if (read_options(argc, argv, &err) < 0 || start_hold_server(&err) < 0) {
        say_end(&err);
        return 2;
    }
    (void)uv_signal_init(&ctl.loop, &ctl.go);
    (void)uv_signal_init(&ctl.loop, &ctl.undo);
    (void)uv_signal_start(&ctl.go, signalled, SIGUSR1);
    (void)uv_signal_start(&ctl.undo, signalled, SIGUSR2);
    if (start_verb(argv[optind], argv + optind + 1, argc - optind - 1, &err) < 0) {
        say_end(&err);
        finish();
    }
    if (ctl.early)
        decide(false);
    (void)uv_run(&ctl.loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&ctl.loop) != 0) {
        fprintf(stderr, "driverctl: the loop does not close: a handle was left\n");
        return 3;
    }
    return ctl.status;
}
