# shellcheck shell=bash
# Faults on a host's link, all applied from outside the host, in the switch.
#
# cut and restore take the switch's end of the cable down and up: the host loses its carrier. Latency, rate and
# loss are netem's where the kernel has it, on both ends of the cable. Where it has not, the frames go through a
# wire in user space:
#
#     host eth0 ── port-a ─ br0                       without faults
#     host eth0 ── port-a ─ br-a ─ near-a ─ lab-wire ─ far-a ─ br0
#
# Read by `lab`, with the name of the lab in $name. HOST/faults holds the faults in force: latency in ms, rate
# in Mbit/s, loss in percent; 0 is none.

# Runs a command in the switch's network.
in_switch() {
    nsenter --target "$(cat "$LAB_ROOT/${name:?}/switch")" --net -- "$@"
}

# Whether the kernel has netem: asked of an interface that carries nothing.
has_netem() {
    in_switch tc qdisc replace dev lo root netem delay 1ms 2>/dev/null || return 1
    in_switch tc qdisc delete dev lo root
}

lab_link() { # HOST FAULT [VALUE]
    local host=${1:-} fault=${2:-} value=${3:-} latency rate loss
    [ $# -ge 2 ] || lab_die "link: needs a host and a fault: cut, restore, latency MS, rate MBIT, loss PCT, clear or show"
    need_running "$host"
    local state=$LAB_ROOT/$name
    exec 7>>"$state/$host/faults"
    flock 7
    read -r latency rate loss <"$state/$host/faults" || { latency=0 rate=0 loss=0; }
    case $fault in
    cut) in_switch ip link set "port-$host" down ;;
    restore) in_switch ip link set "port-$host" up ;;
    show) show_faults ;;
    clear) set_faults 0 0 0 ;;
    latency) check_value 60000 && set_faults "$value" "$rate" "$loss" ;;
    rate) check_value 100000 && set_faults "$latency" "$value" "$loss" ;;
    loss) check_value 100 && set_faults "$latency" "$rate" "$value" ;;
    *) lab_die "link: no fault is called '$fault': cut, restore, latency MS, rate MBIT, loss PCT, clear, show" ;;
    esac
}

check_value() { # MAXIMUM
    if ! [[ $value =~ ^[0-9]{1,6}(\.[0-9]{1,3})?$ ]] || [ "${value%.*}" -gt "$1" ]; then
        lab_die "link: $fault is a number from 0 (none) to $1, not '$value'"
    fi
}

show_faults() {
    local cable="up"
    ! in_switch ip -o link show "port-$host" | grep -q 'state DOWN' || cable="cut"
    echo "cable $cable, latency $latency ms, rate $rate Mbit/s, loss $loss %"
}

set_faults() { # LATENCY RATE LOSS
    local means='a wire in user space, as this kernel has no netem'
    if has_netem; then
        means=netem
        set_netem "$@"
    else
        set_wire "$@"
    fi
    echo "$*" >"$state/$host/faults"
    latency=$1 rate=$2 loss=$3
    lab_say "link of $host: $(show_faults) ($means)"
}

# Half the latency each way. netem's own limit of 1000 frames would lose what a long fast link holds.
set_netem() { # LATENCY RATE LOSS
    local netem=() end
    [ "$1" = 0 ] || netem+=(delay "$(scaled "$1" 500)us")
    [ "$2" = 0 ] || netem+=(rate "$(scaled "$2" 1000)kbit")
    [ "$3" = 0 ] || netem+=(loss "$3%")
    for end in "in_switch tc qdisc replace dev port-$host" \
        "nsenter --target $(cat "$state/$host/init") --net -- tc qdisc replace dev eth0"; do
        if [ ${#netem[@]} = 0 ]; then
            ${end/replace/delete} root 2>/dev/null || true
        else
            $end root netem limit 16384 "${netem[@]}"
        fi
    done
}

# A decimal number times a whole one, as a whole one.
scaled() { # NUMBER FACTOR
    awk -v number="$1" -v factor="$2" 'BEGIN { printf "%.0f", number * factor }'
}

set_wire() { # LATENCY RATE LOSS
    local settings=$state/$host/wire wire
    wire=$(cat "$settings.pid" 2>/dev/null || true)
    echo "$(scaled "$1" 500) $(scaled "$2" 1000000) $(scaled "$3" 10000)" >"$settings.new"
    mv "$settings.new" "$settings"
    if [ "$*" = "0 0 0" ]; then
        [ -z "$wire" ] || take_wire_out
    elif [ -n "$wire" ]; then
        kill -HUP "$wire"
    else
        [ -x "$state/bin/lab-wire" ] || lab_compile "$name" wire
        put_wire_in
    fi
}

# lab-wire runs below the switch's init, so that it ends with the lab.
put_wire_in() {
    local tap
    for tap in near far; do
        in_switch ip tuntap add "$tap-$host" mode tap
    done
    # shellcheck disable=SC2016 # for the inner shell
    nsenter --target "$(cat "$state/switch")" --net --pid --mount -- setsid /bin/bash -c '
        read -r pid _ </proc/self/stat
        echo "$pid" >"$1.pid"
        exec "$2/bin/lab-wire" "$3" "$4" "$1"' \
        lab-wire "$settings" "$state" "near-$host" "far-$host" </dev/null >/dev/null 2>>"$state/log" 7>&- 9>&- &
    for tap in near far; do
        await_carrier "$tap-$host" || lab_die "link: the wire does not start: $(tail -n 1 "$state/log")"
    done
    in_switch ip link add "br-$host" type bridge stp_state 0 forward_delay 0 mcast_snooping 0
    in_switch ip link set "br-$host" up
    # The host first: while it is still in br0, its frames would come round through the wire, and br-HOST would learn
    # that the host is at the far side, and send it nothing.
    in_switch ip link set "port-$host" master "br-$host"
    in_switch ip link set "near-$host" master "br-$host"
    in_switch ip link set "far-$host" master br0
}

# A tap has a carrier while somebody holds it open.
await_carrier() { # TAP
    local attempt
    in_switch ip link set "$1" up
    for attempt in {1..500}; do
        ! in_switch ip -o link show "$1" | grep -q LOWER_UP || return 0
        sleep 0.01
    done
    return "$attempt"
}

take_wire_out() {
    kill -KILL "$wire"
    rm -f "$settings.pid"
    in_switch ip link set "port-$host" master br0
    in_switch ip link delete "br-$host"
    # Busy until the wire has let go of them.
    for tap in near far; do
        until in_switch ip tuntap delete "$tap-$host" mode tap 2>/dev/null; do sleep 0.01; done
    done
}
