/* ferryd's settings: each kind of mistake with its exact words and place, then defaults and values. */
#include <criterion/criterion.h>
#include <ferry/base/cleanup.h>
#include <ferry/base/fs.h>
#include <ferry/config/settings.h>
#include <string.h>

#define LONG_NAME "a123456789a123456789a123456789a123456789a123456789a123456789a123"
#define LONG_PATH "/a12345678/a12345678/a12345678/a12345678/a12345678/a12345678/a12345678/a12345678/a12345678/a1234"

static struct fy_settings *parse(const char *text)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    cr_assert_eq(fy_settings_parse("f", text, strlen(text), &settings, &err), 0, "%s", err.message);
    return settings;
}

static const struct {
    const char *text, *message;
} mistakes[] = {
    {"pers: {}\n", "f:1:1: unknown key 'pers' in the top level; did you mean 'peers'?"},
    {"name: a\nzzz: 1\n", "f:2:1: unknown key 'zzz' in the top level"},
    {"log:\n  levle: info\n", "f:2:3: unknown key 'levle' in log; did you mean 'level'?"},
    {"peers:\n  b:\n    host: x\n    prot: 22\n", "f:4:5: unknown key 'prot' in peers.b; did you mean 'port'?"},
    {"timeouts:\n  dump: ten\n", "f:2:9: timeouts.dump: expected a duration such as 10s, got 'ten'"},
    {"timeouts: {dump: 10}\n", "f:1:18: timeouts.dump: expected a duration such as 10s, got '10'"},
    {"timeouts: {dump: 0s}\n", "f:1:18: timeouts.dump: expected a duration from 1ms to 168h, got '0s'"},
    {"timeouts: {freeze: 999ms}\n", "f:1:20: timeouts.freeze: expected a duration from 1s to 168h, got '999ms'"},
    {"timeouts: {hold: 169h}\n", "f:1:18: timeouts.hold: expected a duration from 1ms to 168h, got '169h'"},
    {"timeouts: {stop: [1s]}\n", "f:1:18: timeouts.stop: expected a duration such as 10s, got a list"},
    {"timeouts: {stop: }\n", "f:1:18: timeouts.stop: expected a duration such as 10s, got nothing"},
    {"timeouts: 10s\n", "f:1:11: timeouts: expected a mapping, got '10s'"},
    {"log: [info]\n", "f:1:6: log: expected a mapping, got a list"},
    {"log: {level: warn}\n", "f:1:14: log.level: expected error, warning, info or debug, got 'warn'"},
    {"log: {level: Debug}\n",
     "f:1:14: log.level: expected error, warning, info or debug, got 'Debug'; did you mean 'debug'?"},
    {"log: {format: {}}\n", "f:1:15: log.format: expected text or json, got a mapping"},
    {"log: {format: }\n", "f:1:15: log.format: expected text or json, got nothing"},
    {"max_jobs: 0\n", "f:1:11: max_jobs: expected a whole number from 1 to 1000, got '0'"},
    {"max_jobs: 1001\n", "f:1:11: max_jobs: expected a whole number from 1 to 1000, got '1001'"},
    {"max_jobs: -4\n", "f:1:11: max_jobs: expected a whole number from 1 to 1000, got '-4'"},
    {"max_jobs: 4.0\n", "f:1:11: max_jobs: expected a whole number from 1 to 1000, got '4.0'"},
    {"max_jobs: '4'\n", "f:1:11: max_jobs: expected a whole number from 1 to 1000, got '4'"},
    {"max_jobs: 99999999999999999999\n",
     "f:1:11: max_jobs: expected a whole number from 1 to 1000, got '99999999999999999999'"},
    {"name: -a\n", "f:1:7: name: expected a name of at most 63 letters, digits, '.', '_' and '-', got '-a'"},
    {"name: a b\n", "f:1:7: name: expected a name of at most 63 letters, digits, '.', '_' and '-', got 'a b'"},
    {"name: ''\n", "f:1:7: name: expected a name of at most 63 letters, digits, '.', '_' and '-', got ''"},
    {"name: ~\n", "f:1:7: name: expected a name of at most 63 letters, digits, '.', '_' and '-', got nothing"},
    {"name: " LONG_NAME "\n", "f:1:7: name: expected a name of at most 63 letters, digits, '.', '_' and '-', got "
                              "'a123456789a123456789a123456789a123456789a123456789a123456789...'"},
    {"state_dir: var/lib\n", "f:1:12: state_dir: expected an absolute path, got 'var/lib'"},
    {"state_dir: \"/a\\nb\"\n", "f:1:12: state_dir: expected an absolute path, got '/a?b'"},
    {"hooks_dir: hooks\n", "f:1:12: hooks_dir: expected an absolute path, got 'hooks'"},
    {"run_dir: " LONG_PATH "\n", "f:1:10: run_dir: expected an absolute path of at most 94 bytes, got "
                                 "'/a12345678/a12345678/a12345678/a12345678/a12345678/a12345678...'"},
    {"control: {socket: x.sock}\n",
     "f:1:19: control.socket: expected an absolute path of at most 107 bytes, got 'x.sock'"},
    {"control: {users: alice}\n", "f:1:18: control.users: expected a list, got 'alice'"},
    {"control:\n  users:\n    - alice\n    - bob smith\n",
     "f:4:7: control.users[1]: expected a user name, got 'bob smith'"},
    {"control: {groups: [[a]]}\n", "f:1:20: control.groups[0]: expected a group name, got a list"},
    {"peer: {user: -oProxyCommand}\n", "f:1:14: peer.user: expected a user name, got '-oProxyCommand'"},
    {"ssh: {key: id_rsa}\n", "f:1:12: ssh.key: expected an absolute path or 'agent', got 'id_rsa'"},
    {"peers: {b: {host: h, bandwidth: 10}}\n",
     "f:1:33: peers.b.bandwidth: expected a rate such as 100Mbit/s or 20MiB/s, at least 1Mbit/s, or unlimited, got "
     "'10'"},
    {"peers: {b: {host: h, lanes: 9}}\n", "f:1:29: peers.b.lanes: expected a whole number from 1 to 8, got '9'"},
    {"ssh: {known_hosts: ~/.ssh/known_hosts}\n",
     "f:1:20: ssh.known_hosts: expected an absolute path, got '~/.ssh/known_hosts'"},
    {"criu: bin/criu\n", "f:1:7: criu: expected a program name or an absolute path, got 'bin/criu'"},
    {"criu: --shell\n", "f:1:7: criu: expected a program name or an absolute path, got '--shell'"},
    {"runc: /usr/sbin/runc\n", "f:1:7: runc: expected a mapping, got '/usr/sbin/runc'"},
    {"peers: [b]\n", "f:1:8: peers: expected a mapping, got a list"},
    {"peers:\n  b:\n", "f:2:5: peers.b: 'host' is missing"},
    {"peers:\n  b: {}\n", "f:2:6: peers.b: 'host' is missing"},
    {"peers:\n  b:\n    port: 22\n", "f:3:5: peers.b: 'host' is missing"},
    {"peers: {b: 10.0.0.2}\n", "f:1:12: peers.b: expected a mapping, got '10.0.0.2'"},
    {"peers: {b: {host: ''}}\n", "f:1:19: peers.b.host: expected a host name or address, got ''"},
    {"peers: {b: {host: 'a b'}}\n", "f:1:19: peers.b.host: expected a host name or address, got 'a b'"},
    {"peers: {b: {host: x, port: 0}}\n", "f:1:28: peers.b.port: expected a whole number from 1 to 65535, got '0'"},
    {"peers: {b: {host: x, port: 65536}}\n",
     "f:1:28: peers.b.port: expected a whole number from 1 to 65535, got '65536'"},
    {"peers: {b: {host: x, key: k}}\n", "f:1:27: peers.b.key: expected an absolute path or 'agent', got 'k'"},
    {"peers: {../b: {host: x}}\n",
     "f:1:9: peers: expected a peer name of at most 63 letters, digits, '.', '_' and '-', beginning with a letter "
     "or digit, got '../b'"},
    {"peers: {b: {host: x}, b: {host: y}}\n", "f:1:23: key 'b' was already given in line 1"},
};

Test(settings, mistakes)
{
    for (size_t i = 0; i < FY_ARRAY_SIZE(mistakes); i++) {
        struct fy_error err = FY_ERROR_INIT;
        struct fy_settings *settings = NULL;
        cr_expect_eq(fy_settings_parse("f", mistakes[i].text, strlen(mistakes[i].text), &settings, &err), -1, "%s",
                     mistakes[i].text);
        cr_expect_eq(err.code, FY_E_CONFIG);
        cr_expect_str_eq(err.message, mistakes[i].message);
        cr_expect_str_eq(err.next, "correct the file; ferryd.yaml(5) describes every key");
        cr_expect_null(settings);
    }
}

Test(settings, says_how_many_mistakes_follow)
{
    static const char text[] = "timeouts: {dump: ten}\nmax_jobs: 0\nlgo: {}\n";
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    cr_expect_eq(fy_settings_parse("/etc/f.yaml", text, strlen(text), &settings, &err), -1);
    cr_expect_str_eq(err.message, "/etc/f.yaml:1:18: timeouts.dump: expected a duration such as 10s, got 'ten' "
                                  "(and 2 more mistakes)");
}

Test(settings, load_names_the_file)
{
    struct fy_error err = FY_ERROR_INIT;
    struct fy_settings *settings = NULL;
    cr_expect_eq(fy_settings_load("/nowhere/ferryd.yaml", &settings, &err), -1);
    cr_expect_eq(err.code, FY_E_NOT_FOUND);
    cr_expect_str_eq(err.message, "configuration: cannot open /nowhere/ferryd.yaml: No such file or directory");
    fy_error_clear(&err);
    cr_expect_eq(fy_settings_load("/dev/zero", &settings, &err), -1);
    cr_expect_eq(err.code, FY_E_LIMIT);
    cr_expect_null(settings);
}

static void expect_defaults(const struct fy_settings *s)
{
    char host_name[256] = "";
    cr_assert_eq(gethostname(host_name, sizeof host_name), 0);
    cr_expect_str_eq(s->name, host_name);
    cr_expect_str_eq(s->state_dir, "/var/lib/ferry");
    cr_expect_str_eq(s->run_dir, "/run/ferry");
    cr_expect_str_eq(s->control.socket, "/run/ferry/control.sock");
    cr_expect_null(s->control.users[0]);
    cr_expect_null(s->control.groups[0]);
    cr_expect_str_eq(s->peer.socket, "/run/ferry/peer.sock");
    cr_expect_str_eq(s->peer.user, "ferry");
    cr_expect_eq(s->log.level, FY_LOG_INFO);
    cr_expect_eq(s->log.format, FY_LOG_TEXT);
    cr_expect_str_eq(s->ssh.user, "ferry");
    cr_expect_str_eq(s->ssh.key, "/etc/ferry/id_ed25519");
    cr_expect_str_eq(s->ssh.known_hosts, "/etc/ferry/known_hosts");
    cr_expect_str_eq(s->criu, "criu");
    cr_expect_str_eq(s->runc, "runc");
    cr_expect_str_eq(s->runc_root, "/run/runc");
    cr_expect_str_eq(s->hooks_dir, "/etc/ferry/hooks");
    cr_expect_eq(s->max_jobs, 4);
    cr_expect_eq(s->timeouts.connect_ms, 10000);
    cr_expect_eq(s->timeouts.link_ms, 30000);
    cr_expect_eq(s->timeouts.freeze_ms, 10000);
    cr_expect_eq(s->timeouts.dump_ms, 600000);
    cr_expect_eq(s->timeouts.restore_ms, 600000);
    cr_expect_eq(s->timeouts.hold_ms, 120000);
    cr_expect_eq(s->timeouts.stop_ms, 30000);
    cr_expect_eq(s->peer_count, 0);
    cr_expect_null(fy_settings_peer(s, "b"));
}

/* Sections whose lines are all commented out are as good as no section. */
Test(settings, defaults)
{
    static const char *const texts[] = {"",
                                        "# nothing\n",
                                        "---\n",
                                        "{}\n",
                                        "null\n",
                                        "control:\npeer:\nlog:\nssh:\nrunc:\ntimeouts:\npeers:\n",
                                        "control: {users: , groups: []}\n"};
    for (size_t i = 0; i < FY_ARRAY_SIZE(texts); i++) {
        struct fy_settings *settings = parse(texts[i]);
        expect_defaults(settings);
        fy_settings_free(settings);
    }
    fy_settings_free(NULL);
}

Test(settings, values)
{
    struct fy_settings *s = parse("name: 1a\n"
                                  "run_dir: /tmp/r\n"
                                  "control: {socket: /c.sock, users: [alice, '0'], groups: [g$]}\n"
                                  "log: {level: debug, format: json}\n"
                                  "criu: /opt/criu\n"
                                  "runc: {path: crun, root: /r}\n"
                                  "max_jobs: 1000\n"
                                  "timeouts: {connect: 1ms, freeze: 1s, hold: 168h}\n");
    cr_expect_str_eq(s->name, "1a");
    cr_expect_str_eq(s->control.socket, "/c.sock");
    cr_expect_str_eq(s->peer.socket, "/tmp/r/peer.sock");
    cr_expect_str_eq(s->control.users[0], "alice");
    cr_expect_str_eq(s->control.users[1], "0");
    cr_expect_null(s->control.users[2]);
    cr_expect_str_eq(s->control.groups[0], "g$");
    cr_expect_eq(s->log.level, FY_LOG_DEBUG);
    cr_expect_eq(s->log.format, FY_LOG_JSON);
    cr_expect_str_eq(s->criu, "/opt/criu");
    cr_expect_str_eq(s->runc, "crun");
    cr_expect_str_eq(s->runc_root, "/r");
    cr_expect_eq(s->max_jobs, 1000);
    cr_expect_eq(s->timeouts.connect_ms, 1);
    cr_expect_eq(s->timeouts.freeze_ms, 1000);
    cr_expect_eq(s->timeouts.hold_ms, UINT64_C(604800000));
    cr_expect_eq(s->timeouts.link_ms, 30000);
    fy_settings_free(s);
}

/* `peers` stands first here: the defaults from `ssh` must still reach it. */
Test(settings, peers_inherit)
{
    struct fy_settings *s = parse(
        "peers:\n"
        "  b: {host: b.example}\n"
        "  c: {host: '2001:db8::1', port: 2222, user: u, key: /k, known_hosts: /h, bandwidth: 20MiB/s, lanes: 8}\n"
        "  d: {host: fe80::1%eth0, key: agent}\n"
        "ssh: {user: mover, key: /etc/key}\n");
    const struct fy_peer_settings *b = fy_settings_peer(s, "b");
    const struct fy_peer_settings *c = fy_settings_peer(s, "c");
    const struct fy_peer_settings *d = fy_settings_peer(s, "d");
    cr_assert(b && c && d);
    cr_expect_eq(s->peer_count, 3);
    cr_expect_str_eq(b->host, "b.example");
    cr_expect_eq(b->port, 22);
    cr_expect_str_eq(b->user, "mover");
    cr_expect_str_eq(b->key, "/etc/key");
    cr_expect_str_eq(b->known_hosts, "/etc/ferry/known_hosts");
    cr_expect_eq(c->port, 2222);
    cr_expect_str_eq(c->user, "u");
    cr_expect_str_eq(c->key, "/k");
    cr_expect_str_eq(c->known_hosts, "/h");
    cr_expect(b->bandwidth_bytes == 0 && b->lanes == 0);
    cr_expect(c->bandwidth_bytes == 20u << 20 && c->lanes == 8);
    cr_expect_null(d->key);
    fy_settings_free(s);
}

Test(settings, agent_is_inherited)
{
    struct fy_settings *s = parse("ssh: {key: agent}\npeers: {b: {host: x}, c: {host: x, key: /k}}\n");
    cr_expect_null(s->ssh.key);
    cr_expect_null(fy_settings_peer(s, "b")->key);
    cr_expect_str_eq(fy_settings_peer(s, "c")->key, "/k");
    fy_settings_free(s);
}
