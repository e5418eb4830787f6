#!/bin/sh
# Runs inside the new root file system, whichever builder made it: the user that everything in a sandbox runs as, and
# no leftovers. Safe to repeat.
set -eu

grep -q '^agent:' /etc/group || echo 'agent:x:10001:' >> /etc/group
grep -q '^agent:' /etc/passwd || echo 'agent:x:10001:10001:agent:/home/agent:/bin/bash' >> /etc/passwd
grep -q '^agent:' /etc/shadow || echo 'agent:*:19000:0:99999:7:::' >> /etc/shadow

mkdir -p /home/agent /workspace /opt/rondo /run/rondo
chown 10001:10001 /home/agent /workspace
chmod 0755 /home/agent /workspace

# There is one python in a sandbox, and it answers to both names.
[ -e /usr/bin/python ] || ln -s python3 /usr/bin/python

# pip may install for the agent without a virtual environment: the sandbox is the environment.
rm -f /usr/lib/python3.*/EXTERNALLY-MANAGED

# Nothing in a sandbox may gain rights.
find / -xdev -type f -perm /6000 -exec chmod a-s {} +

rm -rf /var/cache/apt/* /var/lib/apt/lists/* /var/log/* /tmp/* /root/.cache
rm -f /etc/machine-id /etc/hostname /etc/resolv.conf
: > /etc/machine-id
: > /etc/resolv.conf
echo sandbox > /etc/hostname
