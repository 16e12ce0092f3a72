#!/bin/bash
# Proves the image's steps where there is no container engine: builds the tree in a fresh Debian root, then starts the
# server there as a user that is not root, on a file system that is read-only but for its state folder and /tmp.
#
#   deploy/prove-root.sh [full|slim] [FOLDER]      as root, with debootstrap; FOLDER keeps the Debian root for next time
#
# PROVE_BIND names files and folders of this machine that the root needs to reach a package index (pip's own
# configuration, certificates, folders that it names); DEBIAN and MIRROR name another release and another mirror.

set -euo pipefail

variant=${1:-full}
kept=${2:-}
source=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
root=${kept:-$(mktemp -d)}
release=${DEBIAN:-bookworm}
mirror=${MIRROR:-}
server=
mounts=()

say() { printf 'prove-root: %s\n' "$*" >&2; }

leave() {
    [[ -z $server ]] || { kill -KILL "$server" && wait "$server"; } 2>/dev/null || :
    unmounted
    [[ -n $kept ]] || rm -rf --one-file-system -- "$root"
}
trap leave EXIT

unmounted() {
    for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do umount --lazy "${mounts[i]}" 2>/dev/null || :; done
    mounts=()
}

mounted() { # WHAT WHERE OPTIONS...
    local what=$1 where=$2
    shift 2
    mount "$@" "$what" "$where"
    mounts+=("$where")
}

[[ $EUID -eq 0 ]] || { say 'a root of its own needs root' && exit 2; }

if [[ ! -e $root/usr/bin/python3 ]]; then
    say "making a Debian root ($release) with python3 and venv alone"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$release" "$root" ${mirror:+"$mirror"} \
        >"$root.debootstrap.log" 2>&1 || { tail -n 20 "$root.debootstrap.log" >&2 && exit 1; }
    rm -f -- "$root.debootstrap.log"
fi
install -d "$root/src" "$root/proc"
mounted proc "$root/proc" -t proc
mounted "$source" "$root/src" --bind -o ro
for each in /etc/resolv.conf ${PROVE_BIND:-}; do
    if [[ -d $each ]]; then install -d "$root$each"; else install -D /dev/null "$root$each"; fi
    mounted "$each" "$root$each" --bind -o ro
done

say 'deploy/build-root.sh, as the Dockerfile runs it'
rm -rf -- "$root/opt/llmservice"
# The source is read-only here, so nothing is left in it.
chroot "$root" /bin/sh /src/deploy/build-root.sh /opt/llmservice "$variant"
install -d -o 10001 -g 10001 -m 0750 "$root/var/lib/llmservice"

# Of the host nothing is left but the kernel: no source, no package index, no way to write.
unmounted
mounted "$root" "$root" --bind
mount -o remount,ro,bind "$root"
mounted proc "$root/proc" -t proc
mounted tmpfs "$root/tmp" -t tmpfs -o size=16m,mode=1777
mounted tmpfs "$root/var/lib/llmservice" -t tmpfs -o size=256m,uid=10001,gid=10001,mode=0750

inside=(chroot --userspec=10001:10001 "$root" /usr/bin/env -i PATH=/opt/llmservice/bin:/usr/bin:/bin
    LD_LIBRARY_PATH=/opt/llmservice/lib/native XDG_STATE_HOME=/var/lib PYTHONDONTWRITEBYTECODE=1)

say 'the server, as user 10001 on a read-only file system'
"${inside[@]}" sh -c 'touch /opt/llmservice/x 2>/dev/null' && { say 'the file system can be written' && exit 1; }
"${inside[@]}" llmservice serve --port 0 --address-file /var/lib/llmservice/address &
server=$!
for ((waited = 0; waited < 300; waited++)); do
    [[ -s $root/var/lib/llmservice/address ]] && break
    kill -0 "$server" 2>/dev/null || { say 'the server ended' && exit 1; }
    sleep 0.1
done
address=$(<"$root/var/lib/llmservice/address")
"${inside[@]}" llmservice check --health "$address"
"${inside[@]}" llmservice models --target "$address" | head -n 5
if [[ $variant = full ]]; then
    "${inside[@]}" llmservice chat --target "$address" --max-tokens 16 'Say hello.'
    "${inside[@]}" llmservice usage
fi
kill -TERM "$server"
wait "$server" && ended=0 || ended=$?
server=
[[ $ended -eq 0 ]] || { say "the server ended with $ended" && exit 1; }

say "proved ($variant): $(du -sm "$root/opt/llmservice" | cut -f1) MiB in /opt/llmservice," \
    "$(du -sm --exclude=./opt --exclude=./proc --one-file-system "$root" | cut -f1) MiB with this Debian root"
