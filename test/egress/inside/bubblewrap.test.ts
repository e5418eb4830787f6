import { describeInside } from './inside.suite.js';

describeInside('bubblewrap');
