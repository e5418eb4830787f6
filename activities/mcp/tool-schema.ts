import type { JsonObject } from '../../workflows/contract/records.js';

const TYPES = new Set(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']);
const DEEPEST = 24;
/** What providers accept as the name of an argument. */
const ARGUMENT = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * Whether a schema can be given to a model provider: one that it refuses would fail every request of the session. It must be
 * of an object, without alternatives at its top, and of the form JSON Schema has. Pure.
 */
export function isUsableSchema(schema: unknown): schema is JsonObject {
  if (!isObject(schema) || schema['type'] !== 'object') return false;
  if (['oneOf', 'anyOf', 'allOf', '$ref'].some((key) => key in schema)) return false;
  const properties = schema['properties'];
  if (properties !== undefined && !(isObject(properties) && Object.keys(properties).every((name) => ARGUMENT.test(name)))) return false;
  return isSchema(schema, 0);
}

function isSchema(schema: unknown, depth: number): boolean {
  if (typeof schema === 'boolean') return true;
  if (!isObject(schema) || depth > DEEPEST) return false;
  const inner = (value: unknown) => isSchema(value, depth + 1);
  return Object.entries(schema).every(([key, value]) => {
    switch (key) {
      case 'type':
        return isType(value) || (Array.isArray(value) && value.length > 0 && value.every(isType));
      case 'properties':
      case 'patternProperties':
      case '$defs':
      case 'definitions':
        return isObject(value) && Object.values(value).every(inner);
      case 'required':
        return Array.isArray(value) && value.every((name) => typeof name === 'string');
      case 'enum':
        return Array.isArray(value);
      case 'oneOf':
      case 'anyOf':
      case 'allOf':
      case 'prefixItems':
        return Array.isArray(value) && value.length > 0 && value.every(inner);
      case 'items':
        return Array.isArray(value) ? value.every(inner) : inner(value);
      case 'additionalProperties':
      case 'not':
      case 'if':
      case 'then':
      case 'else':
      case 'contains':
      case 'propertyNames':
        return inner(value);
      case '$ref':
        return typeof value === 'string' && value.startsWith('#');
      case 'pattern':
      case 'title':
      case 'description':
      case 'format':
        return typeof value === 'string';
      default:
        return true;
    }
  });
}

const isType = (value: unknown): boolean => typeof value === 'string' && TYPES.has(value);

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null && !Array.isArray(value);
