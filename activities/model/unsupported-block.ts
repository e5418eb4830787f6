import { RondoError } from '../../workflows/contract/errors.js';

/** The error for content that a provider cannot be given. */
export function unsupportedBlock(block: string, remedy: string): RondoError {
  return new RondoError('model.request_failed', `The model cannot be given ${block}; ${remedy}.`);
}

/** Narrows a source to what providers take; uploaded files must have become data before a request is made. */
export function refuseFileSource<Source extends { readonly type: string }>(block: string, source: Source): Exclude<Source, { type: 'file' }> {
  if (source.type === 'file') throw unsupportedBlock(`a block of type ${block} with a source of type file`, 'send the content as base64, text or url');
  return source as Exclude<Source, { type: 'file' }>;
}
