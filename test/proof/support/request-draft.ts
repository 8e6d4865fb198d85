import { bodyTypeOf, type Operation } from './openapi.js';
import type { WireRequest } from './wire.js';

/** A request before it is written out, so that one part of it can be made wrong and the rest stays right. */
export interface Draft {
  method: string;
  /** With parameters as `{name}`. */
  path: string;
  /** By name, as they stand in the address: percent-encoded. */
  params: Record<string, string>;
  /** What follows the `?`; empty: no `?`. */
  query: string;
  headers: [string, string][];
  /** Fields, or the bytes themselves. */
  body?: { json: Record<string, unknown> } | { bytes: Buffer };
  /** Whether fields are written as a form, and not as JSON. */
  asForm: boolean;
}

/** One way to make a request wrong, or at least odd. */
export interface Mutation {
  name: string;
  apply: (draft: Draft) => Draft;
}

/** The request that the document describes, filled with values that work. */
export function validDraft(
  operation: Operation,
  { params, json }: { params: Record<string, string>; json: Record<string, unknown> | null },
): Draft {
  return {
    method: operation.method,
    path: operation.path,
    params,
    query: '',
    headers: json ? [['Content-Type', bodyTypeOf(operation)]] : [],
    ...(json && { body: { json } }),
    asForm: bodyTypeOf(operation) !== 'application/json',
  };
}

export function written({ method, path, params, query, headers, body, asForm }: Draft): WireRequest {
  const address = path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '');
  const request = { method, target: query === '' ? address : `${address}?${query}`, headers };
  if (!body) return request;
  return {
    ...request,
    body: 'bytes' in body ? body.bytes : Buffer.from(asForm ? formOf(body.json) : JSON.stringify(body.json)),
  };
}

/** A list is a field that is there several times; what is no text is written as JSON has it. */
function formOf(fields: Record<string, unknown>): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    [value].flat().map((each): [string, string] => [name, typeof each === 'string' ? each : JSON.stringify(each)]),
  );
  return new URLSearchParams(pairs).toString();
}
