import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CallModelResult, OpenCall, TurnProgress } from '../contract/activities.js';
import { apply, begin, initialState, nextEffect, type Outcome, REPEATED_CALL_LIMIT, type SessionState } from './turn.js';

const NOW = 1_000_000;
const progress = (change: Partial<TurnProgress> = {}): TurnProgress => ({ turn: 1, steps: 1, tokens: 100, limits: { maxSteps: 10 }, ...change });
const aCall = (id: string, change: Partial<OpenCall> = {}): OpenCall => ({ id, ordinal: 1, name: 'read', gate: 'run', serial: false, ...change });
const replied = (change: Partial<Extract<CallModelResult, { kind: 'replied' }>> = {}): Outcome => ({
  type: 'model',
  result: { kind: 'replied', epoch: 1, step: 1, progress: progress(), calls: [], modelDue: false, inputTokens: 1, outputTokens: 1, ...change },
});
const idle: SessionState = { ...initialState, epoch: 1, step: 1, modelDue: false, progress: progress() };

describe('the turn', () => {
  it('begins a run by asking the model in a new epoch', () => {
    expect(nextEffect(initialState, NOW)).toEqual({ type: 'call_model', epoch: null, step: 1 });
  });

  it('waits for input after an answer without calls', () => {
    expect(nextEffect(apply(initialState, replied()), NOW)).toEqual({ type: 'wait', for: 'input' });
  });

  it('runs calls that change the workspace in order and the others beside them', () => {
    const state = apply(initialState, replied({ calls: [aCall('a', { serial: true }), aCall('b'), aCall('c', { serial: true })], modelDue: true }));
    const effect = nextEffect(state, NOW);
    expect(effect.type === 'run_tools' && [effect.serial.map(({ id }) => id), effect.parallel.map(({ id }) => id)]).toEqual([['a', 'c'], ['b']]);
  });

  it('runs calls that are allowed before it announces those that wait for a person', () => {
    const state = apply(initialState, replied({ calls: [aCall('a'), aCall('b', { gate: 'ask' })], modelDue: true }));
    expect(nextEffect(state, NOW).type).toBe('run_tools');
    const after = apply(state, { type: 'tools', results: [{ callId: 'a', result: { kind: 'done', outcome: 'completed', isError: false } }] });
    expect(nextEffect(after, NOW)).toEqual({ type: 'settle', epoch: 1, decisions: [], expireBy: null });
  });

  it('waits for a decision no longer than its time allows', () => {
    const call = aCall('a', { gate: 'ask', decideBy: NOW + 5_000 });
    const waiting = apply(idle, { type: 'settled', result: { kind: 'settled', calls: [call], modelDue: true, rejected: [] } });
    expect(nextEffect(waiting, NOW)).toEqual({ type: 'wait', for: 'decision', until: NOW + 5_000 });
    expect(nextEffect(waiting, NOW + 5_000)).toMatchObject({ type: 'settle', expireBy: NOW + 5_000 });
  });

  it('looks at the rows after an interrupt, whatever it was doing', () => {
    expect(nextEffect({ ...idle, look: true, calls: [aCall('a')] }, NOW)).toEqual({ type: 'seal', epoch: 1, cause: null });
  });

  it('ends the turn at its step limit instead of asking again', () => {
    const state = apply(idle, replied({ modelDue: true, progress: progress({ steps: 10 }) }));
    expect(nextEffect(state, NOW)).toEqual({ type: 'seal', epoch: 1, cause: 'max_steps' });
  });

  it('ends the turn at its token limit', () => {
    const state = apply(idle, replied({ modelDue: true, progress: progress({ tokens: 500, limits: { maxSteps: 10, maxTokens: 500 } }) }));
    expect(nextEffect(state, NOW)).toEqual({ type: 'seal', epoch: 1, cause: 'max_tokens' });
  });

  it('ends the turn at its deadline even while a person is waited for', () => {
    const call = aCall('a', { gate: 'ask' });
    const state = { ...idle, calls: [call], waitAnnounced: true, progress: progress({ limits: { maxSteps: 10, deadline: NOW } }) };
    expect(nextEffect(state, NOW)).toEqual({ type: 'seal', epoch: 1, cause: 'max_seconds' });
  });

  it('ends the turn when the model repeats the same calls five times', () => {
    let state: SessionState = idle;
    for (let time = 1; time <= REPEATED_CALL_LIMIT; time += 1) {
      expect(state.end).toBeNull();
      state = apply(state, replied({ calls: [aCall(`a${time}`)], modelDue: true, callsDigest: 'same' }));
    }
    expect(nextEffect(state, NOW)).toEqual({ type: 'seal', epoch: 1, cause: 'repeated_call' });
  });

  it('does not count repeats across a different call', () => {
    const digests = ['same', 'same', 'other', 'same', 'same'];
    const state = digests.reduce((next, callsDigest) => apply(next, replied({ calls: [aCall('a')], callsDigest })), idle);
    expect(state.end).toBeNull();
  });

  it('ends the turn when the first call of a run fails, instead of asking again', () => {
    const state = apply(initialState, { type: 'model', result: { kind: 'failed', cause: 'model_request_failed' } });
    expect(nextEffect(state, NOW)).toEqual({ type: 'seal', epoch: null, cause: 'model_request_failed' });
  });

  it('does not hold the deadline of a turn that is over against the next', () => {
    const over = { ...idle, progress: progress({ limits: { maxSteps: 10, deadline: NOW - 1 } }) };
    expect(nextEffect({ ...over, wake: true }, NOW)).toEqual({ type: 'call_model', epoch: 1, step: 2 });
  });

  it('applies answers that were accepted before the run began, before it does anything else', () => {
    const result = { kind: 'standing' as const, epoch: 2, step: 1, progress: progress(), calls: [aCall('a')], answersWaiting: true, modelDue: true };
    expect(nextEffect(apply(idle, { type: 'model', result }), NOW)).toMatchObject({ type: 'settle' });
  });

  it('looks at the outputs once a turn that may have changed the workspace is over, and then waits', () => {
    const ran = apply(begin(idle, { type: 'run_tools', epoch: 1, step: 1, serial: [aCall('a', { serial: true })], parallel: [] }), replied());
    expect(nextEffect(ran, NOW)).toEqual({ type: 'collect_outputs' });
    expect(nextEffect({ ...ran, wake: true }, NOW).type).toBe('call_model');
    expect(nextEffect(apply(ran, { type: 'outputs_collected' }), NOW)).toEqual({ type: 'wait', for: 'input' });
  });

  it('does not look at the outputs after calls that only read', () => {
    const ran = apply(begin(idle, { type: 'run_tools', epoch: 1, step: 1, serial: [], parallel: [aCall('a')] }), replied());
    expect(nextEffect(ran, NOW)).toEqual({ type: 'wait', for: 'input' });
  });

  it('finishes only when the session is terminated', () => {
    expect(nextEffect(apply(idle, { type: 'sealed', result: { kind: 'terminated' } }), NOW)).toEqual({ type: 'finish' });
  });
});

describe('the turn under any order of outcomes and messages', () => {
  const call = fc.record({
    id: fc.constantFrom('a', 'b', 'c', 'd'),
    ordinal: fc.nat(4),
    name: fc.constantFrom('bash', 'read'),
    gate: fc.constantFrom('run' as const, 'ask' as const, 'client' as const),
    serial: fc.boolean(),
  });
  const calls = fc.uniqueArray(call, { selector: ({ id }) => id, maxLength: 4 });
  const message = fc.constantFrom<Partial<SessionState>>({ wake: true }, { wake: true, look: true }, { decisions: [{ toolUseId: 'a', result: 'allow' }] }, {});
  const world = fc.record({ calls, modelDue: fc.boolean(), superseded: fc.boolean(), message });

  it('never runs a call that waits, never asks the model while calls are open, and always has something to do or to wait for', () => {
    fc.assert(
      fc.property(fc.array(world, { minLength: 1, maxLength: 40 }), (moments) => {
        let state: SessionState = initialState;
        for (const moment of moments) {
          state = { ...state, ...moment.message };
          const effect = nextEffect(state, NOW);
          if (effect.type === 'finish') return;
          if (effect.type === 'run_tools') expect([...effect.serial, ...effect.parallel].every(({ gate }) => gate === 'run')).toBe(true);
          if (effect.type === 'call_model' && state.epoch !== null) expect(state.calls).toEqual([]);
          if (effect.type === 'wait') expect(state.calls.every(({ gate }) => gate !== 'run') && !state.look).toBe(true);
          state = begin(state, effect);
          const outcome = answer(effect, moment);
          if (outcome) state = apply(state, outcome);
        }
      }),
      { numRuns: 500 },
    );
  });

  function answer(effect: ReturnType<typeof nextEffect>, moment: { calls: OpenCall[]; modelDue: boolean; superseded: boolean }): Outcome | undefined {
    switch (effect.type) {
      case 'call_model':
        if (moment.superseded) return { type: 'model', result: { kind: 'superseded' } };
        return replied({ epoch: effect.epoch ?? 1, step: effect.step, calls: moment.calls, modelDue: moment.modelDue || moment.calls.length > 0 });
      case 'run_tools':
        return {
          type: 'tools',
          results: [...effect.serial, ...effect.parallel].map(({ id }) => ({
            callId: id,
            result: moment.superseded ? { kind: 'superseded' as const } : { kind: 'done' as const, outcome: 'completed' as const, isError: false },
          })),
        };
      case 'settle':
        return {
          type: 'settled',
          result: moment.superseded ? { kind: 'superseded' } : { kind: 'settled', calls: moment.calls, modelDue: moment.modelDue, rejected: [] },
        };
      case 'seal':
        return {
          type: 'sealed',
          result: {
            kind: 'standing',
            epoch: (effect.epoch ?? 0) + 1,
            step: 0,
            progress: progress(),
            calls: [],
            answersWaiting: false,
            modelDue: moment.modelDue,
          },
        };
      case 'collect_outputs':
        return moment.superseded ? undefined : { type: 'outputs_collected' };
      case 'wait':
      case 'finish':
        return undefined;
    }
  }
});
