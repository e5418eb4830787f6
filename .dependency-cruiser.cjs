/**
 * Who may import whom: section 4 of the design, as rules. `test/architecture/boundaries.test.ts` runs them, and shows for each
 * that it finds a planted violation. Type-only imports count as imports.
 */
const tests = '(^test/|\\.test\\.ts$)';
/** Matches a package wherever npm put it. */
const packageNamed = (names) => `(^|/)node_modules/(${names})/`;

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle cannot be understood, or tested, one file at a time.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'everything-resolves',
      comment: 'An import that leads nowhere is an edge that no other rule sees.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'contract-is-a-leaf',
      comment: 'Everybody imports the contract, so it imports nobody; zod is its only package.',
      from: { path: '^workflows/contract/', pathNot: tests },
      to: { pathNot: ['^workflows/contract/', packageNamed('zod')] },
    },
    {
      name: 'workflow-code-is-deterministic',
      comment: 'Workflow code imports workflows/ and the two Temporal packages that run inside a workflow; not even types of anything else.',
      from: { path: '^workflows/(session/|janitor/|index)', pathNot: tests },
      to: { pathNot: ['^workflows/', packageNamed('@temporalio/(workflow|common)')] },
    },
    {
      name: 'no-schemas-in-workflow-code',
      comment: 'Schemas are used at the doors. Their types may be imported, their values would bring zod into the bundle.',
      from: { path: '^workflows/(session/|janitor/|index)', pathNot: tests },
      to: { path: '^workflows/contract/(schema/|ids)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'activities-get-their-parts-as-arguments',
      comment: 'Activities know ports; what is behind them is put together in apps/worker/compose.ts.',
      from: { path: '^activities/', pathNot: tests },
      to: { path: '^(apps|infra|scripts|bench|examples)/' },
    },
    {
      name: 'activities-know-the-contract-only',
      comment: 'Activities and the loop meet in workflows/contract.',
      from: { path: '^activities/' },
      to: { path: '^workflows/', pathNot: '^workflows/contract/' },
    },
    {
      name: 'infra-is-below',
      comment: 'Infrastructure serves whoever asks; it knows the contract and nobody who uses it.',
      from: { path: '^infra/', pathNot: tests },
      to: { path: '^(apps|activities|workflows|bench|examples)/', pathNot: '^workflows/contract/' },
    },
    {
      name: 'apps-start-workflows-by-name',
      comment: 'Programs know the contract; the workflow code itself is loaded from its bundle.',
      from: { path: '^apps/' },
      to: { path: '^workflows/', pathNot: '^workflows/contract/' },
    },
    {
      name: 'programs-are-separate',
      comment: 'What two programs share belongs below them. The command line starts the others as processes.',
      from: { path: '^apps/([^/]+)/', pathNot: tests },
      to: { path: '^apps/', pathNot: '^apps/$1/' },
    },
    {
      name: 'the-supervisor-brings-little',
      comment: 'It runs inside every sandbox: the protocol it shares with its client, and no infrastructure.',
      from: { path: '^apps/supervisor/', pathNot: tests },
      to: { path: '^(infra|scripts|activities/(?!sandbox/))' },
    },
    {
      name: 'scripts-run-on-plain-node',
      comment: 'Set-up runs before anything is installed: Node only, and the image recipe.',
      from: { path: '^scripts/setup/' },
      to: { dependencyTypesNot: ['core'], pathNot: '^(scripts/setup/|infra/sandbox-image/identity\\.mjs$)' },
    },
    {
      name: 'scripts-are-for-the-stack',
      comment: 'Only the embedded stack and the settings reuse what set-up knows.',
      from: { path: '^(apps|activities|workflows|infra/(?!dev/|config/))', pathNot: tests },
      to: { path: '^scripts/' },
    },
    {
      name: 'nothing-needs-tests',
      comment: 'What is shipped works without test/.',
      from: { path: '^(apps|activities|workflows|infra|scripts|examples)/', pathNot: '\\.test\\.ts$' },
      to: { path: tests },
    },
    {
      name: 'postgres-in-its-folder',
      comment: 'SQL has one home; the others call a repository.',
      from: { pathNot: ['^infra/postgres/', tests, '^bench/'] },
      to: { path: packageNamed('pg') },
    },
    {
      name: 'anthropic-in-its-adapters',
      comment: 'A vendor is replaceable as long as one file knows it.',
      from: { pathNot: ['/anthropic[-a-z]*\\.(adapter|errors)\\.ts$', tests, '^examples/', '^bench/'] },
      to: { path: packageNamed('@anthropic-ai/[^/]+') },
    },
    {
      name: 'openai-in-its-adapters',
      comment: 'A vendor is replaceable as long as one file knows it.',
      from: { pathNot: ['/openai[-a-z]*\\.(adapter|errors)\\.ts$', tests] },
      to: { path: packageNamed('openai') },
    },
    {
      name: 'docker-in-its-adapters',
      comment: 'A vendor is replaceable as long as one file knows it.',
      from: { pathNot: ['/docker[-a-z]*\\.adapter\\.ts$', tests, '^bench/'] },
      to: { path: packageNamed('dockerode|@types/dockerode') },
    },
    {
      name: 's3-in-its-adapters',
      comment: 'A vendor is replaceable as long as one file knows it.',
      from: { pathNot: ['/s3[-a-z]*\\.adapter\\.ts$', tests] },
      to: { path: packageNamed('@aws-sdk/[^/]+') },
    },
    {
      name: 'x509-in-its-adapters',
      comment: 'Certificates are made in one place.',
      from: { pathNot: ['/x509[-a-z]*\\.adapter\\.ts$', tests] },
      to: { path: packageNamed('@peculiar/[^/]+') },
    },
    {
      name: 'mcp-in-its-adapters',
      comment: 'A vendor is replaceable as long as one file knows it.',
      from: { pathNot: ['/mcp[-a-z]*\\.adapter\\.ts$', tests] },
      to: { path: packageNamed('@modelcontextprotocol/[^/]+') },
    },
    {
      name: 'requests-through-the-guard',
      comment: 'Whoever connects somewhere on behalf of a session asks the address guard first; two files and the way out of the sandboxes make connections.',
      from: { pathNot: ['^activities/web/guarded-(fetch|connector)\\.ts$', '^apps/egress/', tests] },
      to: { path: packageNamed('undici') },
    },
    {
      name: 'nest-in-the-gateway',
      comment: 'Containers and decorators end where HTTP ends. The certificate library needs the same reflection.',
      from: { pathNot: ['^apps/gateway/', '/x509\\.adapter\\.ts$', tests] },
      to: { path: packageNamed('@nestjs/[^/]+|express|@types/express|reflect-metadata|rxjs') },
    },
    {
      name: 'temporal-client-in-its-folder',
      comment: 'The gateway and the worker talk to Temporal through infra/temporal; infra/dev prepares the server.',
      from: { pathNot: ['^infra/(temporal|dev)/', tests, '^bench/'] },
      to: { path: packageNamed('@temporalio/client') },
    },
    {
      name: 'temporal-activity-at-the-boundary',
      comment: 'An activity is an ordinary function; activities/boundary.ts alone knows that Temporal runs it.',
      from: { pathNot: ['^activities/boundary\\.ts$', tests] },
      to: { path: packageNamed('@temporalio/activity') },
    },
    {
      name: 'temporal-worker-in-the-worker',
      comment: 'The worker hosts workflow code; a build step bundles it.',
      from: { pathNot: ['^apps/worker/', '^scripts/bundle-workflows\\.mjs$', tests, '^bench/'] },
      to: { path: packageNamed('@temporalio/worker') },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    // Packages whose paths exist by their `exports` only.
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
};
