import type { CheckpointRecord, GenerationsUsed, SandboxLoss } from '../../workflows/contract/sandbox-records.js';

const NAMED = 10;

/** What of an earlier sandbox a later one has not: nothing but programs and shell state where the directories are the same. */
export function lossOf(restored: { readonly checkpoint: CheckpointRecord | undefined; readonly usedSince: boolean } | undefined): SandboxLoss {
  if (!restored) return { skipped: [], skippedCount: 0 };
  const { checkpoint, usedSince } = restored;
  return {
    ...(usedSince ? { changesSince: checkpoint?.createdAt.toISOString() ?? null } : {}),
    skipped: checkpoint?.skipped.slice(0, NAMED) ?? [],
    skippedCount: checkpoint?.skippedCount ?? 0,
  };
}

/** Whether the model is to hear of it: of every further sandbox once it has had one, and of what is gone even if it was put there before its first call. */
export const isToBeTold = ({ changesSince, skippedCount }: SandboxLoss, { calls }: GenerationsUsed): boolean =>
  calls !== undefined || changesSince !== undefined || skippedCount > 0;

/** Two losses of which the model has heard neither. */
export function addLoss(before: SandboxLoss | undefined, after: SandboxLoss): SandboxLoss {
  if (!before) return after;
  const since = [before.changesSince, after.changesSince].filter((time) => time !== undefined);
  const earliest = since.includes(null) ? null : since.toSorted()[0];
  const more = after.skippedCount > 0 ? after : before;
  const ended = after.ended ?? before.ended;
  const packages = after.packages ?? before.packages;
  return {
    ...(ended === undefined ? {} : { ended }),
    ...(packages === undefined ? {} : { packages }),
    ...(earliest === undefined ? {} : { changesSince: earliest }),
    skipped: more.skipped,
    skippedCount: more.skippedCount,
  };
}

const WHY: Readonly<Record<string, string>> = {
  special_file: 'a pipe, socket or device',
  unreadable: 'unreadable',
  too_many: 'too many files',
  too_large: 'beyond the size that is kept',
  changed: 'changed while it was read',
};

/** What the model reads before the next result. */
export function tellLoss({ packages, isFirst, ended, changesSince, skipped, skippedCount }: SandboxLoss): string {
  const without = packages === undefined ? '' : ` ${packages}`;
  if (isFirst) return `Note:${without}`;
  const files =
    changesSince === undefined
      ? 'files in /workspace and /mnt are as they were'
      : changesSince === null
        ? 'everything written to /workspace and /mnt is lost, because the host that had it is gone'
        : `files in /workspace and /mnt are as they were at ${changesSince}; what was written later is lost, because the host that had it is gone`;
  const names = skipped.map(({ path, why }) => `${JSON.stringify(inside(path))} (${WHY[why] ?? why})`).join(', ');
  const more = skippedCount > skipped.length ? `, and ${skippedCount - skipped.length} more` : '';
  const exceptions = skippedCount === 0 ? '' : ` Not kept: ${names}${more}.`;
  const why = ended === undefined ? '' : ` ${ended}`;
  return `Note: this call ran in a new sandbox.${why} Running programs, background jobs and shell state of the one before are gone; ${files}.${exceptions}${without}`;
}

/** As the model knows the path. Names may be any bytes; what is no UTF-8 is shown as best it can be. */
const inside = (path: string): string => `/${Buffer.from(path, 'latin1').toString('utf8')}`;
