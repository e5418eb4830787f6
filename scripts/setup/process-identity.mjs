import { readFileSync } from 'node:fs';

/**
 * When a process started, in the kernel's clock ticks since boot; undefined if there is none, or it is a zombie. With the pid it
 * names one process for good: pids are used again, pairs are not (until the next boot).
 * @param {number} pid
 * @returns {string | undefined}
 */
export function processStart(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may hold spaces and parentheses itself.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

/** The running kernel's identity; a pid and start time from an earlier boot mean nothing. */
export function bootId() {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
