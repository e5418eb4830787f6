import { writeFileSync } from 'node:fs';
import { environmentExample } from './environment-example.js';

writeFileSync('.env.example', environmentExample());
