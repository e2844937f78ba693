# shellcheck shell=bash
# What the end-to-end tests share: a lab with an agent on each host, workloads, an observer and a client outside of them, and
# scenarios that each end with the proof that nothing was left behind.
#
# A script sources this file, calls e2e_begin, then `scenario "what it shows" FUNCTION` again and again, and e2e_end. A scenario
# runs in a subshell with errexit, so every command in it is an assertion; what it printed is shown when it fails.
#
#   FERRY_BUILD      build directory with ferryd, ferry and the workloads (default: build/dev of this checkout)
#   FERRY_E2E_ONLY   run only the scenarios whose words match this pattern
#   FERRY_E2E_KEEP   when set, the hosts' logs are kept even when all went well
#
# The service address is 10.77.0.100, which moves between hosts a and b; c is the outside.

# The distribution's programs, whatever else the caller's shell would find first.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
E2E_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
E2E_LAB=$E2E_HOME/../lab/lab
E2E_BUILD=$(cd "${FERRY_BUILD:-$E2E_HOME/../../build/dev}" && pwd) || exit 2
E2E_SERVICE=10.77.0.100
# shellcheck disable=SC2034 # for the scripts
E2E_SERVICE_ADDRESS=$E2E_SERVICE/24@eth0
E2E_TOOLS=/usr/local/lib/ferry-e2e
e2e_passed=0
e2e_failed=0
e2e_skipped=0

# ---- life of a script ----

e2e_begin() { # NUMBER-OF-HOSTS
    local script
    script=$(basename "$0")
    E2E_NAME=e2e-$script-$$
    export FERRY_LAB_NAME=$E2E_NAME
    E2E_LOGS=${FERRY_E2E_LOGS:-$E2E_BUILD/e2e}/$script
    rm -rf "$E2E_LOGS"
    mkdir -p "$E2E_LOGS"
    E2E_SCRATCH=$(mktemp -d /tmp/ferry-e2e.XXXXXX)
    trap e2e_cleanup EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    "$E2E_LAB" up --hosts "$1" --owner $$ || exit 1
    E2E_HOSTS=$("$E2E_LAB" env | sed -n "s/^FERRY_LAB_HOSTS='\(.*\)'/\1/p")
    local host
    for host in $E2E_HOSTS; do
        e2e_prepare_host "$host" || exit 1
    done
}

e2e_cleanup() {
    local host
    trap '' INT TERM HUP
    for host in ${E2E_HOSTS:-}; do
        e2e_collect_logs "$host"
    done
    "$E2E_LAB" down 2>/dev/null || true
    rm -rf "${E2E_SCRATCH:?}"
    [ "$e2e_failed" != 0 ] || [ -n "${FERRY_E2E_KEEP:-}" ] || rm -rf "$E2E_LOGS"
}

# The hosts' own logs vanish with the lab.
e2e_collect_logs() { # HOST
    on "$1" sh -c 'cd / && tar -cf - var/log/ferryd.log var/log/sshd.log var/log/reported var/lib/ferry 2>/dev/null' \
        >"$E2E_LOGS/host-$1.tar" </dev/null 2>/dev/null || true
}

# Leaks are reported when a program ends. A script that started no agent has none to end.
e2e_agents_end() {
    local host
    for host in a b; do
        agent_stop "$host"
        contains "$(on "$host" tail -n 1 /var/log/ferryd.log)" "ferryd ends"
    done
}

e2e_end() {
    if on a test -e /run/ferryd.pid && [ -z "${FERRY_E2E_ONLY:-}" ]; then
        scenario "the agents end when they are told to" e2e_agents_end
    fi
    local line="$e2e_passed passed, $e2e_failed failed"
    [ "$e2e_skipped" = 0 ] || line+=", $e2e_skipped skipped"
    [ "$e2e_failed" = 0 ] || echo "# the hosts' logs are in $E2E_LOGS"
    echo "$line"
    [ "$e2e_failed" = 0 ]
    exit
}

# ---- scenarios ----

scenario() { # WHAT FUNCTION [ARGUMENT...]
    local what=$1 status start=$SECONDS
    shift
    [[ -z ${FERRY_E2E_ONLY:-} || $what == *${FERRY_E2E_ONLY}* ]] || return 0
    (
        set -eE
        trap 'echo "line $LINENO: $BASH_COMMAND"' ERR
        "$@"
        assert_nothing_left
    ) </dev/null >"$E2E_SCRATCH/output" 2>&1
    status=$?
    if [ "$status" = 0 ]; then
        e2e_passed=$((e2e_passed + 1))
        echo "ok - $what ($((SECONDS - start)) s)"
    else
        e2e_failed=$((e2e_failed + 1))
        echo "not ok - $what ($((SECONDS - start)) s)"
        tail -n 60 "$E2E_SCRATCH/output" | sed 's/^/#   /'
        # What it left must not fail the next one as well.
        touch "$E2E_SCRATCH"/changed-{a,b}
    fi
    e2e_tidy
}

# Only for what the kernel lacks.
skip_scenario() { # WHAT WHY
    e2e_skipped=$((e2e_skipped + 1))
    echo "skipped - $1: $2"
}

fail() { echo "$*"; return 1; }
fails() { ! "$@"; }
exits() { # STATUS COMMAND...
    local wanted=$1 got=0
    shift
    "$@" || got=$?
    [ "$got" = "$wanted" ] || fail "exit status $got, not $wanted: $*"
}
contains() { # TEXT WORDS
    [[ $1 == *"$2"* ]] || fail "no '$2' in: ${1: -600}"
}
lacks() { # TEXT WORDS
    [[ $1 != *"$2"* ]] || fail "there is '$2' in: $1"
}

# Waits until a command succeeds; how long is no part of a verdict, but everything ends.
eventually() { # COMMAND...
    local deadline=$((SECONDS + 180))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || fail "after three minutes still not: $*" || return 1
        sleep 0.05
    done
}

# The value at a path such as error.code or phases.0.name of a JSON document; null is printed as `null`.
json() { # FILE PATH
    jq -rs --arg path "$2" '
        if length == 1 then .[0] else error("not one document") end
        | reduce ($path | split("."))[] as $part (.;
            (if type != "array" then $part else
                ($part | tonumber) as $index | if $index < 0 then length + $index else $index end end) as $key
            | if has($key) then .[$key] else error("no \($part) of \($path)") end)
        | if type == "string" then . else tojson end' "$1"
}

# ---- hosts and agents ----

# As `lab in` does it, which for each of thousands of commands is a shell and some programs more.
on() { # HOST COMMAND...
    local state=/run/ferry-lab/$FERRY_LAB_NAME init
    if read -r init 2>/dev/null <"$state/$1/init"; then
        "$state/bin/lab-enter" "$init" "$state/$1/cgroups" "${@:2}"
    else
        "$E2E_LAB" in "$@"
    fi
}
ferry() { # HOST ARGUMENT...
    local host=$1
    shift
    on "$host" ferry "$@"
}
address_of() { # HOST
    case $1 in
    a) echo 10.77.0.1 ;;
    b) echo 10.77.0.2 ;;
    c) echo 10.77.0.3 ;;
    esac
}

# What the hosts run is copied into them, as it would be installed: the peer's user may not be able to reach the checkout.
e2e_prepare_host() { # HOST
    local number
    number=$(printf '%d' "'$1")
    # Pids that no other host uses, so that a process finds its own free where it moves to.
    on "$1" sh -c "
        set -e
        install -D -m 755 $E2E_BUILD/bin/ferryd /usr/local/sbin/ferryd
        install -D -m 755 $E2E_BUILD/bin/ferry /usr/local/bin/ferry
        mkdir -p $E2E_TOOLS /etc/ferry /srv
        install -m 755 $E2E_HOME/tools/* $E2E_BUILD/tests/e2e/e2e-* $E2E_TOOLS
        echo 'restrict,command=\"/usr/local/bin/ferry dial\" '\"\$(cat /root/.ssh/id_ed25519.pub)\" \
            >/home/ferry/.ssh/authorized_keys
        echo $(((number - 96) * 5000)) >/proc/sys/kernel/ns_last_pid"
    agent_configure "$1" </dev/null
}

# Writes the usual configuration, but for what E2E_KEY, E2E_KNOWN_HOSTS, E2E_CRIU and E2E_RUNC say; E2E_SETTINGS and what is
# given on standard input are added to it.
agent_configure() { # HOST
    local host
    {
        cat <<-END_OF_CONFIGURATION
			name: $1
			criu: ${E2E_CRIU:-criu}
			runc: {path: ${E2E_RUNC:-runc}}
			ssh:
			  key: ${E2E_KEY:-/root/.ssh/id_ed25519}
			  known_hosts: ${E2E_KNOWN_HOSTS:-/root/.ssh/known_hosts}
			peers:
		END_OF_CONFIGURATION
        for host in ${E2E_HOSTS}; do
            [ "$host" = "$1" ] || printf '  %s: {host: %s}\n' "$host" "$(address_of "$host")"
        done
        printf '%s\n' "${E2E_SETTINGS:-}"
        cat
    } | on "$1" sh -c 'cat >/etc/ferry/ferryd.yaml'
}

# The same for an agent that runs, until the scenario ends.
agent_reconfigure() { # HOST
    touch "$E2E_SCRATCH/changed-$1"
    agent_configure "$1"
    agent_restart "$1"
}

agent_start() { # HOST...
    local host
    for host; do
        on "$host" sh -c 'ASAN_OPTIONS=log_path=/var/log/sanitizer:detect_leaks=1:abort_on_error=0:verify_asan_link_order=0 \
            UBSAN_OPTIONS=log_path=/var/log/sanitizer:print_stacktrace=1 TSAN_OPTIONS=log_path=/var/log/sanitizer \
            exec setsid env "$@" ferryd </dev/null >>/var/log/ferryd.log 2>&1 & echo $! >/run/ferryd.pid' start \
            ${E2E_PRELOAD:+"LD_PRELOAD=$E2E_PRELOAD"}
    done
    for host; do
        eventually ferry "$host" status || { on "$host" tail -n 20 /var/log/ferryd.log; return 1; }
    done
}

agent_signal() { # HOST SIGNAL
    on "$1" sh -c "kill -$2 \$(cat /run/ferryd.pid)"
}
agent_is_gone() { # HOST
    # shellcheck disable=SC2016 # for the host's shell
    on "$1" sh -c '! kill -0 $(cat /run/ferryd.pid) 2>/dev/null'
}
agent_is_stopping() { # HOST
    contains "$(on "$1" grep -E "is ready: |: no new jobs, " /var/log/ferryd.log | tail -n 1)" ": no new jobs, "
}
agent_stop() { # HOST [SIGNAL]
    agent_signal "$1" "${2:-TERM}"
    eventually agent_is_gone "$1"
}
agent_restart() { # HOST
    agent_is_gone "$1" || agent_stop "$1"
    agent_start "$1"
}

# ---- workloads ----

# A container that runs one of the static workloads, with the same bundle on every host that it may run on.
container_prepare() { # NAME HOST,HOST WORKLOAD [ARGUMENT...]
    local name=$1 hosts=$2 workload=$3 host
    shift 3
    for host in ${hosts//,/ }; do
        on "$host" "$E2E_HOME/../lab/bundle" "/srv/$name" "/bin/$workload" "$@"
        on "$host" cp "$E2E_TOOLS/e2e-$workload" "/srv/$name/rootfs/bin/$workload"
    done
}
container_start() { # HOST NAME
    on "$1" sh -c "runc run --detach --bundle /srv/$2 $2 </dev/null >/dev/null 2>&1"
}
# Web listens when it has filled its memory.
web_is_ready() { # HOST PORT
    eventually on "$1" sh -c "ss -Hltn 'sport = :$2' | grep -q ."
}
container_runs() { # HOST NAME
    [ "$(on "$1" runc state "$2" 2>/dev/null | jq -r .status)" = running ]
}
container_is_absent() { # HOST NAME
    fails on "$1" runc state "$2" 2>/dev/null
}

# The usual one: it counts, on host a.
container_up() { # NAME
    container_prepare "$1" a counter 10.77.0.3 9000 "$1" 10
    container_start a "$1"
}
container_down() { # NAME
    on a runc delete --force "$1"
    container_is_absent a "$1"
}

# podman as it works in a lab's host, and an image with the workloads in it: the same one on all of them.
podman_prepare() { # HOST...
    local host
    for host; do
        on "$host" sh -c 'mkdir -p /etc/containers
            printf "[storage]\ndriver = \"vfs\"\nrunroot = \"/run/containers/storage\"\n" >/etc/containers/storage.conf
            printf "graphroot = \"/var/lib/containers/storage\"\n" >>/etc/containers/storage.conf
            printf "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n" \
                >/etc/containers/containers.conf
            printf "[containers]\nlog_driver = \"k8s-file\"\n" >>/etc/containers/containers.conf
            printf "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >/etc/containers/policy.json'
    done
    # shellcheck disable=SC2016 # for the host's shell
    on "$1" sh -c 'mkdir -p /srv/image/bin /srv/image/data && cp "$(command -v busybox)" /srv/image/bin/busybox &&
        for name in sh cat sleep mv; do ln -sf busybox /srv/image/bin/$name; done &&
        for file in '"$E2E_TOOLS"'/e2e-*; do cp $file /srv/image/bin/${file##*/e2e-}; done &&
        tar -C /srv/image -cf - . | podman import --quiet - localhost/e2e:1 >/dev/null &&
        podman save --quiet --output /srv/image.tar localhost/e2e:1'
    for host in "${@:2}"; do
        on "$1" cat /srv/image.tar | on "$host" sh -c 'podman load --quiet >/dev/null'
    done
}
podman_run() { # HOST NAME PODMAN-OPTION... -- WORKLOAD [ARGUMENT...]
    local host=$1 name=$2 options=()
    shift 2
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    shift
    on "$host" podman run --detach --name "$name" --network host "${options[@]}" localhost/e2e:1 "/bin/$1" "${@:2}" >/dev/null
}
podman_status() { # HOST NAME
    on "$1" podman inspect --format '{{.State.Status}}' "$2" 2>/dev/null || echo absent
}
# Nothing of podman's is left on the host but images.
podman_clear() { # HOST...
    local host
    for host; do
        on "$host" sh -c '[ ! -e /etc/containers/policy.json ] || ! command -v podman || {
            podman rm --all --force --time 0; podman volume prune --force; }' >/dev/null 2>&1 || true
        # conmon ends soon after its container.
        eventually on "$host" sh -c 'find /sys/fs/cgroup -mindepth 2 -type d -path "*/libpod_parent*" -delete'
    done
}

# Prints the pid of a process in a session of its own, with nothing of ours open.
process_start() { # HOST WORKLOAD [ARGUMENT...]
    local host=$1 workload=$2
    shift 2
    # shellcheck disable=SC2016 # for the host's shell
    on "$host" sh -c 'setsid "$@" </dev/null >/dev/null 2>&1 & echo $!' start "$E2E_TOOLS/e2e-$workload" "$@"
}
process_runs() { # HOST PID
    # One that is dead and has not been reaped yet does not run.
    on "$1" grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$2/status"
}

# The outside forgets where the address was for an earlier scenario.
service_address_add() { # HOST
    on "$1" ip address add "$E2E_SERVICE/24" dev eth0
    on c ip neighbour flush dev eth0
}
has_service_address() { # HOST
    on "$1" ip -o address show dev eth0 | grep -qF "$E2E_SERVICE/"
}

# ---- checkpoints ----

# What `ferry checkpoint list` says of one: verified, proven, FAILED, DAMAGED or -.
state_is() { # ID STATE
    [ "$(ferry a checkpoint list | sed -n "s/^$1 .* \([a-zA-Z-]*\)\(, pinned\)*$/\1/p")" = "$2" ]
}

flip() { # FILE
    on a python3 - "$1" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(1000)
    byte = file.read(1)[0]
    file.seek(1000)
    file.write(bytes([byte ^ 4]))
PYTHON
}

# Nothing of a rehearsal is left: no process, mount, cgroup or file.
no_rehearsal_left() {
    fails on a sh -c 'ps -eo args= | grep -v grep | grep "ferry rehearse"'
    fails on a grep -q scratch /proc/mounts
    fails on a sh -c 'find /sys/fs/cgroup -maxdepth 3 -name "ferry-rehearsal*" | grep .'
    [ -z "$(on a sh -c 'ls -A /run/ferry/jobs 2>/dev/null')" ]
}

# ---- the outside, on host c ----

observer_start() {
    on c sh -c "rm -f /run/heard; setsid $E2E_TOOLS/observer listen 0.0.0.0 9000 /run/heard </dev/null >/dev/null 2>&1 &"
    eventually on c test -e /run/heard
}
heard_last() { # NAME
    on c "$E2E_TOOLS/observer" last /run/heard "$1"
}
heard_above() { # NAME NUMBER [HOST]
    local number sender
    read -r number sender _ < <(heard_last "$1")
    [ "$number" -gt "$2" ] && { [ $# -lt 3 ] || [ "$sender" = "$(address_of "$3")" ]; }
}
# The workload goes on, and runs on this host.
assert_counts_on() { # NAME HOST
    local number
    eventually heard_above "$1" 0 "$2"
    read -r number _ < <(heard_last "$1")
    eventually heard_above "$1" "$((number + 3))" "$2"
}
# It moved over these hosts, one after the other: every number once, in order.
assert_heard() { # NAME HOST...
    local name=$1 host addresses=()
    shift
    for host; do
        addresses+=("$(address_of "$host")")
    done
    on c "$E2E_TOOLS/observer" check /run/heard "$name" "${addresses[@]}"
}

client_start() {
    on c sh -c "rm -f /run/client.json
        setsid $E2E_TOOLS/client $E2E_SERVICE 8080 --report /run/client.json </dev/null >/run/client.log 2>&1 &
        echo \$! >/run/client.pid"
    eventually client_has_answers 3
}
client_report() { # KEY
    on c cat /run/client.json >"$E2E_SCRATCH/client.json"
    json "$E2E_SCRATCH/client.json" "$1"
}
client_has_answers() { # NUMBER
    [ "$(client_report answered)" -ge "$1" ]
}
client_is_gone() {
    # shellcheck disable=SC2016 # for the host's shell
    on c sh -c '! kill -0 $(cat /run/client.pid) 2>/dev/null'
}
# It is answered still, on its first connection, by the service that it began with.
assert_client_goes_on() {
    local answered
    answered=$(client_report answered)
    eventually client_has_answers $((answered + 20)) || { client_report broken; return 1; }
    [ "$(client_report broken)" = null ] || fail "the connection broke: $(client_report broken)"
    [ "$(client_report mistakes)" = "[]" ] || fail "wrong answers: $(client_report mistakes)"
}
# It may have ended by itself, when its connection broke.
client_stop() {
    # shellcheck disable=SC2016 # for the host's shell
    on c sh -c 'kill -TERM $(cat /run/client.pid) 2>/dev/null || true'
    eventually client_is_gone
}

# ---- ferry's answers ----

# Runs ferry with --json on host a (or E2E_FROM) and keeps the document as $E2E_SCRATCH/job.json.
migrate() { # WANTED-EXIT ARGUMENT...
    local wanted=$1 got=0
    shift
    ferry "${E2E_FROM:-a}" migrate --json "$@" >"$E2E_SCRATCH/job.json" || got=$?
    if [ "$got" != "$wanted" ]; then
        cat "$E2E_SCRATCH/job.json"
        fail "exit status $got, not $wanted: ferry migrate $*"
    fi
}
job() { # PATH
    json "$E2E_SCRATCH/job.json" "$1"
}
assert_job() { # PATH VALUE
    [ "$(job "$1")" = "$2" ] || { cat "$E2E_SCRATCH/job.json"; fail "$1 is '$(job "$1")', not '$2'"; }
}
# The error says what and what to do next.
assert_error() { # CODE WORDS-OF-MESSAGE [WORDS-OF-NEXT]
    assert_job error.code "$1"
    contains "$(job error.message)" "$2"
    [ "$(job error.next)" != null ] || fail "no next step: $(job error.message)"
    contains "$(job error.next)" "${3:-}"
}

# Starts a migration that goes on by itself; its id is in $E2E_JOB.
migrate_detached() { # ARGUMENT...
    # shellcheck disable=SC2034 # for the scenario
    E2E_JOB=$(ferry "${E2E_FROM:-a}" migrate --detach "$@")
}
job_state() { # HOST JOB
    ferry "$1" job show --json "$2" >"$E2E_SCRATCH/state.json" && json "$E2E_SCRATCH/state.json" state
}
job_is() { # HOST JOB STATE
    [ "$(job_state "$1" "$2")" = "$3" ]
}
job_has_sent() { # HOST JOB
    ferry "$1" job show --json "$2" >"$E2E_SCRATCH/state.json"
    [ "$(json "$E2E_SCRATCH/state.json" bytes_transferred)" -gt 0 ]
}
# Follows a job to its end and keeps its document as migrate does.
job_await() { # HOST JOB
    ferry "$1" job watch "$2" >/dev/null || true
    ferry "$1" job show --json "$2" >"$E2E_SCRATCH/job.json"
}

# ---- nothing is left ----

# What ferry, CRIU or a runtime left on a host; nothing when all is well.
left_on() { # HOST
    # shellcheck disable=SC2016 # for the host's shell
    on "$1" sh -c '
        ls -A /run/ferry/jobs 2>/dev/null | sed "s/^/in run_dir: /"
        nft list ruleset 2>/dev/null | grep -iE "criu|ferry" | sed "s/^/nftables: /"
        (iptables-save; ip6tables-save) 2>/dev/null | grep -iE "criu|ferry| DROP$" | sed "s/^/iptables: /"
        sed -n "s|^[^ ]* \([^ ]*/.criu.cgyard[^ ]*\) .*|mounted: \1|p" /proc/mounts
        ps -eo stat=,pid=,args= | grep -E "^Z|[/ ](criu|runc) |[/ ]ferry hold" | grep -v "grep -E" | sed "s/^/process: /"
        ls /var/log/sanitizer* 2>/dev/null | sed "s/^/sanitizer: /"
        for state in /run/runc/*/; do
            [ ! -d "$state" ] || [ -e "$state/state.json" ] || echo "not a container: $state"
        done
        for name in $(find /sys/fs/cgroup -mindepth 2 -maxdepth 2 -type d ! -name init -printf "%f\n" | sort -u); do
            runc state "$name" >/dev/null 2>&1 || echo "cgroup: $name"
        done
        true'
}
is_clean() { # HOST
    [ -z "$(left_on "$1")" ]
}
assert_nothing_left() {
    local host
    for host in a b; do
        # A process that has just ended is reaped by the host's init soon after.
        eventually is_clean "$host" || { left_on "$host"; return 1; }
    done
}

# After each scenario, whatever it came to: links whole, agents up with the usual configuration, no workload.
e2e_tidy() {
    local host
    for host in $E2E_HOSTS; do
        "$E2E_LAB" link "$host" restore >/dev/null 2>&1
        "$E2E_LAB" link "$host" clear >/dev/null 2>&1
    done
    # Before their workloads go: a job that is still under way could bring one to a host already cleared.
    for host in a b; do
        [ ! -e "$E2E_SCRATCH/changed-$host" ] || agent_is_gone "$host" || agent_signal "$host" TERM
    done
    for host in a b; do
        [ ! -e "$E2E_SCRATCH/changed-$host" ] || eventually agent_is_gone "$host"
    done
    for host in $E2E_HOSTS; do
        # shellcheck disable=SC2016 # for the host's shell
        on "$host" sh -c '
            for id in $(runc list -q 2>/dev/null); do runc delete --force "$id"; done
            rm -rf /run/runc/*
            mkdir -p /var/log/reported; mv /var/log/sanitizer* /var/log/reported
            for pid in $(ps -eo pid=,args= | sed -n "s|^ *\([0-9]*\) '"$E2E_TOOLS"'/e2e-.*|\1|p"); do kill -KILL "$pid"; done
            ip address del '"$E2E_SERVICE"'/24 dev eth0' >/dev/null 2>&1 </dev/null
    done
    # shellcheck disable=SC2016 # for the host's shell
    on c sh -c 'kill -TERM $(cat /run/client.pid); rm -f /run/client.pid' >/dev/null 2>&1 </dev/null
    podman_clear a b
    for host in a b; do
        if [ -e "$E2E_SCRATCH/changed-$host" ]; then
            rm "$E2E_SCRATCH/changed-$host"
            on "$host" sh -c 'umount --quiet /run/ferry; rm -rf /run/ferry/jobs/*'
            agent_configure "$host" </dev/null
            agent_start "$host" >/dev/null
        elif on "$host" test -e /run/ferryd.pid && agent_is_gone "$host"; then
            agent_start "$host"
        fi
    done
}
