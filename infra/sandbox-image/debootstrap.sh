#!/bin/sh
# debootstrap.sh TARGET SUITE MIRROR: the sandbox's root file system in the new folder TARGET, from packages.txt.
# Needs root and debootstrap. Debootstrap takes proxies and certificates from the environment and apt's own settings.
set -eu
target=$1 suite=$2 mirror=$3
sources=$(cd "$(dirname "$0")" && pwd)

include=$(sed 's/#.*//' "$sources/packages.txt" | tr -s ' \n' ',' | sed 's/^,//;s/,$//')
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

debootstrap --variant=minbase --include="$include" \
  $([ -e "$keyring" ] && echo "--keyring=$keyring") \
  "$suite" "$target" "$mirror"

cp "$sources/provision.sh" "$target/provision.sh"
chroot "$target" /bin/sh /provision.sh
rm "$target/provision.sh"
