/* Each allocation of ours is refused once, and that one only, so that nothing later hides a failure that was passed
 * over: an ordinary error each time, nothing leaked, the outputs untouched. The linker puts these functions in the
 * place of the C library's (see CMakeLists.txt). */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/plan.h>
#include <ferry/config/settings.h>
#include <stdarg.h>
#include <string.h>

static long countdown; /* the allocation that takes it to 0 is refused; 0: none is */

static bool refused(void)
{
    return countdown && --countdown == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
int __real_vasprintf(char **text, const char *format, va_list args);

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size)
{
    return refused() ? NULL : __real_realloc(block, size);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    return refused() ? NULL : __real_reallocarray(block, count, size);
}

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return refused() ? NULL : __real_strdup(text);
}

__attribute__((format(printf, 2, 0))) int __wrap_vasprintf(char **text, const char *format, va_list args);
int __wrap_vasprintf(char **text, const char *format, va_list args)
{
    return refused() ? -1 : __real_vasprintf(text, format, args);
}

__attribute__((format(printf, 2, 3))) int __wrap_asprintf(char **text, const char *format, ...);
int __wrap_asprintf(char **text, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = __wrap_vasprintf(text, format, args);
    va_end(args);
    return length;
}

/* Right: succeeds once there is memory for all. Wrong: ends in FY_E_CONFIG then. */
static long allocations_needed(bool (*attempt)(const char *, struct fy_error *), const char *text, enum fy_code end)
{
    for (long count = 1; count < 100000; count++) {
        struct fy_error err = FY_ERROR_INIT;
        countdown = count;
        bool done = attempt(text, &err);
        bool enough = countdown > 0;
        countdown = 0;
        cr_assert_eq(done, err.code == FY_OK);
        if (enough) {
            cr_expect_eq(err.code, end, "%s", err.message);
            return count;
        }
        cr_assert_eq(err.code, FY_E_NOMEM, "allocation %ld: %s", count, err.message);
    }
    return 0;
}

static bool read_settings(const char *text, struct fy_error *err)
{
    struct fy_settings *settings = NULL;
    int rc = fy_settings_parse("f", text, strlen(text), &settings, err);
    cr_assert_eq(rc == 0, settings != NULL);
    fy_settings_free(settings);
    return rc == 0;
}

static bool read_plan(const char *text, struct fy_error *err)
{
    struct fy_plan *plan = NULL;
    char *errors = NULL;
    int rc = fy_plan_parse("f", text, strlen(text), &plan, &errors, err);
    cr_assert_eq(rc == 0, plan != NULL);
    cr_assert_eq(errors != NULL, err->code == FY_E_CONFIG);
    fy_plan_free(plan);
    free(errors);
    return rc == 0;
}

Test(memory, settings)
{
    static const char right[] = "name: a\ncontrol: {users: [x, y]}\npeers: {b: {host: h, key: /k}, c: {host: i}}\n";
    static const char wrong[] = "nam: a\ncontrol: {users: [x y, {}]}\npeers: {b: {port: 0}}\n";
    cr_expect_gt(allocations_needed(read_settings, right, FY_OK), 50);
    cr_expect_gt(allocations_needed(read_settings, "", FY_OK), 20);
    cr_expect_gt(allocations_needed(read_settings, wrong, FY_E_CONFIG), 30);
}

Test(memory, plan)
{
    static const char right[] = "version: 1\nmigrations:\n  - workload: runc/web\n    to: b\n"
                                "    addresses: [{ip: 10.0.0.1/24, device: e}]\n";
    static const char wrong[] = "version: 1\nmigrations:\n  - wrkload: runc/web\n    to: b c\n    mode: fast\n";
    cr_expect_gt(allocations_needed(read_plan, right, FY_OK), 15);
    cr_expect_gt(allocations_needed(read_plan, wrong, FY_E_CONFIG), 15);
}

Test(memory, schedules)
{
    static const char right[] = "version: 1\nschedules:\n  - name: a\n    workloads: [runc/web, runc/b]\n"
                                "    labels: [app=web]\n    cron: '@daily'\n    timezone: Europe/Berlin\n"
                                "    keep: {last: 5}\n    rehearse: weekly\n    probe: x\n    replicate_to: b\n";
    static const char wrong[] = "version: 1\nschedules:\n  - name: a b\n    cron: '* *'\n    timezone: Mars/X\n";
    cr_expect_gt(allocations_needed(read_plan, right, FY_OK), 25);
    cr_expect_gt(allocations_needed(read_plan, wrong, FY_E_CONFIG), 15);
}
