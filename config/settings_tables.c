/* The tables behind ferryd.yaml(5): a key of the configuration is added here, in struct fy_settings and in the manual.
 */
#include "settings_tables.h"
#include "names.h"
#include <ferry/base/cleanup.h>
#include <ferry/config/settings.h>

#define AT(member) offsetof(struct fy_settings, member)

_Static_assert(sizeof(enum fy_log_level) == sizeof(unsigned), "config_read_word writes an unsigned");
_Static_assert(sizeof(enum fy_checkpoint_form) == sizeof(unsigned), "config_read_word writes an unsigned");
_Static_assert(sizeof(enum fy_log_format) == sizeof(unsigned), "config_read_word writes an unsigned");

static const struct text_rule host_name = {config_is_peer_name,
                                           "a name of at most 63 letters, digits, '.', '_' and '-'"};
static const struct text_rule account = {config_is_account_name, "a user name"};
static const struct text_rule group = {config_is_account_name, "a group name"};
static const struct text_rule host = {config_is_host, "a host name or address"};
static const struct text_rule path = {config_is_absolute_path, "an absolute path"};
static const struct text_rule socket_path = {config_is_socket_path, "an absolute path of at most 107 bytes"};
static const struct text_rule socket_dir = {config_is_socket_dir, "an absolute path of at most 94 bytes"};
static const struct text_rule program = {config_is_program, "a program name or an absolute path"};

static const struct text_rule command = {config_is_command, "a command for the shell, of at most 4000 bytes"};

static const struct uint_rule job_count = {1, 1000};
static const struct uint_rule port = {1, 65535};
static const struct duration_rule any_timeout = {"1ms", "168h"};
static const struct duration_rule whole_seconds = {"1s", "168h"}; /* CRIU counts in seconds */

static const struct word levels[] = {
    {"error", FY_LOG_ERROR}, {"warning", FY_LOG_WARNING}, {"info", FY_LOG_INFO}, {"debug", FY_LOG_DEBUG}};
static const struct word_rule level = {levels, FY_ARRAY_SIZE(levels)};
static const struct word formats[] = {{"text", FY_LOG_TEXT}, {"json", FY_LOG_JSON}};
static const struct word_rule format = {formats, FY_ARRAY_SIZE(formats)};

static const struct field control_list[] = {
    {"socket", config_read_text, AT(control.socket), &socket_path, NULL, false},
    {"users", config_read_text_list, AT(control.users), &account, "", false},
    {"groups", config_read_text_list, AT(control.groups), &group, "", false},
};
static const struct fields control = {control_list, FY_ARRAY_SIZE(control_list)};

static const struct field peer_list[] = {
    {"socket", config_read_text, AT(peer.socket), &socket_path, NULL, false},
    {"user", config_read_text, AT(peer.user), &account, "ferry", false},
};
static const struct fields peer = {peer_list, FY_ARRAY_SIZE(peer_list)};

static const struct field log_list[] = {
    {"level", config_read_word, AT(log.level), &level, "info", false},
    {"format", config_read_word, AT(log.format), &format, "text", false},
};
static const struct fields log_fields = {log_list, FY_ARRAY_SIZE(log_list)};

static const struct field ssh_list[] = {
    {"user", config_read_text, AT(ssh.user), &account, "ferry", false},
    {"key", config_read_key, AT(ssh.key), NULL, "/etc/ferry/id_ed25519", false},
    {"known_hosts", config_read_text, AT(ssh.known_hosts), &path, "/etc/ferry/known_hosts", false},
};
static const struct fields ssh = {ssh_list, FY_ARRAY_SIZE(ssh_list)};

static const struct field runc_list[] = {
    {"path", config_read_text, AT(runc), &program, "runc", false},
    {"root", config_read_text, AT(runc_root), &path, "/run/runc", false},
};
static const struct fields runc = {runc_list, FY_ARRAY_SIZE(runc_list)};

static const struct field podman_list[] = {
    {"path", config_read_text, AT(podman), &program, "podman", false},
};
static const struct fields podman = {podman_list, FY_ARRAY_SIZE(podman_list)};

static const struct word forms[] = {{"zstd", FY_CHECKPOINTS_COMPRESSED}, {"none", FY_CHECKPOINTS_PLAIN}};
static const struct word_rule form = {forms, FY_ARRAY_SIZE(forms)};
static const struct uint_rule chain_length = {1, 1000};

static const struct field checkpoint_list[] = {
    {"compression", config_read_word, AT(checkpoints.form), &form, "zstd", false},
    {"max_chain", config_read_u32, AT(checkpoints.max_chain), &chain_length, "16", false},
    {"key_file", config_read_text, AT(checkpoints.key_file), &path, NULL, false},
    {"key_command", config_read_text, AT(checkpoints.key_command), &command, NULL, false},
    {"sign_key", config_read_text, AT(checkpoints.sign_key), &path, NULL, false},
};
static const struct fields checkpoints = {checkpoint_list, FY_ARRAY_SIZE(checkpoint_list)};

static const struct field timeout_list[] = {
    {"connect", config_read_duration, AT(timeouts.connect_ms), &any_timeout, "10s", false},
    {"link", config_read_duration, AT(timeouts.link_ms), &any_timeout, "30s", false},
    {"freeze", config_read_duration, AT(timeouts.freeze_ms), &whole_seconds, "10s", false},
    {"dump", config_read_duration, AT(timeouts.dump_ms), &any_timeout, "10m", false},
    {"restore", config_read_duration, AT(timeouts.restore_ms), &any_timeout, "10m", false},
    {"hold", config_read_duration, AT(timeouts.hold_ms), &any_timeout, "2m", false},
    {"stop", config_read_duration, AT(timeouts.stop_ms), &any_timeout, "30s", false},
};
static const struct fields timeouts = {timeout_list, FY_ARRAY_SIZE(timeout_list)};

static const struct field top_list[] = {
    {"name", config_read_text, AT(name), &host_name, NULL, false},
    {"state_dir", config_read_text, AT(state_dir), &path, "/var/lib/ferry", false},
    {"run_dir", config_read_text, AT(run_dir), &socket_dir, "/run/ferry", false},
    {"control", config_read_map, 0, &control, NULL, false},
    {"peer", config_read_map, 0, &peer, NULL, false},
    {"log", config_read_map, 0, &log_fields, NULL, false},
    {"ssh", config_read_map, 0, &ssh, NULL, false},
    {"criu", config_read_text, AT(criu), &program, "criu", false},
    {"runc", config_read_map, 0, &runc, NULL, false},
    {"hooks_dir", config_read_text, AT(hooks_dir), &path, "/etc/ferry/hooks", false},
    {"podman", config_read_map, 0, &podman, NULL, false},
    {"max_jobs", config_read_u32, AT(max_jobs), &job_count, "4", false},
    {"checkpoints", config_read_map, 0, &checkpoints, NULL, false},
    {"timeouts", config_read_map, 0, &timeouts, NULL, false},
    {"peers", config_read_peers, 0, NULL, NULL, false}, /* after ssh, whose values are its defaults */
};
const struct fields config_settings_fields = {top_list, FY_ARRAY_SIZE(top_list)};

static const struct uint_rule lane_count = {1, 8};

static const struct field one_peer_list[] = {
    {"host", config_read_text, offsetof(struct fy_peer_settings, host), &host, NULL, true},
    {"port", config_read_u16, offsetof(struct fy_peer_settings, port), &port, "22", false},
    {"user", config_read_text, offsetof(struct fy_peer_settings, user), &account, NULL, false},
    {"key", config_read_key, offsetof(struct fy_peer_settings, key), NULL, NULL, false},
    {"known_hosts", config_read_text, offsetof(struct fy_peer_settings, known_hosts), &path, NULL, false},
    {"bandwidth", config_read_rate, offsetof(struct fy_peer_settings, bandwidth_bytes), NULL, NULL, false},
    {"lanes", config_read_u32, offsetof(struct fy_peer_settings, lanes), &lane_count, NULL, false},
};
const struct fields config_peer_fields = {one_peer_list, FY_ARRAY_SIZE(one_peer_list)};
