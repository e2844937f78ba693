#!/bin/bash
# One host of a lab, from its first process until its sshd answers; then it becomes lab-init.
#
#     host.sh NAME HOST ALL-HOSTS...    run by switch.sh as PID 1 of new namespaces, in the host's cgroups;
#                                       descriptor 7: the switch's network namespace, 8: where to say "up HOST"
#
# The host's root is the machine's root, seen through an overlay: the host may change all of it, and nothing reaches the
# machine. Nothing here is taken from the machine by a bind mount, as CRIU wants every mount to have its own root.
set -eu
# shellcheck source=tests/lab/common.sh
. "$(dirname "$0")/common.sh"

name=$1 host=$2
shift 2
state=$LAB_ROOT/$name
root=$state/fs/$host/root
trap 'echo "$host stopped at line $LINENO of host.sh, see $state/log" >&8' ERR
set -E

mount_root() {
    mkdir -p "$state/fs/$host/upper" "$state/fs/$host/work" "$root"
    mount -t overlay -o "lowerdir=/,upperdir=$state/fs/$host/upper,workdir=$state/fs/$host/work" "host-$host" "$root"
    mkdir -p "$root"/{proc,sys,dev,run,tmp}
    mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
    mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
    mount -t tmpfs -o mode=755,nosuid,nodev run "$root/run"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmp "$root/tmp"
    mkdir -p "$root/run/lock" "$root/run/sshd"
    show_checkout
}

# The overlay shows the machine's root file system only. Where this checkout is on another one, it is put in its place.
show_checkout() {
    local checkout
    checkout=$(cd "$LAB_HOME/../.." && pwd)
    if [ "$(stat -c %d "$checkout")" != "$(stat -c %d /)" ]; then
        mkdir -p "$root$checkout"
        mount --bind "$checkout" "$root$checkout"
    fi
}

make_devices() {
    local device number
    mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
    mkdir "$root"/dev/{pts,shm,mqueue,net}
    for device in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 kmsg:1:11 tty:5:0 net/tun:10:200 fuse:10:229; do
        number=${device#*:}
        mknod -m 666 "$root/dev/${device%%:*}" c "${number%:*}" "${number#*:}"
    done
    mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777,nosuid,nodev shm "$root/dev/shm"
    mount -t mqueue mqueue "$root/dev/mqueue"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    for number in 0 1 2; do
        ln -s "/proc/self/fd/$number" "$root/dev/$(set -- stdin stdout stderr && shift "$number" && echo "$1")"
    done
}

# The same hierarchies at the same places as on the machine; their root is the host's own cgroup.
mount_cgroups() {
    local mount type options directory mounts
    # All of it before the first mount, which would add to it.
    mounts=$(lab_cgroup_mounts)
    while read -r directory; do
        [[ $directory != */init ]] || echo $$ >"$directory/cgroup.procs"
    done <"$state/$host/cgroups"
    mountpoint -q /sys/fs/cgroup || return 0
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || mount -t tmpfs -o mode=755 cgroup "$root/sys/fs/cgroup"
    while read -r mount type options; do
        mkdir -p "$root$mount"
        if [ "$options" = - ]; then
            mount -t "$type" "$type" "$root$mount"
        else
            mount -t "$type" -o "$options" "$type" "$root$mount"
        fi
    done <<<"$mounts"
}

make_network() {
    local number
    number=$(lab_host_number "$host")
    ip link add eth0 address "02:fe:00:00:00:$(printf '%02x' "$number")" type veth \
        peer name "port-$host" netns /proc/self/fd/7
    nsenter --net=/proc/self/fd/7 ip link set "port-$host" master br0 up
    ip link set lo up
    ip link set eth0 up
    ip address add "$LAB_NET4.$number/24" dev eth0
    # Without an IPv6 stack the hosts have IPv4 only.
    ip address add "$LAB_NET6$number/64" dev eth0 nodad 2>/dev/null || [ ! -e /proc/net/if_inet6 ]
}

write_names() { # ALL-HOSTS...
    local other number
    echo "$host" >"$root/etc/hostname"
    hostname "$host"
    printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
    for other; do
        number=$(lab_host_number "$other")
        printf '%s.%s %s\n%s%s %s\n' "$LAB_NET4" "$number" "$other" "$LAB_NET6" "$number" "$other" >>"$root/etc/hosts"
    done
}

# A `*` for a password: no password fits, but the account is not locked, as a `!` would say to sshd.
make_user() {
    local uid=990 file
    for file in passwd shadow group gshadow; do
        [ ! -e "/etc/$file" ] || grep -v '^ferry:' "/etc/$file" >"$root/etc/$file.new"
        [ ! -e "/etc/$file" ] || cat "$root/etc/$file.new" >"$root/etc/$file"
        rm -f "$root/etc/$file.new"
    done
    while grep -q "^[^:]*:[^:]*:$uid:" "$root/etc/passwd" "$root/etc/group"; do
        uid=$((uid - 1))
    done
    echo "ferry:x:$uid:$uid:ferry:/home/ferry:/bin/sh" >>"$root/etc/passwd"
    echo "ferry:*:19000:0:99999:7:::" >>"$root/etc/shadow"
    echo "ferry:x:$uid:" >>"$root/etc/group"
    rm -rf "$root/home/ferry"
    install -d -m 755 -o "$uid" -g "$uid" "$root/home/ferry"
    install -d -m 700 -o "$uid" -g "$uid" "$root/home/ferry/.ssh"
    install -m 600 -o "$uid" -g "$uid" /dev/null "$root/home/ferry/.ssh/authorized_keys"
}

# A shell that sshd starts reads these, also for one command: what the machine's root has in them (tools that keep
# locks, another PATH) is none of a fresh host's.
remove_startup_files() {
    local file
    for file in .bashrc .bash_profile .bash_login .bash_logout .profile .criu; do
        rm -rf "${root:?}/root/$file"
    done
}

# The machine's own keys and its root's must not be seen, still less work, in the lab.
write_keys() {
    rm -rf "$root/root/.ssh" "$root"/etc/ssh/ssh_host_* "$root/etc/ssh/sshd_config.d"
    install -d -m 700 "$root/root/.ssh" "$root/etc/ssh"
    install -m 600 "$state/key" "$root/root/.ssh/id_ed25519"
    install -m 644 "$state/key.pub" "$root/root/.ssh/id_ed25519.pub"
    install -m 600 "$state/key.pub" "$root/root/.ssh/authorized_keys"
    install -m 644 "$state/known_hosts" "$root/root/.ssh/known_hosts"
    install -m 600 "$state/$host"/ssh_host_*_key "$root/etc/ssh"
}

write_sshd_config() {
    cat >"$root/etc/ssh/sshd_config" <<-'END'
		HostKey /etc/ssh/ssh_host_ed25519_key
		HostKey /etc/ssh/ssh_host_ecdsa_key
		AuthorizedKeysFile .ssh/authorized_keys
		PermitRootLogin prohibit-password
		PasswordAuthentication no
		KbdInteractiveAuthentication no
		UsePAM no
		UseDNS no
		PrintMotd no
		MaxStartups 200
		LogLevel VERBOSE
		Subsystem sftp internal-sftp
	END
}

change_root() {
    cd "$root"
    pivot_root . .
    umount -l .
    cd /
}

start_sshd() {
    local attempt
    /usr/sbin/sshd -D -E /var/log/sshd.log 3>&- 7>&- 8>&- </dev/null &
    for attempt in {1..500}; do
        # shellcheck disable=SC2188 # opening it is all
        (<>/dev/tcp/127.0.0.1/22) 2>/dev/null && return
        kill -0 $! 2>/dev/null || break
        sleep 0.01
    done
    cat /var/log/sshd.log >&2
    echo "$host: sshd does not answer (attempt $attempt)" >&8
    exit 1
}

read -r pid _ </proc/self/stat
echo "$pid" >"$state/$host/init"
make_network &
network=$!
mount_root
make_devices
mount_cgroups
write_names "$@"
make_user
remove_startup_files
write_keys
write_sshd_config
cp "$state/bin/lab-init" "$root/run/lab-init"
wait "$network"
change_root
start_sshd
echo "up $host" >&8
exec /run/lab-init
