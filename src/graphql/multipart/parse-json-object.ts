import { multipartFault } from './multipart-fault.js';

export type JsonObject = Record<string, unknown>;

/** True for arrays too: whatever has members. */
export function isContainer(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return isContainer(value) && !Array.isArray(value);
}

/** The JSON object that the form field `field` holds, or INVALID_MULTIPART. */
export function parseJsonObject(field: 'operations' | 'map', text: string): JsonObject {
  const value = parseJson(field, text);
  if (isJsonObject(value)) return value;
  if (field === 'operations' && Array.isArray(value))
    throw multipartFault([field], 'batch_unsupported', 'Batching of operations is not supported.');
  throw multipartFault([field], 'object_expected', `"${field}" must be a JSON object.`);
}

function parseJson(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw multipartFault([field], 'json_invalid', `"${field}" is not valid JSON.`);
  }
}
