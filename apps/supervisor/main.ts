import { parseArgs } from 'node:util';
import * as z from 'zod/mini';
import english from 'zod/v4/locales/en.js';
import { bridge } from './bridge.js';
import { serve } from './serve.js';

// What the model is told of an input that is wrong; the small zod has no words of its own.
z.config(english());

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    workspace: { type: 'string', default: '/workspace' },
    mounts: { type: 'string', default: '/mnt' },
    journal: { type: 'string', default: '/run/rondo/journal' },
    socket: { type: 'string', default: '/run/rondo/socket/supervisor.sock' },
    dial: { type: 'string' },
  },
});

switch (positionals[0]) {
  case 'serve':
    serve({ workspace: values.workspace, mounts: values.mounts, journal: values.journal, socket: values.socket, dial: values.dial });
    break;
  case 'bridge':
    bridge(values.socket);
    break;
  default:
    process.stderr.write('usage: supervisor (serve [--dial DIRECTORY] | bridge) [--socket PATH]\n');
    process.exitCode = 64;
}
