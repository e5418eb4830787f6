/** One line of what `rondo doctor` says. */
export interface Finding {
  /** `found`: installed, or somebody else's; `embedded`: comes with Rondo; `missing`: needed; `absent`: not needed; `place`: where something is kept. */
  readonly state: 'found' | 'embedded' | 'missing' | 'absent' | 'place';
  readonly part: string;
  readonly what: string;
  /** What to do about it, to be copied as it is where that is possible. */
  readonly fix?: string;
}
