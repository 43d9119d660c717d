#!/bin/sh
# CRIU runs this at each step of a dump and of a restore: `criu dump --action-script criu-action.sh ...`, the same for restore.
# A host that is dumped takes an epoch first; one that comes back says so, and its connections find their peers.
#
# HIATUS_CONTROL     the control socket of the host (default /run/hiatus/control.sock)
# HIATUS_GENERATION  the counter of restores, on a disk that CRIU does not restore (default /var/lib/hiatus/generation):
#                    the incarnation comes from there. HIATUS is the program (default hiatus).
set -eu
control=${HIATUS_CONTROL:-/run/hiatus/control.sock}
counter=${HIATUS_GENERATION:-/var/lib/hiatus/generation}
ctl() { "${HIATUS:-hiatus}" ctl --control "$control" "$@"; }

case ${CRTOOLS_SCRIPT_ACTION:-} in
pre-dump)
    # The program still runs. What happens between this and the freeze is in the dump and in no epoch: that is allowed.
    ctl snapshot > "$counter.epoch"
    ;;
post-resume)
    # The program runs again: after a restore as what it was, older than its peers know it. After `--leave-running` too:
    # then the dump is kept, and what it has is durable.
    if [ -e "$counter.restoring" ]; then
        rm "$counter.restoring"
        count=$(($(cat "$counter" 2>/dev/null || echo 0) + 1))
        printf '%s\n' "$count" > "$counter.new"
        sync "$counter.new"
        mv "$counter.new" "$counter"
        # The timestamp clock of a host counts milliseconds, and goes 2^22 ahead with each restore: it was never above this.
        uptime_ms=$((($(cut -d. -f1 /proc/uptime) + 1) * 1000))
        ctl restored --incarnation "$count" --tsval-ceiling "$(((uptime_ms + (count - 1) * 4194304) % 4294967296))"
    else
        ctl durable "$(cat "$counter.epoch")"
    fi
    ;;
pre-restore)
    : > "$counter.restoring"
    ;;
esac
