# shellcheck shell=bash
# What the scripts share that interfere with a migration of a service: the service with its client, the two ways in which it may
# end, and a runc that stands still. Sourced after lib.sh.

# A service with a client, whose memory would take half a minute over the link: time enough to interfere, also on a busy machine.
slow_transfer_begins() {
    web_with_client
    "$E2E_LAB" link b rate 5
    migrate_detached runc/web --to b --address "$E2E_SERVICE_ADDRESS"
    eventually job_has_sent a "$E2E_JOB"
}

# Once the agent says so, the link needs no longer to be slow: the other host is told behind all that is on its way.
link_is_slow_until() { # HOST WORDS-OF-ITS-LOG
    eventually on "$1" grep -qF "$2" /var/log/ferryd.log
    "$E2E_LAB" link b clear
}
cancel_in_slow_transfer() { # HOST
    ferry "$1" job cancel "$E2E_JOB" &
    link_is_slow_until "$1" "[$E2E_JOB] cancelling"
    wait $!
}
stop_in_slow_transfer() { # HOST
    agent_signal "$1" TERM
    eventually agent_is_stopping "$1"
    "$E2E_LAB" link b clear
    eventually agent_is_gone "$1"
}

web_with_client() {
    container_prepare web a,b web "$E2E_SERVICE" 8080 48
    service_address_add a
    container_start a web
    client_start
}

assert_rolled_back() {
    assert_client_goes_on
    container_runs a web
    has_service_address a
    eventually is_clean b || { left_on b; return 1; }
    fails has_service_address b
    container_is_absent b web
}

assert_moved() {
    assert_client_goes_on
    container_runs b web
    has_service_address b
    fails has_service_address a
    container_is_absent a web
}

# A runc that stands still where $1 says, until /run/gate/open is there: `checkpoint` when the tasks are gone and
# nobody has been told, `restore` before it begins, `begun` when it has taken the name and no more.
gate() { # HOST checkpoint|restore|begun
    on "$1" sh -c "mkdir -p /run/gate; rm -f /run/gate/*; cat >/run/gate/runc; chmod 755 /run/gate/runc" <<-END_OF_GATE
		#!/bin/sh
		wait_at_gate() { : >/run/gate/reached; while [ ! -e /run/gate/open ]; do sleep 0.05; done; }
		case " \$* " in
		*" checkpoint "*)
		    runc "\$@"; status=\$?
		    [ $2 != checkpoint ] || wait_at_gate
		    exit \$status ;;
		*" restore "*)
		    [ $2 != begun ] || mkdir /run/runc/web
		    [ $2 = checkpoint ] || wait_at_gate ;;
		esac
		exec runc "\$@"
	END_OF_GATE
    E2E_RUNC=/run/gate/runc agent_reconfigure "$1" </dev/null
}

gate_is_reached() { # HOST
    on "$1" test -e /run/gate/reached
}

gate_open() { # HOST
    on "$1" touch /run/gate/open
}
