import Anthropic from '@anthropic-ai/sdk';

/**
 * A worker of a self-hosted environment as the SDK's users run it, unmodified; started as a process of its own. The API key
 * is not one: all that it does it does with the environment's key and with what the queue gives it.
 */
const { WORKER_BASE_URL: baseURL, WORKER_ENVIRONMENT: environmentId, WORKER_KEY: environmentKey, WORKER_FOLDER: workdir, WORKER_HELPER: helper } = process.env;
if (!baseURL || !environmentId || !environmentKey || !workdir) throw new Error('The worker was not told what to work for.');

const maxIdleMs = 2_000;
const client = new Anthropic({ apiKey: 'not-a-key', baseURL });
console.log('environment worker started');

if (helper === 'toolRunner') {
  const { betaAgentToolset20260401 } = await import('@anthropic-ai/sdk/tools/agent-toolset/node');
  const byKey = new Anthropic({ authToken: environmentKey, apiKey: null, baseURL });
  for await (const work of client.beta.environments.work.poller({ environmentId, environmentKey })) {
    if (work.data.type !== 'session') continue;
    const tools = betaAgentToolset20260401({ workdir });
    for await (const call of byKey.beta.sessions.events.toolRunner(work.data.id, { tools, maxIdleMs })) console.log(`${call.name} done`);
  }
} else {
  await client.beta.environments.work.worker({ environmentId, environmentKey, workdir, maxIdleMs }).run();
}
