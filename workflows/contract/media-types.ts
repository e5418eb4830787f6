/** Extensions whose type matters here: what models read, and what people open. The first of a type is the one it is given. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  log: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  htm: 'text/html',
  css: 'text/css',
  js: 'text/javascript',
  ts: 'text/x-typescript',
  py: 'text/x-python',
  sh: 'text/x-shellscript',
  yaml: 'text/yaml',
  yml: 'text/yaml',
  json: 'application/json',
  jsonl: 'application/jsonl',
  xml: 'application/xml',
  pdf: 'application/pdf',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  svg: 'image/svg+xml',
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  mp4: 'video/mp4',
  zip: 'application/zip',
  gz: 'application/gzip',
  tar: 'application/x-tar',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  pptx: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  ipynb: 'application/x-ipynb+json',
};

export const UNKNOWN_TYPE = 'application/octet-stream';

/** The type that a file's name promises, `application/octet-stream` where it promises none. */
export function mimeTypeOf(filename: string): string {
  const extension = /\.([0-9A-Za-z]{1,10})$/.exec(filename)?.[1]?.toLowerCase() ?? '';
  return Object.hasOwn(BY_EXTENSION, extension) ? (BY_EXTENSION[extension] ?? UNKNOWN_TYPE) : UNKNOWN_TYPE;
}

/** `.png` for `image/png`; empty where no extension is known. */
export function extensionOf(mimeType: string): string {
  const found = Object.entries(BY_EXTENSION).find(([, type]) => type === mimeType)?.[0];
  return found === undefined ? '' : `.${found}`;
}
