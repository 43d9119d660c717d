#!/bin/sh
# The QEMU guest agent runs this before and after a snapshot from outside: /etc/qemu/fsfreeze-hook.d/hiatus.
# `freeze` comes before the disks are frozen, `thaw` when the snapshot is done, or was given up.
#
# HIATUS_CONTROL is the control socket of the host (default /run/hiatus/control.sock), HIATUS the program (default hiatus).
set -eu
control=${HIATUS_CONTROL:-/run/hiatus/control.sock}
ctl() { "${HIATUS:-hiatus}" ctl --control "$control" "$@"; }

case ${1:-} in
freeze)
    # A host with a store has its epoch on the disk when the disk freezes: a snapshot of the disk holds it.
    ctl snapshot --wait
    ;;
thaw)
    # Nothing is told: the store said what is durable. A host that starts from the snapshot restores that epoch by itself.
    ;;
*)
    echo "usage: $0 freeze|thaw" >&2
    exit 2
    ;;
esac
