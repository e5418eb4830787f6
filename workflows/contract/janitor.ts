/** The ports of the janitor's workflow. Counts and names of hosts only: they go into Temporal's history. */
export interface JanitorActivities {
  /** What is of no host: expired files, blobs that nothing refers to, hosts that nobody has heard of for long. Answers the hosts that live. */
  cleanInstallation(): Promise<{ readonly hosts: readonly HostToVisit[] }>;
  /** Compares this host with the database, and removes what is proven to be nobody's. */
  reconcileHost(): Promise<Reconciled>;
}

export interface HostToVisit {
  readonly id: string;
  readonly taskQueue: string;
}

/** What was removed from a host. */
export interface Reconciled {
  /** Of sessions that are over, and those that nobody knows. */
  readonly sandboxes: number;
  /** Sessions whose directories were taken away: they are over, or went on elsewhere. */
  readonly sessions: number;
  /** Journals and ways out of sandboxes that have ended. */
  readonly leftovers: number;
}

/** One round of the janitor, host by host; `unreachable` is one that did not finish it. */
export type JanitorReport = Readonly<Record<string, Reconciled | 'unreachable'>>;
