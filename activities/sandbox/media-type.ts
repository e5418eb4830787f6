/** Kinds of file that a model can be shown. */
export type MediaType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp' | 'application/pdf';

/** What the first twelve bytes say a file is, whatever its name or sender says; undefined for everything else. Pure. */
export function sniffMediaType(head: Uint8Array): MediaType | undefined {
  const ascii = Buffer.from(head.subarray(0, 12)).toString('latin1');
  if (ascii.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (ascii.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (ascii.startsWith('GIF87a') || ascii.startsWith('GIF89a')) return 'image/gif';
  if (ascii.startsWith('RIFF') && ascii.slice(8, 12) === 'WEBP') return 'image/webp';
  return ascii.startsWith('%PDF-') ? 'application/pdf' : undefined;
}
