import { describeInside } from './inside.suite.js';

describeInside('docker-runsc');
