#!/bin/bash
# The switch of one lab: its first process, with a network namespace that holds the bridge between the hosts.
#
#     switch.sh NAME HOST...            run by lab-hold, which waits for a byte on descriptor 3
#
# It makes the bridge, the tmpfs for the hosts' changes and the hosts' keys, starts all hosts at once (host.sh),
# and becomes lab-init when each has said that it is up. Its /proc stays the machine's, so pids read there are
# the machine's.
set -eu
# shellcheck source=tests/lab/common.sh
. "$(dirname "$0")/common.sh"

name=$1
shift
state=$LAB_ROOT/$name

make_bridge() {
    ip link set lo up
    ip link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0
    ip link set br0 up
}

# Every host trusts the same lab key, has it as its own, and knows all the other hosts' keys.
make_keys() {
    local host number type
    ssh-keygen -q -t ed25519 -N '' -C "lab $name" -f "$state/key"
    for host; do
        number=$(lab_host_number "$host")
        for type in ed25519 ecdsa; do
            ssh-keygen -q -t "$type" -N '' -C "host $host" -f "$state/$host/ssh_host_${type}_key"
            printf '%s,%s.%s,%s%s %s\n' "$host" "$LAB_NET4" "$number" "$LAB_NET6" "$number" \
                "$(cut -d ' ' -f 1,2 "$state/$host/ssh_host_${type}_key.pub")" >>"$state/known_hosts"
        done
    done
}

# The cgroup namespace is rooted where the process that makes it is, so it enters the host's cgroups before.
start_host() { # HOST
    local directory type
    while read -r directory; do
        # The leaf of version 2 is entered by host.sh, below the namespace's root.
        echo "$BASHPID" >"${directory%/init}/cgroup.procs"
    done <"$state/$1/cgroups"
    exec unshare --mount --pid --net --uts --ipc --cgroup --fork --kill-child --propagation private \
        /bin/bash "$LAB_HOME/host.sh" "$name" "$1" "${all[@]}"
}

all=("$@")
read -r pid _ </proc/self/stat
echo "$pid" >"$state/switch"
mount -t tmpfs -o mode=755 ferry-lab "$state/fs"
make_bridge &
bridge=$!
make_keys "$@"
wait "$bridge"

exec 7</proc/self/ns/net
mkfifo "$state/fs/up"
exec 8<>"$state/fs/up"
for host; do
    (start_host "$host") 3>&- &
done
for host; do
    read -r -t 30 answer <&8 || lab_die "not every host came up within 30 s"
    [[ $answer == up\ * ]] || lab_die "host $answer"
done
printf '\n' >&3
exec "$state/bin/lab-init"
