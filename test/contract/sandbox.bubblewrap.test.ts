import { describeSandboxProvider } from './sandbox.suite.js';

describeSandboxProvider('bubblewrap');
