/** What /docs offers to try. */
export const INVOKE_EXAMPLES = {
  task: {
    summary: 'A task in a sandbox',
    value: {
      model: 'rehearsal/demo',
      system: 'You are a careful engineer.',
      tools: [{ type: 'agent_toolset_20260401' }],
      input: 'Write fizzbuzz.py, run it, and tell me its last line.',
    },
  },
  background: {
    summary: 'In the background, with limits',
    value: {
      model: 'claude-sonnet-5',
      input: 'Summarise what a durable workflow is in three sentences.',
      limits: { max_steps: 5, max_seconds: 120 },
      mode: 'background',
    },
  },
  approval: {
    summary: 'Every shell command waits for a person',
    value: {
      model: 'claude-sonnet-5',
      tools: [{ type: 'agent_toolset_20260401', configs: [{ name: 'bash', permission_policy: { type: 'always_ask' } }] }],
      input: 'How much disk space is free?',
      timeout_seconds: 30,
    },
  },
  goOn: {
    summary: 'Go on with a session',
    value: { session_id: 'sesn_01KAN0000000000000000000AA', input: 'Now add a test for it.' },
  },
};
