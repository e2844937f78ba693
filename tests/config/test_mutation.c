/* Damaged YAML: cut at every byte, and changed at random from a fixed seed. Whatever comes out, the answer is a value
 * or a mistake with a place, never a crash; the sanitizers watch. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/config/plan.h>
#include <ferry/config/settings.h>
#include <string.h>

#define ROUNDS 4000

static const char plan_text[] = "version: 1\n"
                                "on_failure: continue\n"
                                "migrations:\n"
                                "  - workload: process/42\n"
                                "    to: b\n"
                                "    tcp: refuse\n"
                                "    addresses:\n"
                                "      - {ip: 10.77.0.100/24, device: eth0}\n"
                                "      - ip: \"2001:db8::7/64\"\n"
                                "        device: br0\n"
                                "    file_locks: true\n"
                                "  - {workload: runc/42, to: 'b', addresses: [], mode: stop}\n";

static const char schedules_text[] = "version: 1\n"
                                     "schedules:\n"
                                     "  - name: nightly\n"
                                     "    workloads: [runc/web, 'runc/db-*']\n"
                                     "    labels: [app=web]\n"
                                     "    cron: 5,10-50/10 */3 1,15 jan-mar sun\n"
                                     "    timezone: Europe/Berlin\n"
                                     "    window: [22:00-06:00]\n"
                                     "    keep: {last: 5, max_age: 30d, max_size: 20GiB, min_free: 10%}\n"
                                     "    verify: daily\n"
                                     "  - {name: b, workloads: [process/7], every: 15m, jitter: 1m, replicate_to: b}\n";

static const char settings_text[] = "name: a\n"
                                    "control: {users: [alice, bob], groups: []}\n"
                                    "log:\n  level: debug\n  format: json\n"
                                    "ssh:\n  key: agent\n"
                                    "max_jobs: 4\n"
                                    "timeouts: {dump: 10m, hold: \"2m\"}\n"
                                    "peers:\n  b: {host: b.example, port: 22}\n  c:\n    host: '::1'\n";

/* xorshift: the same sequence everywhere. */
static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void expect_answer(int rc, const void *value, const struct fy_error *err)
{
    cr_expect_eq(rc == 0, value != NULL);
    cr_expect_eq(rc == 0, err->code == FY_OK);
    if (rc)
        cr_expect(err->code == FY_E_CONFIG && !strncmp(err->message, "f:", 2), "%s", err->message);
}

static void try_plan(const char *text, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_plan *plan = NULL;
    FY_AUTO_FREE char *errors = NULL;
    int rc = fy_plan_parse("f", text, size, &plan, &errors, &err);
    expect_answer(rc, plan, &err);
    cr_expect_eq(rc == 0, errors == NULL);
    fy_plan_free(plan);
}

static void try_settings(const char *text, size_t size)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    int rc = fy_settings_parse("f", text, size, &settings, &err);
    expect_answer(rc, settings, &err);
    fy_settings_free(settings);
}

/* In a block of exactly that size, so that AddressSanitizer sees a byte read too many. */
static void try_cut(const char *text, size_t size, void (*attempt)(const char *, size_t))
{
    for (size_t length = 0; length <= size; length++) {
        FY_AUTO_FREE char *cut = malloc(length ? length : 1);
        cr_assert_not_null(cut);
        memcpy(cut, text, length);
        attempt(cut, length);
    }
}

static void try_mutations(const char *text, size_t size, uint32_t seed, void (*attempt)(const char *, size_t))
{
    static const char lively[] = "\n\n  ::--,,[]{}&*!|>'\"%@`#?~\t\\\xff\xc3\x80\x01";
    FY_AUTO_FREE char *copy = malloc(size);
    cr_assert_not_null(copy);
    for (int round = 0; round < ROUNDS; round++) {
        memcpy(copy, text, size);
        for (uint32_t change = 1 + next_random(&seed) % 6; change; change--) {
            size_t at = next_random(&seed) % size, from = next_random(&seed) % size;
            size_t span = next_random(&seed) % 16;
            if (next_random(&seed) % 3)
                copy[at] = lively[next_random(&seed) % (sizeof lively - 1)];
            else if (at + span <= size && from + span <= size)
                memmove(copy + at, copy + from, span);
        }
        attempt(copy, size);
    }
}

Test(mutation, cut_at_every_byte)
{
    try_cut(plan_text, sizeof plan_text - 1, try_plan);
    try_cut(schedules_text, sizeof schedules_text - 1, try_plan);
    try_cut(settings_text, sizeof settings_text - 1, try_settings);
}

Test(mutation, changed_plans)
{
    try_mutations(plan_text, sizeof plan_text - 1, 0x5eed1, try_plan);
}

Test(mutation, changed_schedules)
{
    try_mutations(schedules_text, sizeof schedules_text - 1, 0x5eed3, try_plan);
}

Test(mutation, changed_settings)
{
    try_mutations(settings_text, sizeof settings_text - 1, 0x5eed2, try_settings);
}
