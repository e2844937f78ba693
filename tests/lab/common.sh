# shellcheck shell=bash
# What the lab's own scripts share: where a lab's state is, its addresses, and the machine's cgroup hierarchies.
#
# A lab's state is $LAB_ROOT/NAME, and a lab lives as long as somebody holds the lock on its file `alive`:
#   alive   locked by the lab's warden       hosts     the hosts' names, one a line
#   holder  pid of lab-hold                  switch    pid of the switch's init, as the machine counts
#   bin/    the lab's compiled helpers       log       what the warden, the switch and the hosts complained of
#   HOST/   init (pid), cgroups, faults and the host's ssh keys
#   fs/     mount point of the tmpfs with the hosts' changes; seen only inside the lab

# shellcheck disable=SC2034 # used by whoever reads this file
{
    LAB_ROOT=/run/ferry-lab
    LAB_HOME=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    LAB_NET4=10.77.0
    LAB_NET6=fd77::
}

lab_say() { printf 'lab: %s\n' "$*" >&2; }
lab_die() { lab_say "$@"; exit 1; }

# The number of a host, from 1: it is the last part of its addresses.
lab_host_number() { # HOST
    local number
    number=$(printf '%d' "'$1")
    echo $((number - 96))
}

# The machine's cgroup hierarchies, one a line: mount point, file system type, mount options that name it.
lab_cgroup_mounts() {
    local fields head tail type options option named
    while IFS= read -r fields; do
        head=${fields%% - *} tail=${fields##* - }
        type=${tail%% *} options=${tail##* }
        [[ $type == cgroup || $type == cgroup2 ]] || continue
        named=
        for option in ${options//,/ }; do
            case $option in
            rw | ro | xattr | clone_children | release_agent=* | nsdelegate | memory_* | favordynmods | seclabel) ;;
            *) named+=${named:+,}$option ;;
            esac
        done
        # shellcheck disable=SC2086 # the fields of one line
        set -- $head
        printf '%s %s %s\n' "$5" "$type" "${named:--}"
    done </proc/self/mountinfo
}

# Locks the folder of all labs on descriptor 8: labs are made and swept one at a time.
lab_lock_all() {
    mkdir -p "$LAB_ROOT"
    chmod 700 "$LAB_ROOT"
    exec 8<"$LAB_ROOT"
    flock 8
}

# The helpers are small and compiled for each lab: nothing to install, and nothing to be out of date.
lab_compile() { # LAB SOURCE...
    local name=$1 source pids=() pid
    shift
    for source; do
        cc -std=c17 -O1 -o "$LAB_ROOT/$name/bin/lab-$source" "$LAB_HOME/$source.c" 9>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || lab_die "cannot compile the lab's helpers, see above"
    done
}
