/** Encodings a page may name in itself; only its beginning is looked at. */
const META_CHARSET = /<meta[^>]{1,200}charset\s*=\s*["']?\s*([\w:-]{1,40})/i;

/** The media type of a Content-Type header in lower case, and its charset. Pure. */
export function parseContentType(header: string | null): { readonly mediaType: string; readonly charset: string | undefined } {
  const [mediaType = '', ...parameters] = (header ?? '').split(';');
  const charset = parameters.map((parameter) => /^\s*charset\s*=\s*"?([\w:-]{1,40})"?\s*$/i.exec(parameter)?.[1]).find(Boolean);
  return { mediaType: mediaType.trim().toLowerCase(), charset };
}

/** Bytes as text: by the charset that was said, else by the one an HTML page names itself, else UTF-8. Pure. */
export function decodeText(bytes: Uint8Array, charset: string | undefined): string {
  const named = charset ?? META_CHARSET.exec(Buffer.from(bytes.subarray(0, 2_048)).toString('latin1'))?.[1];
  return decoderOf(named).decode(bytes);
}

function decoderOf(charset: string | undefined): { decode(bytes: Uint8Array): string } {
  try {
    return new TextDecoder(charset ?? 'utf-8');
  } catch {
    return new TextDecoder('utf-8');
  }
}

/** Whether a media type is text that is shown as it is. Pure. */
export const isPlainText = (mediaType: string): boolean =>
  mediaType.startsWith('text/') ||
  /^application\/(json|xml|javascript|ecmascript|x-ndjson|yaml|x-yaml|toml|sql|graphql|[\w.+-]+\+(json|xml|yaml))$/.test(mediaType);
