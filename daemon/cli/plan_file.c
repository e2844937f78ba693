/* Every mistake of the file is printed, one a line, in the file's order. */
#include "plan_file.h"
#include "json_job.h"

#include <errno.h>
#include <ferry/base/buf.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <string.h>

static int read_input(char **text, size_t *size, struct fy_error *err)
{
    struct fy_buf buf;
    char piece[4096];
    size_t got;
    fy_buf_init(&buf, PLAN_FILE_MAX_BYTES);
    while ((got = fread(piece, 1, sizeof(piece), stdin)) > 0) {
        if (fy_buf_append(&buf, piece, got, err) < 0)
            break;
    }
    if (ferror(stdin))
        fy_error_errno(err, errno, "reading standard input");
    *size = buf.size;
    *text = fy_error_is_set(err) ? NULL : fy_buf_take_string(&buf);
    fy_buf_done(&buf);
    return *text ? 0 : fy_error_set(err, FY_E_NOMEM, "no memory for the plan");
}

static void print_json_mistakes(const char *path, char *errors)
{
    struct fy_json *json = fy_json_new(true);
    char *rest = NULL;
    if (json) {
        fy_json_open_object(json, NULL);
        fy_json_string(json, "plan", path);
        fy_json_bool(json, "right", false);
        fy_json_open_array(json, "errors");
        for (char *line = strtok_r(errors, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
            fy_json_string(json, NULL, line);
        fy_json_close_array(json);
        fy_json_close_object(json);
    }
    (void)json_print(json);
}

static enum cli_exit report_mistakes(const struct cli *cli, const char *path, char *errors, const struct fy_error *err)
{
    if (!errors || !errors[0]) {
        cli_report(cli, err);
        return CLI_FAILED;
    }
    size_t length = strlen(errors);
    (void)fprintf(stderr, "%s%s", errors, errors[length - 1] == '\n' ? "" : "\n");
    if (cli->json)
        print_json_mistakes(path, errors);
    return CLI_FAILED;
}

enum cli_exit plan_file_read(const struct cli *cli, const char *path, struct fy_plan **plan, char **text, size_t *size)
{
    struct fy_error err = FY_ERROR_INIT;
    FY_AUTO_FREE char *read = NULL;
    FY_AUTO_FREE char *errors = NULL;
    bool from_input = strcmp(path, "-") == 0;
    int result =
        from_input ? read_input(&read, size, &err) : fy_fs_read_file(path, PLAN_FILE_MAX_BYTES, &read, size, &err);
    if (result < 0) {
        cli_report(cli, &err);
        return CLI_FAILED;
    }
    if (fy_plan_parse(from_input ? "standard input" : path, read, *size, plan, &errors, &err) < 0)
        return report_mistakes(cli, path, errors, &err);
    *text = fy_take(read);
    return CLI_DONE;
}
