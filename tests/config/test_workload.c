/* Workload names: everything that could leave a directory or become an option is refused. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/workload.h>
#include <string.h>

#define BAD_ID ": expected a container id of at most 255 letters, digits, '_', '+', '.' and '-', not beginning with '-'"
#define BAD_NAME                                                                                                       \
    ": expected a container name of at most 255 letters, digits, '_', '.' and '-', beginning with a letter or a digit"

Test(workload, refused)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "workload '': expected process/PID, runc/ID or podman/NAME"},
        {"web", "workload 'web': expected process/PID, runc/ID or podman/NAME"},
        {"/web", "workload '/web': expected process/PID, runc/ID or podman/NAME"},
        {"docker/web", "workload 'docker/web': expected process/PID, runc/ID or podman/NAME"},
        {"rnuc/web", "workload 'rnuc/web': expected process/PID, runc/ID or podman/NAME; did you mean 'runc'?"},
        {"Process/2", "workload 'Process/2': expected process/PID, runc/ID or podman/NAME; did you mean 'process'?"},
        {"process", "workload 'process': expected process/PID, runc/ID or podman/NAME"},
        {"processes-of-somebody/12",
         "workload 'processes-of-somebody/12': expected process/PID, runc/ID or podman/NAME"},
        {"process/", "workload process/: expected a process id from 2 to 4194304"},
        {"process/0", "workload process/0: expected a process id from 2 to 4194304"},
        {"process/007", "workload process/007: expected a process id from 2 to 4194304"},
        {"process/-1", "workload process/-1: expected a process id from 2 to 4194304"},
        {"process/12/3", "workload process/12/3: expected a process id from 2 to 4194304"},
        {"process/4194305", "workload process/4194305: expected a process id from 2 to 4194304"},
        {"process/1", "workload process/1: the init process cannot be moved"},
        {"runc/", "workload runc/" BAD_ID},
        {"runc/.", "workload runc/." BAD_ID},
        {"runc/..", "workload runc/.." BAD_ID},
        {"runc/../x", "workload runc/../x" BAD_ID},
        {"runc/--root=x", "workload runc/--root=x" BAD_ID},
        {"runc/a b", "workload runc/a b" BAD_ID},
        {"runc/a\n", "workload runc/a?" BAD_ID},
        {"runc/\xc3\xa4", "workload runc/\xc3\xa4" BAD_ID},
        {"podman/", "workload podman/" BAD_NAME},
        {"podman/..", "workload podman/.." BAD_NAME},
        {"podman/-x", "workload podman/-x" BAD_NAME},
        {"podman/_x", "workload podman/_x" BAD_NAME},
        {"podman/a+b", "workload podman/a+b" BAD_NAME},
        {"podman/a/b", "workload podman/a/b" BAD_NAME},
    };
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_workload workload = {.id = "untouched"};
        cr_expect_eq(fy_workload_parse(cases[i].text, &workload, &err), -1, "'%s'", cases[i].text);
        cr_expect_eq(err.code, FY_E_USAGE);
        cr_expect_str_eq(err.message, cases[i].message);
        cr_expect_str_eq(workload.id, "untouched");
    }
}

Test(workload, read_and_written_back)
{
    static const char *const cases[] = {"process/2", "process/4194304", "runc/web",   "runc/a_b+c-d.9",
                                        "runc/0",    "runc/...",        "podman/web", "podman/0a_b.c-d"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(cases); i++) {
        struct fy_workload workload;
        char text[FY_WORKLOAD_TEXT_SIZE];
        cr_assert_eq(fy_workload_parse(cases[i], &workload, NULL), 0, "'%s'", cases[i]);
        fy_workload_format(&workload, text);
        cr_expect_str_eq(text, cases[i]);
    }
}

Test(workload, longest_id)
{
    struct fy_workload workload;
    char text[FY_WORKLOAD_TEXT_SIZE + 1] = "runc/", again[FY_WORKLOAD_TEXT_SIZE];
    memset(text + 5, 'i', 256);
    cr_expect_eq(fy_workload_parse(text, &workload, NULL), -1);
    text[5 + 255] = '\0';
    cr_assert_eq(fy_workload_parse(text, &workload, NULL), 0);
    fy_workload_format(&workload, again);
    cr_expect_str_eq(again, text);
}
