/** The file in the workspace that a sandbox writes all it can see into. */
export const DUMP = 'dump.txt';

/** Readable text in the memory of every process that the agent's user may read. */
const MEMORY = `
import glob, re
with open('/workspace/${DUMP}', 'ab') as out:
    for maps in glob.glob('/proc/[0-9]*/maps'):
        try:
            lines, memory = open(maps).read().splitlines(), open(maps.replace('maps', 'mem'), 'rb', 0)
        except OSError:
            continue
        regions = 0
        for line in lines:
            first, last = (int(part, 16) for part in line.split()[0].split('-'))
            if not line.split()[1].startswith('rw') or last - first > 2 ** 26:
                continue
            try:
                memory.seek(first)
                text = memory.read(last - first)
            except (OSError, ValueError):
                continue
            regions += 1
            out.write(b'\\n'.join(re.findall(rb'[\\x20-\\x7e]{8,}', text)) + b'\\n')
        out.write(b'memory of %s: %d regions\\n' % (maps.encode(), regions))
`;

/** A command that shows what it finds in its sandbox: environments, command lines, mounts, files, memory. */
export const DUMP_COMMAND = [
  `cat > /tmp/memory.py <<'PYTHON'${MEMORY}PYTHON`,
  `{ env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /proc/[0-9]*/mountinfo | tr '\\0' '\\n'`,
  `  find /run /etc /home /tmp /opt/rondo /var /root /workspace -type f -size -1024k ! -name ${DUMP} -readable -exec cat {} +; } > /workspace/${DUMP} 2>/dev/null`,
  'python3 /tmp/memory.py',
  'env; tr "\\0" "\\n" < /proc/1/environ; tr "\\0" " " < /proc/1/cmdline',
].join('\n');
