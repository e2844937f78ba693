# shellcheck shell=bash
# Removes what is left of a lab whose processes are gone or must go: its cgroups, its state folder, and the machine's
# pipe limits when it was the last. The caller holds the lock of all labs.

lab_remove_remains() { # NAME
    local name=$1 mount
    while read -r mount _; do
        [ -d "$mount/ferry-lab.$name" ] || continue
        lab_remove_cgroup "$mount/ferry-lab.$name"
    done < <(lab_cgroup_mounts)
    rm -rf "${LAB_ROOT:?}/$name"
    lab_restore_pipe_limits
}

# What is still in it is a stray of this lab, as nothing else is ever put there.
lab_remove_cgroup() { # DIRECTORY
    local directory attempt pid
    for attempt in {1..100}; do
        while IFS= read -r directory; do
            while read -r pid; do
                [ "$pid" = 0 ] || kill -KILL "$pid" 2>/dev/null || true
            done <"$directory/cgroup.procs" 2>/dev/null
            rmdir "$directory" 2>/dev/null || true
        done < <(find "$1" -depth -type d 2>/dev/null)
        [ -d "$1" ] || return 0
        sleep 0.02
    done
    lab_say "after $attempt attempts there are still processes in $1"
}

# CRIU keeps page references in pipes. Root on an ordinary host is not held to these limits; a root without
# CAP_SYS_RESOURCE is, and the settings are the machine's, as they have no namespace.
lab_raise_pipe_limits() {
    local kept=$LAB_ROOT/.pipe-limits settings=/proc/sys/fs
    [ ! -e "$kept" ] || return 0
    cat "$settings/pipe-user-pages-soft" "$settings/pipe-max-size" >"$kept"
    echo 0 >"$settings/pipe-user-pages-soft"
    echo 1073741824 >"$settings/pipe-max-size"
}

lab_restore_pipe_limits() {
    local kept=$LAB_ROOT/.pipe-limits settings=/proc/sys/fs other limits
    [ -e "$kept" ] || return 0
    for other in "$LAB_ROOT"/*/; do
        [ ! -d "$other" ] || return 0
    done
    mapfile -t limits <"$kept"
    echo "${limits[0]}" >"$settings/pipe-user-pages-soft"
    echo "${limits[1]}" >"$settings/pipe-max-size"
    rm -f "$kept"
}
