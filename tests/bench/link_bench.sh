#!/bin/sh
# An SSH link beside OpenSSH's own client with the same cipher, over one sshd on loopback, in turns.
# usage: link_bench.sh BUILD_DIR [MIB [ROUNDS]]
set -eu
build=$1 mib=${2:-1024} rounds=${3:-3}
dir=$(mktemp -d)
sshd_pid=
# The session processes end by themselves when their connection does.
trap '[ -z "$sshd_pid" ] || kill "$sshd_pid"; rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
port=$((20000 + $$ % 20000))
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f "$dir/host"
for key in dial sink; do ssh-keygen -q -t ed25519 -N '' -f "$dir/$key"; done
{
  echo "restrict,command=\"$build/tests/transport/dial-helper $dir/peer.sock\" $(cat "$dir/dial.pub")"
  echo "restrict,command=\"cat >/dev/null\" $(cat "$dir/sink.pub")"
} > "$dir/authorized_keys"
cat > "$dir/sshd_config" <<CONFIG
Port $port
ListenAddress 127.0.0.1
HostKey $dir/host
AuthorizedKeysFile $dir/authorized_keys
StrictModes no
UsePAM no
PidFile none
SetEnv HOME=$dir
CONFIG
echo "[127.0.0.1]:$port $(cat "$dir/host.pub")" > "$dir/known_hosts"
/usr/sbin/sshd -D -f "$dir/sshd_config" -E "$dir/log" &
sshd_pid=$!
sleep 1
head -c "${mib}M" /dev/urandom > "$dir/random"
for _ in $(seq "$rounds"); do
  for direction in out in; do
    "$build/tests/bench/link-bench" "$(id -un)" "$port" "$dir/dial" "$dir/known_hosts" "$dir/peer.sock" "$mib" $direction
  done
  start=$(date +%s%N)
  ssh -F none -i "$dir/sink" -o IdentityAgent=none -o UserKnownHostsFile="$dir/known_hosts" -o BatchMode=yes \
    -c aes128-ctr -m hmac-sha2-256 -p "$port" 127.0.0.1 true < "$dir/random"
  end=$(date +%s%N)
  echo "ssh -c aes128-ctr: $((mib * 1048576 * 1000 / (end - start))) MB/s"
done
