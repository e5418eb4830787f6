import { expect, it } from 'vitest';
import { nameUpload } from './uploaded-name.js';

it.each([
  [
    { filename: 'notes.txt', mimeType: 'text/plain' },
    { filename: 'notes.txt', mimeType: 'text/plain' },
  ],
  [
    { filename: '/home/me/../notes.txt', mimeType: 'text/plain' },
    { filename: 'notes.txt', mimeType: 'text/plain' },
  ],
  [
    { filename: 'C:\\Users\\me\\notes.txt', mimeType: 'text/plain' },
    { filename: 'notes.txt', mimeType: 'text/plain' },
  ],
  [
    { filename: 'a\r\nset-cookie: x.txt', mimeType: 'text/plain' },
    { filename: 'a__set-cookie: x.txt', mimeType: 'text/plain' },
  ],
  [
    { filename: 'photo.PNG', mimeType: 'application/octet-stream' },
    { filename: 'photo.PNG', mimeType: 'image/png' },
  ],
  [
    { filename: 'photo.png', mimeType: 'text/x-mine' },
    { filename: 'photo.png', mimeType: 'text/x-mine' },
  ],
  [
    { filename: 'page.txt', mimeType: 'text/html\r\nx: y' },
    { filename: 'page.txt', mimeType: 'text/plain' },
  ],
  [
    { filename: '', mimeType: 'image/png' },
    { filename: 'unnamed.png', mimeType: 'image/png' },
  ],
  [
    { filename: '', mimeType: 'application/octet-stream' },
    { filename: 'unnamed', mimeType: 'application/octet-stream' },
  ],
  [
    { filename: 'a/b/..', mimeType: 'text/plain' },
    { filename: 'unnamed.txt', mimeType: 'text/plain' },
  ],
  [
    { filename: 'dir/', mimeType: 'text/plain' },
    { filename: 'unnamed.txt', mimeType: 'text/plain' },
  ],
  [
    { filename: 'x.constructor', mimeType: 'application/octet-stream' },
    { filename: 'x.constructor', mimeType: 'application/octet-stream' },
  ],
  [
    { filename: 'Übersicht 日本.csv', mimeType: 'application/octet-stream' },
    { filename: 'Übersicht 日本.csv', mimeType: 'text/csv' },
  ],
])('keeps %j as a name without a place', (sent, kept) => {
  expect(nameUpload(sent)).toEqual(kept);
});

it('refuses a name without end', () => {
  expect(() => nameUpload({ filename: 'x'.repeat(256), mimeType: 'text/plain' })).toThrow('longer than 255');
});
