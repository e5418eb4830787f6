#!/bin/sh
# debootstrap.sh TARGET SUITE MIRROR COMPONENTS [KEYRING]: the sandbox's root file system in the new folder TARGET, from
# packages.txt. Needs root and debootstrap; proxies and certificates come from the environment.
set -eu
target=$1 suite=$2 mirror=$3 components=$4 keyring=${5:-}
sources=$(cd "$(dirname "$0")" && pwd)

include=$(sed 's/#.*//' "$sources/packages.txt" | tr -s ' \n' ',' | sed 's/^,//;s/,$//')

debootstrap --variant=minbase "--include=$include" "--components=$components" \
  ${keyring:+"--keyring=$keyring"} \
  "$suite" "$target" "$mirror"

cp "$sources/provision.sh" "$target/provision.sh"
chroot "$target" /bin/sh /provision.sh
rm "$target/provision.sh"
