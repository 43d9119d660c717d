#!/bin/sh
# Tells a host that its virtual machine was restored or cloned: the kernel reseeds its random numbers then and says so.
# Run it as a service beside the host; it needs to read /dev/kmsg. A restore inside a running QEMU (`loadvm`) changes no
# generation id: tell the host yourself, with `hiatus ctl restored`.
#
# HIATUS_CONTROL, HIATUS: as in the other adapters. HIATUS_KMSG is read in place of /dev/kmsg.
set -eu
control=${HIATUS_CONTROL:-/run/hiatus/control.sock}
kmsg=${HIATUS_KMSG:-/dev/kmsg}

# What the kernel said before this began is old news: tail begins at the end.
tail -n 0 -f "$kmsg" | while read -r line; do
    case $line in
    *"crng reseeded due to virtual machine fork"*)
        "${HIATUS:-hiatus}" ctl --control "$control" restored || echo "hiatus was not told: see above" >&2
        ;;
    esac
done
