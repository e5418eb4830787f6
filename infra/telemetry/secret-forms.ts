/**
 * The ways in which a secret is written down by those who quote it: as it is, in JSON once and twice, in an address or a
 * form, and in base64 wherever it lies in the encoded text.
 */
export function formsOfSecret(secret: string): Set<string> {
  const inJson = JSON.stringify(secret).slice(1, -1);
  const inAddress = encodeURIComponent(secret.toWellFormed());
  const inForm = new URLSearchParams([['', secret]]).toString().slice(1);
  return new Set([
    secret,
    inJson,
    JSON.stringify(inJson).slice(1, -1),
    ...[inAddress, inForm].flatMap((text) => [text, text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())]),
    ...[0, 1, 2].flatMap((offset) => base64At(secret, offset)),
  ]);
}

/**
 * The part of the base64 of a longer text that this secret alone decides, where `offset` bytes of the last group stand before it.
 * A text that ends with the secret is covered too: what is cut off at the end are bits of one character.
 */
function base64At(secret: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret, 'utf8')]);
  const whole = Math.floor((bytes.length * 8) / 6);
  const text = bytes
    .toString('base64')
    .slice(0, whole)
    .slice(Math.ceil((offset * 8) / 6));
  return [text, text.replaceAll('+', '-').replaceAll('/', '_')];
}
