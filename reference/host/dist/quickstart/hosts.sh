#!/bin/sh
# Two hosts of one machine, as network namespaces with a cable between them: left is 10.0.0.1, right is 10.0.0.2. The addresses
# of Hiatus are 10.201.0.1 and 10.202.0.1, each behind its host. As root; `hosts.sh down` takes everything away again.
set -eu

if [ "${1:-}" = down ]; then
    for name in left right; do
        ip netns pids "$name" 2>/dev/null | xargs -r kill
        ip netns del "$name" 2>/dev/null || true
    done
    rm -rf /var/lib/hiatus
    exit
fi

host() { # name, own address, the other's address, the network of Hiatus behind the other
    ip -n "$1" addr add "$2/24" dev "cable-$1"
    ip -n "$1" link set lo up
    ip -n "$1" link set "cable-$1" up
    ip -n "$1" route add "$4" via "$3"
    ip netns exec "$1" sysctl -qw net.ipv4.ip_forward=1
}

mkdir -p /var/lib/hiatus
ip netns add left
ip netns add right
ip link add cable-left netns left type veth peer name cable-right netns right
host left 10.0.0.1 10.0.0.2 10.202.0.0/24
host right 10.0.0.2 10.0.0.1 10.201.0.0/24
echo "left is 10.0.0.1, right is 10.0.0.2"
