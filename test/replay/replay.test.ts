import { beforeAll, describe, expect, it } from 'vitest';
import type { RecordedEvent, RecordedHistory } from '../support/temporal.js';
import { keptNames, readKept } from './kept-histories.js';
import { payloadTexts } from './payloads.js';
import { createReplayer } from './replayer.js';
import { CONTENT } from './scenarios.js';

const NAMES = ['approval', 'continue-as-new-1', 'continue-as-new-2', 'interrupt', 'plain', 'retried', 'tools'];

let replay: (history: RecordedHistory) => Promise<void>;

beforeAll(async () => {
  replay = await createReplayer();
});

/** The attributes of an event, whatever its type. */
const attributesOf = (event: RecordedEvent): Record<string, unknown> =>
  (Object.entries(event).find(([name]) => name.endsWith('EventAttributes'))?.[1] ?? {}) as Record<string, unknown>;

const activityOf = (event: RecordedEvent): string | undefined => (attributesOf(event)['activityType'] as { name?: string } | undefined)?.name;

const ofType = (name: string, type: string): RecordedEvent[] => readKept(name).events.filter(({ eventType }) => eventType === `EVENT_TYPE_${type}`);

describe('the kept histories', () => {
  it('are seven', () => {
    expect(keptNames()).toEqual(NAMES);
  });

  it.each(NAMES)('%s replays over the workflow code of today', async (name) => {
    await replay(readKept(name));
  });

  it.each(NAMES)('%s does not replay once its first activity has another name', async (name) => {
    const { events } = structuredClone(readKept(name));
    const scheduled = events.find(({ eventType }) => eventType === 'EVENT_TYPE_ACTIVITY_TASK_SCHEDULED');
    if (!scheduled) throw new Error(`${name} has no activity`);
    attributesOf(scheduled)['activityType'] = { name: 'anotherActivity' };
    await expect(replay({ events })).rejects.toThrow(/[Nn]ondeterminism|TMPRL1100|another/);
  });

  it('do not replay when a step of them is missing', async () => {
    const { events } = readKept('tools');
    const runTool = events.findIndex((event) => activityOf(event) === 'runTool');
    const callModel = events.findIndex((event, index) => index > runTool && activityOf(event) === 'callModel');
    const renamed = events.map((event, index) => (index === callModel ? withActivity(event, 'settle') : event));
    await expect(replay({ events: renamed })).rejects.toThrow();
  });

  it('show what they were recorded for', () => {
    expect(ofType('plain', 'ACTIVITY_TASK_SCHEDULED').map(activityOf)).toEqual(['callModel']);
    expect(ofType('tools', 'ACTIVITY_TASK_SCHEDULED').filter((event) => activityOf(event) === 'runTool')).toHaveLength(10);
    expect(ofType('approval', 'WORKFLOW_EXECUTION_UPDATE_COMPLETED')).toHaveLength(1);
    const cancelled = ofType('interrupt', 'ACTIVITY_TASK_CANCEL_REQUESTED').map((event) => attributesOf(event)['scheduledEventId']);
    const byId = new Map(readKept('interrupt').events.map((event) => [event.eventId, activityOf(event)]));
    expect(cancelled.map((id) => byId.get(String(id)))).toContain('runTool');
    expect(ofType('continue-as-new-1', 'WORKFLOW_EXECUTION_CONTINUED_AS_NEW')).toHaveLength(1);
    const retried = ofType('retried', 'ACTIVITY_TASK_STARTED').map((event) => Number(attributesOf(event)['attempt']));
    expect(Math.max(...retried)).toBe(3);
  });

  it('continue as new with two approvals pending', () => {
    const [started] = ofType('continue-as-new-2', 'WORKFLOW_EXECUTION_STARTED');
    const [input] = payloadTexts(started).map((text) => JSON.parse(text) as { carry?: { state: { state: { calls: { gate: string; decideBy: number }[] } } } });
    const calls = input?.carry?.state.state.calls ?? [];
    expect(calls.map(({ gate }) => gate)).toEqual(['ask', 'ask']);
    for (const { decideBy } of calls) expect(decideBy).toBeGreaterThan(Date.UTC(2026, 0));
    const doors = [...ofType('continue-as-new-2', 'WORKFLOW_EXECUTION_SIGNALED')].map((event) => attributesOf(event)['signalName']);
    expect(doors).toEqual(expect.arrayContaining(['wake', 'approve']));
  });
});

const withActivity = (event: RecordedEvent, name: string): RecordedEvent => ({
  ...event,
  activityTaskScheduledEventAttributes: { ...attributesOf(event), activityType: { name } },
});

describe('what a history holds', () => {
  it.each(NAMES)('%s: ids, counts and verdicts; no prompt, argument, output, answer, reason or error text', (name) => {
    const history = readKept(name);
    const texts = [...history.events.map((event) => JSON.stringify(event)), ...payloadTexts(history)];
    expect(texts.length).toBeGreaterThan(history.events.length + 5);
    expect(texts.filter((text) => CONTENT.test(text))).toEqual([]);
  });

  it('shows a planted argument, so the look above is not blind', () => {
    const data = Buffer.from(JSON.stringify({ note: 'KEPT-INPUT' })).toString('base64');
    const encoding = Buffer.from('json/plain').toString('base64');
    const { events } = readKept('plain');
    const planted = { events: [...events, { eventId: '0', eventType: 'planted', input: { payloads: [{ metadata: { encoding }, data }] } }] };
    expect(payloadTexts(planted).filter((text) => CONTENT.test(text))).toHaveLength(1);
  });

  it('is at most 20 events and 3 KB for a step with one call, and 5 events and 0.6 KB more for each further one', () => {
    const steps = stepsOf(readKept('tools'));
    expect(steps.map(({ calls }) => calls)).toEqual([1, 1, 4, 4]);
    for (const { calls, events, bytes } of steps) {
      expect(events, `events of a step with ${calls} calls`).toBeLessThanOrEqual(20 + 5 * (calls - 1));
      expect(bytes, `bytes of a step with ${calls} calls`).toBeLessThanOrEqual(3_000 + 600 * (calls - 1));
    }
  });
});

interface Step {
  readonly calls: number;
  readonly events: number;
  readonly bytes: number;
}

/**
 * The steps with calls: from one answer of the model to the next. Sizes are those the server noted when it handed the answer to
 * the workflow; at that moment nothing else is under way.
 */
function stepsOf({ events }: RecordedHistory): Step[] {
  const answers = events.flatMap((event, index) => {
    if (activityOf(event) !== 'callModel') return [];
    const taken = events.findIndex(({ eventType }, at) => at > index && eventType === 'EVENT_TYPE_WORKFLOW_TASK_STARTED');
    return [{ index: taken, bytes: Number(attributesOf(events[taken] ?? event)['historySizeBytes']) }];
  });
  return answers.slice(0, -1).map((from, position) => {
    const to = answers[position + 1] ?? from;
    const calls = events.slice(from.index, to.index).filter((event) => activityOf(event) === 'runTool').length;
    return { calls, events: to.index - from.index, bytes: to.bytes - from.bytes };
  });
}
