/* Plans: each kind of mistake with its exact words and place, then values. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/config/plan.h>
#include <string.h>

#define HEAD "version: 1\nmigrations:\n"
#define ONE HEAD "  - workload: runc/web\n    to: b\n"

static const struct {
    const char *text, *message;
} mistakes[] = {
    {"", "p:1:1: the plan is empty; expected 'version: 1' and 'migrations'"},
    {"# nothing\n", "p:1:1: the plan is empty; expected 'version: 1' and 'migrations'"},
    {"runc/web\n", "p:1:1: expected a mapping, got 'runc/web'"},
    {"- workload: runc/web\n", "p:1:1: expected a mapping, got a list"},
    {"migrations: [{workload: runc/web, to: b}]\n", "p:1:1: 'version' is missing"},
    {"version: 2\nsteps: []\n", "p:1:10: version: this version of ferry reads plans of version 1, got 2"},
    {"version: one\nmigrations: [{workload: runc/web, to: b}]\n",
     "p:1:10: version: expected a whole number from 0 to 4294967295, got 'one'"},
    {"version: 1\n", "p:1:1: 'migrations' or 'schedules' is missing"},
    {HEAD, "p:2:12: migrations: expected a list of at least one migration, got nothing"},
    {"version: 1\nmigrations: []\n", "p:2:13: migrations: expected a list of at least one migration, got a list"},
    {"version: 1\nmigrations: {}\n", "p:2:13: migrations: expected a list of at least one migration, got a mapping"},
    {HEAD "  -\n", "p:3:4: migrations[0]: expected a mapping with workload and to, got nothing"},
    {HEAD "  - runc/web\n", "p:3:5: migrations[0]: expected a mapping, got 'runc/web'"},
    {HEAD "  - to: b\n", "p:3:5: migrations[0]: 'workload' is missing"},
    {HEAD "  - workload: runc/web\n", "p:3:5: migrations[0]: 'to' is missing"},
    {HEAD "  - workload: web\n    to: b\n",
     "p:3:15: migrations[0].workload: workload 'web': expected process/PID, runc/ID or podman/NAME"},
    {HEAD "  - workload: [runc/web]\n    to: b\n",
     "p:3:15: migrations[0].workload: expected process/PID, runc/ID or podman/NAME, got a list"},
    {HEAD "  - workload: runc/web\n    to: b/c\n",
     "p:4:9: migrations[0].to: expected a peer name of at most 63 letters, digits, '.', '_' and '-', got 'b/c'"},
    {HEAD "  - workload: runc/web\n    to:\n",
     "p:4:8: migrations[0].to: expected a peer name of at most 63 letters, digits, '.', '_' and '-', got nothing"},
    {ONE "    mode: precopy\n",
     "p:5:11: migrations[0].mode: mode 'precopy' is not supported by this version; use 'stop'"},
    {ONE "    mode: fast\n", "p:5:11: migrations[0].mode: unknown mode 'fast'; use 'stop'"},
    {ONE "    tcp: closes\n", "p:5:10: migrations[0].tcp: unknown tcp mode 'closes'; use 'close'"},
    {ONE "    tcp: {}\n", "p:5:10: migrations[0].tcp: expected established, close or refuse, got a mapping"},
    {ONE "    shell_job: yes\n", "p:5:16: migrations[0].shell_job: expected true or false, got 'yes'"},
    {ONE "    shell_job: 'true'\n", "p:5:16: migrations[0].shell_job: expected true or false, got 'true'"},
    {ONE "    filelocks: true\n", "p:5:5: unknown key 'filelocks' in migrations[0]; did you mean 'file_locks'?"},
    {ONE "    addresses: 10.0.0.1/24\n",
     "p:5:16: migrations[0].addresses: expected a list of addresses, got '10.0.0.1/24'"},
    {ONE "    addresses: [10.0.0.1/24]\n", "p:5:17: migrations[0].addresses[0]: expected a mapping, got '10.0.0.1/24'"},
    {ONE "    addresses: [{device: eth0}]\n", "p:5:17: migrations[0].addresses[0]: 'ip' is missing"},
    {ONE "    addresses: [{ip: 10.0.0.1/24}]\n", "p:5:17: migrations[0].addresses[0]: 'device' is missing"},
    {ONE "    addresses: [{ip: 10.0.0.1, device: eth0}]\n",
     "p:5:22: migrations[0].addresses[0].ip: address '10.0.0.1': expected an address with its prefix length such "
     "as 10.77.0.100/24"},
    {ONE "    addresses: [{ip: 10.0.0.1/33, device: eth0}]\n",
     "p:5:22: migrations[0].addresses[0].ip: address '10.0.0.1/33': expected a prefix length from 1 to 32"},
    {ONE "    addresses: [{ip: 10.0.0.1/24, device: 0123456789abcdef}]\n",
     "p:5:43: migrations[0].addresses[0].device: device '0123456789abcdef': expected a network device name of at "
     "most 15 characters"},
    {ONE "    addresses:\n      - {ip: 10.0.0.1/24, device: e0}\n      - {ip: 10.0.0.1/16, device: e1}\n",
     "p:7:9: migrations[0].addresses[1]: the same address is given twice"},
    {ONE "    addresses:\n      -\n",
     "p:6:8: migrations[0].addresses[0]: expected a mapping with ip and device, got nothing"},
    {ONE "  - workload: process/7\n    to: c\n  - workload: runc/web\n    to: c\n",
     "p:7:15: migrations[2]: runc/web is already moved by the migration in line 3"},
    {ONE "    max_freeze: 5\n", "p:5:17: migrations[0].max_freeze: expected a duration such as 10s, got '5'"},
    {ONE "    max_freeze: 1ms\n", "p:5:17: migrations[0].max_freeze: expected a duration from 10ms to 168h, got '1ms'"},
    {ONE "    hooks: drain\n", "p:5:12: migrations[0].hooks: expected a list of hooks, got 'drain'"},
    {ONE "    hooks: [drain]\n", "p:5:13: migrations[0].hooks[0]: expected a mapping, got 'drain'"},
    {ONE "    hooks:\n      -\n",
     "p:6:8: migrations[0].hooks[0]: expected a mapping with stage, on and run, got nothing"},
    {ONE "    hooks: [{on: source, run: x}]\n", "p:5:13: migrations[0].hooks[0]: 'stage' is missing"},
    {ONE "    hooks: [{stage: pre-dump, run: x}]\n", "p:5:13: migrations[0].hooks[0]: 'on' is missing"},
    {ONE "    hooks: [{stage: pre-dump, on: source}]\n", "p:5:13: migrations[0].hooks[0]: 'run' is missing"},
    {ONE "    hooks: [{stage: predump, on: source, run: x}]\n",
     "p:5:21: migrations[0].hooks[0].stage: unknown stage 'predump'; use 'pre-dump'"},
    {ONE "    hooks: [{stage: never, on: source, run: x}]\n",
     "p:5:21: migrations[0].hooks[0].stage: unknown stage 'never'; the stages are pre-dump, post-dump, "
     "pre-restore, post-restore, post-commit and post-abort"},
    {ONE "    hooks: [{stage: pre-dump, on: b, run: x}]\n",
     "p:5:35: migrations[0].hooks[0].on: unknown side 'b'; use 'source' or 'destination'"},
    {ONE "    hooks: [{stage: pre-dump, on: source, run: ../x}]\n",
     "p:5:48: migrations[0].hooks[0].run: expected the name of a file in hooks_dir, of at most 63 letters, digits, "
     "'.', '_' and '-', without a directory, got '../x'"},
    {ONE "    hooks: [{stage: pre-dump, on: source, run: x, deadline: 2h}]\n",
     "p:5:61: migrations[0].hooks[0].deadline: expected a duration from 1ms to 1h, got '2h'"},
    {ONE "    group: a b\n", "p:5:12: migrations[0].group: expected a group name of at most 63 letters, digits, '.', "
                             "'_' and '-', got 'a b'"},
    {ONE "    group: shop\n  - {workload: runc/x, to: b}\n  - {workload: runc/y, to: b, group: shop}\n",
     "p:7:38: migrations[2]: the migrations of group 'shop' must stand one after the other; there is one in line "
     "3"},
    {ONE "on_failure: ignore\n", "p:5:13: on_failure: expected stop or continue, got 'ignore'"},
    {ONE "on_failure: contine\n",
     "p:5:13: on_failure: expected stop or continue, got 'contine'; did you mean 'continue'?"},
    {ONE "on-failure: stop\n", "p:5:1: unknown key 'on-failure' in the top level; did you mean 'on_failure'?"},
};

Test(plan, mistakes)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(mistakes); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_plan *plan = NULL;
        FY_AUTO_FREE char *errors = NULL;
        char line[1100];
        cr_expect_eq(fy_plan_parse("p", mistakes[i].text, strlen(mistakes[i].text), &plan, &errors, &err), -1, "%s",
                     mistakes[i].text);
        (void)snprintf(line, sizeof line, "%s\n", mistakes[i].message);
        cr_expect_eq(err.code, FY_E_CONFIG);
        cr_expect_str_eq(err.message, mistakes[i].message);
        cr_expect_str_eq(errors, line);
        cr_expect_null(plan);
    }
}

/* Found in another order than they stand: unknown keys first, then the table's order. */
Test(plan, all_mistakes_in_one_pass_and_in_file_order)
{
    static const char text[] = "version: 1\n"
                               "on_failure: no\n"
                               "migrations:\n"
                               "  - mode: auto\n"
                               "    to: b\n"
                               "  - {to: '', workload: process/1}\n"
                               "  - {workload: runc/web, to: b, tpc: close}\n"
                               "  - {workload: runc/web, to: b, shell_job: 1}\n"
                               "retries: 3\n";
    struct fy_error err = FY_ERROR_INIT;
    struct fy_plan *plan = NULL;
    FY_AUTO_FREE char *errors = NULL;
    cr_expect_eq(fy_plan_parse("p", text, strlen(text), &plan, &errors, &err), -1);
    cr_expect_str_eq(
        errors, "p:2:13: on_failure: expected stop or continue, got 'no'\n"
                "p:4:5: migrations[0]: 'workload' is missing\n"
                "p:4:11: migrations[0].mode: mode 'auto' is not supported by this version; use 'stop'\n"
                "p:6:10: migrations[1].to: expected a peer name of at most 63 letters, digits, '.', '_' and '-', got "
                "''\n"
                "p:6:24: migrations[1].workload: workload process/1: the init process cannot be moved\n"
                "p:7:33: unknown key 'tpc' in migrations[2]; did you mean 'tcp'?\n"
                "p:8:16: migrations[3]: runc/web is already moved by the migration in line 7\n"
                "p:8:44: migrations[3].shell_job: expected true or false, got '1'\n"
                "p:9:1: unknown key 'retries' in the top level\n");
    cr_expect_str_eq(err.message, "p:2:13: on_failure: expected stop or continue, got 'no' (and 8 more mistakes)");
    cr_expect_str_eq(err.next, "correct the plan; ferry-plan(5) describes every key");
    cr_expect_eq(fy_plan_parse("p", text, strlen(text), &plan, NULL, NULL), -1, "errors and err may be NULL");
}

Test(plan, too_many)
{
    FY_AUTO_FREE char *text = malloc(64 * 1001);
    struct fy_error err = FY_ERROR_INIT;
    struct fy_plan *plan = NULL;
    char *end = text + sprintf(text, ONE "    addresses:\n");
    for (int i = 1; i <= 17; i++)
        end += sprintf(end, "      - {ip: 10.0.0.%d/24, device: eth0}\n", i);
    cr_expect_eq(fy_plan_parse("p", text, strlen(text), &plan, NULL, &err), -1);
    cr_expect_str_eq(err.message, "p:6:7: migrations[0].addresses: expected at most 16 addresses, got 17");
    end = text + sprintf(text, ONE "    hooks:\n");
    for (int i = 1; i <= 17; i++)
        end += sprintf(end, "      - {stage: pre-dump, on: source, run: x}\n");
    fy_error_clear(&err);
    cr_expect_eq(fy_plan_parse("p", text, strlen(text), &plan, NULL, &err), -1);
    cr_expect_str_eq(err.message, "p:6:7: migrations[0].hooks: expected at most 16 hooks, got 17");
    end = text + sprintf(text, HEAD);
    for (int i = 2; i <= 1002; i++)
        end += sprintf(end, "  - {workload: process/%d, to: b}\n", i);
    fy_error_clear(&err);
    cr_expect_eq(fy_plan_parse("p", text, strlen(text), &plan, NULL, &err), -1);
    cr_expect_str_eq(err.message, "p:3:3: migrations: expected at most 1000 migrations, got 1001");
}

Test(plan, smallest)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_plan *plan = NULL;
    FY_AUTO_FREE char *errors = NULL;
    cr_assert_eq(fy_plan_parse("p", ONE, strlen(ONE), &plan, &errors, &err), 0, "%s", err.message);
    cr_expect_null(errors);
    cr_expect_eq(plan->migration_count, 1);
    cr_expect_not(plan->continue_on_failure);
    const struct fy_migration_spec *spec = &plan->migrations[0];
    cr_expect_eq(spec->workload.kind, FY_WORKLOAD_RUNC);
    cr_expect_str_eq(spec->workload.id, "web");
    cr_expect_str_eq(spec->peer, "b");
    cr_expect_eq(spec->mode, FY_MODE_STOP);
    cr_expect_eq(spec->tcp, FY_TCP_ESTABLISHED);
    cr_expect_eq(spec->address_count, 0);
    cr_expect_eq(spec->hook_count, 0);
    cr_expect_eq(spec->max_freeze_ms, 0);
    cr_expect_not(spec->file_locks || spec->shell_job || spec->ext_unix_sockets || spec->link_remap || spec->any_cpu);
    fy_plan_free(plan);
    fy_plan_free(NULL);
}

Test(plan, every_key)
{
    static const char text[] = "version: 1\n"
                               "on_failure: continue\n"
                               "migrations:\n"
                               "  - workload: process/42\n"
                               "    to: host-2.example\n"
                               "    mode: stop\n"
                               "    tcp: refuse\n"
                               "    addresses:\n"
                               "      - {ip: 10.77.0.100/24, device: eth0}\n"
                               "      - ip: 2001:db8::7/64\n"
                               "        device: br0\n"
                               "    file_locks: true\n"
                               "    shell_job: true\n"
                               "    ext_unix_sockets: true\n"
                               "    link_remap: true\n"
                               "    any_cpu: true\n"
                               "    durable: true\n"
                               "    bandwidth: 100Mbit/s\n"
                               "    lanes: 3\n"
                               "    max_freeze: 1500ms\n"
                               "    group: shop\n"
                               "    hooks:\n"
                               "      - {stage: post-restore, on: destination, run: attach.sh, deadline: 1h}\n"
                               "      - {stage: pre-dump, on: source, run: drain-web}\n"
                               "  - {workload: runc/42, to: b, tcp: close, file_locks: false, addresses: , hooks: }\n";
    struct fy_error err = FY_ERROR_INIT;
    struct fy_plan *plan = NULL;
    char address[FY_SERVICE_ADDRESS_TEXT_SIZE];
    cr_assert_eq(fy_plan_parse("p", text, strlen(text), &plan, NULL, &err), 0, "%s", err.message);
    cr_assert_eq(plan->migration_count, 2);
    cr_expect(plan->continue_on_failure);
    const struct fy_migration_spec *spec = &plan->migrations[0];
    cr_expect_eq(spec->workload.kind, FY_WORKLOAD_PROCESS);
    cr_expect_str_eq(spec->peer, "host-2.example");
    cr_expect_eq(spec->tcp, FY_TCP_REFUSE);
    cr_assert_eq(spec->address_count, 2);
    fy_service_address_format(&spec->addresses[0], address);
    cr_expect_str_eq(address, "10.77.0.100/24@eth0");
    fy_service_address_format(&spec->addresses[1], address);
    cr_expect_str_eq(address, "2001:db8::7/64@br0");
    cr_expect(spec->file_locks && spec->shell_job && spec->ext_unix_sockets && spec->link_remap && spec->any_cpu &&
              spec->durable);
    cr_expect_eq(spec->bandwidth_bytes, 12500000);
    cr_expect_eq(spec->lanes, 3);
    cr_expect_eq(spec->max_freeze_ms, 1500);
    cr_expect_str_eq(spec->group, "shop");
    cr_expect_str_eq(plan->migrations[1].group, "");
    cr_assert_eq(spec->hook_count, 2);
    cr_expect_eq(spec->hooks[0].stage, FY_HOOK_POST_RESTORE);
    cr_expect_eq(spec->hooks[0].side, FY_HOOK_DESTINATION);
    cr_expect_str_eq(spec->hooks[0].name, "attach.sh");
    cr_expect_eq(spec->hooks[0].deadline_ms, 3600000);
    cr_expect_eq(spec->hooks[1].side, FY_HOOK_SOURCE);
    cr_expect_eq(spec->hooks[1].deadline_ms, FY_HOOK_DEADLINE_MS);
    cr_expect_eq(plan->migrations[1].tcp, FY_TCP_CLOSE);
    cr_expect_str_eq(plan->migrations[1].workload.id, "42");
    fy_plan_free(plan);
}
