/* ferryd: the agent of one host. Reads its configuration, then runs until it is told to stop. */
#include <ferry/base/cleanup.h>
#include <ferry/base/spare.h>
#include <ferry/daemon/daemon.h>
#include <ferry/transport/ssh.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_CONFIG "/etc/ferry/ferryd.yaml"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct arguments {
    const char *config;
    bool check_only;
};

static const char usage[] = "usage: ferryd [--config FILE] [--check-config]\n"
                            "\n"
                            "  --config FILE    configuration (" DEFAULT_CONFIG ")\n"
                            "  --check-config   say whether the configuration is right, and end\n"
                            "  --version        print the version, and end\n"
                            "  --help           print this, and end\n"
                            "\n"
                            "ferryd(8) describes it.\n";

static void print_error(const struct fy_error *err)
{
    (void)fprintf(stderr, "ferryd: %s\n", err->message);
    if (err->next[0])
        (void)fprintf(stderr, "  next: %s\n", err->next);
}

/* -1: go on; else the exit code. */
static int parse_arguments(int argc, char **argv, struct arguments *arguments)
{
    enum { CONFIG = 'c', CHECK = 256, VERSION, HELP = 'h' };
    static const struct option options[] = {
        {"config", required_argument, NULL, CONFIG},
        {"check-config", no_argument, NULL, CHECK},
        {"version", no_argument, NULL, VERSION},
        {"help", no_argument, NULL, HELP},
        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == CONFIG)
            arguments->config = optarg;
        else if (option == CHECK)
            arguments->check_only = true;
        else if (option == VERSION)
            return printf("ferryd %s\n", FERRY_VERSION) < 0;
        else if (option == HELP)
            return fputs(usage, stdout) < 0;
        else
            return fputs(usage, stderr), EXIT_USAGE;
    }
    if (optind == argc)
        return -1;
    (void)fprintf(stderr, "ferryd: %s: no operands are expected\n%s", argv[optind], usage);
    return EXIT_USAGE;
}

static int run(const struct fy_settings *settings, struct fy_error *err)
{
    struct fy_log *log = fy_log_new(STDERR_FILENO, settings->log.level, settings->log.format);
    if (!log)
        return fy_error_set(err, FY_E_NOMEM, "no memory for the log");
    int result = fy_ssh_global_init(err);
    if (result == 0) {
        result = fy_daemon_run(settings, &fy_agent_ops, log, err);
        fy_ssh_global_done();
    }
    if (result < 0)
        fy_log_error(log, NULL, "ferryd ends", err);
    fy_log_free(log);
    return result;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.config = DEFAULT_CONFIG};
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings;
    fy_spare_set_up();
    int early = parse_arguments(argc, argv, &arguments);
    if (early >= 0)
        return early;
    if (fy_settings_load(arguments.config, &settings, &err) < 0) {
        print_error(&err);
        return EXIT_FAILED;
    }
    int result = 0;
    if (arguments.check_only)
        (void)printf("%s: right\n", arguments.config);
    else
        result = run(settings, &err);
    fy_settings_free(settings);
    return result < 0 ? EXIT_FAILED : EXIT_DONE;
}
