import { describeSandboxProvider } from './sandbox.suite.js';

describeSandboxProvider('docker-runsc');
