#!/bin/bash
# The warden of one lab: makes its cgroups, holds its processes, and removes what the kernel does not remove by itself.
#
#     warden.sh NAME STARTER-PID OWNER-PID-OR-NOTHING HOST...
#
# Started by `lab up` in a session of its own, with the lock of the lab's file `alive` on descriptor 9. It says
# "ready" when all hosts answer. The lab itself (switch.sh and all below it) dies with lab-hold; cgroups and the
# state folder are files, so they are removed here. If the warden itself is killed, lab-hold and the lab die
# too, and the next `lab` command finds the lock free and does this part.
set -eu
# shellcheck source=tests/lab/common.sh
. "$(dirname "$0")/common.sh"
# shellcheck source=tests/lab/remains.sh
. "$LAB_HOME/remains.sh"

name=$1 starter=$2 owner=$3
shift 3
state=$LAB_ROOT/$name

# A cgroup of its own for each host, in each hierarchy, under the root: below a cgroup with processes in it, version 2
# gives out no controllers.
make_cgroups() {
    local mount type options host
    while read -r mount type options; do
        mkdir "$mount/ferry-lab.$name"
        prepare_cgroup "$mount/ferry-lab.$name" "$type"
        for host; do
            mkdir "$mount/ferry-lab.$name/$host"
            prepare_cgroup "$mount/ferry-lab.$name/$host" "$type"
            enter_cgroup "$mount/ferry-lab.$name/$host" "$type" >>"$state/$host/cgroups"
        done
    done < <(lab_cgroup_mounts)
}

# Version 1's cpuset gives nothing to a new cgroup, and version 2 no controller, until told.
prepare_cgroup() { # DIRECTORY TYPE
    local file controller controllers
    if [ "$2" = cgroup2 ]; then
        read -r -a controllers <"$1/../cgroup.controllers" || true
        for controller in "${controllers[@]}"; do
            echo "+$controller" >"$1/../cgroup.subtree_control"
        done
        return
    fi
    for file in cpuset.cpus cpuset.mems; do
        [ ! -e "$1/$file" ] || cat "$1/../$file" >"$1/$file"
    done
}

# Version 2 allows no processes beside children with controllers: there, the host's own processes get a leaf.
enter_cgroup() { # DIRECTORY TYPE
    if [ "$2" = cgroup2 ]; then
        mkdir "$1/init"
        echo "$1/init"
    else
        echo "$1"
    fi
}

# Still holding the lab's own lock: the name is free only when all is gone.
end_warden() {
    trap '' TERM INT HUP
    lab_lock_all
    lab_remove_remains "$name"
}

trap end_warden EXIT
holder=
trap '[ -z "$holder" ] || kill -TERM "$holder" 2>/dev/null || true' TERM INT HUP

(lab_lock_all && lab_raise_pipe_limits)
lab_compile "$name" hold init enter
make_cgroups "$@"
"$state/bin/lab-hold" --starter "$starter" ${owner:+--owner "$owner"} -- \
    /bin/bash "$LAB_HOME/switch.sh" "$name" "$@" 9>&- &
holder=$!
echo "$holder" >"$state/holder"
# Only lab-hold may keep the pipe to `lab up` open.
exec >/dev/null
# A trapped signal ends a wait early.
while kill -0 "$holder" 2>/dev/null; do
    wait "$holder" || true
done
