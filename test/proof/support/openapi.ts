/** The part of OpenAPI 3.0 that the service's document uses. */
export interface Schema {
  $ref?: string;
  type?: 'string' | 'number' | 'integer' | 'boolean' | 'array' | 'object';
  nullable?: boolean;
  enum?: unknown[];
  format?: string;
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  maxItems?: number;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  oneOf?: Schema[];
  example?: unknown;
  default?: unknown;
  description?: string;
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  schema: Schema;
}

type Content = Record<string, { schema: Schema }>;

/** One method at one path. */
export interface Operation {
  operationId: string;
  method: string;
  /** With parameters as `{name}`. */
  path: string;
  /** Empty: no token is needed. */
  security: object[];
  /** What a token must carry; absent where the route itself decides. */
  'x-permissions'?: string[];
  parameters: Parameter[];
  requestBody?: { content: Content };
  responses: Record<string, { content?: Content }>;
}

const FORM = 'application/x-www-form-urlencoded';

/** Bodies are JSON, but for the forms of OAuth. */
export function bodyTypeOf({ requestBody }: Operation): 'application/json' | typeof FORM {
  return requestBody && FORM in requestBody.content ? FORM : 'application/json';
}

interface Document {
  paths: Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>;
  components: { schemas: Record<string, Schema> };
}

/** The document as the service serves it. */
export class Api {
  readonly operations: Operation[];
  private readonly schemas: Record<string, Schema>;

  constructor({ paths, components }: Document) {
    this.schemas = components.schemas;
    this.operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ ...operation, method: method.toUpperCase(), path })),
    );
  }

  static async of(url: string): Promise<Api> {
    return new Api((await (await fetch(`${url}/openapi.json`)).json()) as Document);
  }

  resolve(schema: Schema): Schema {
    if (schema.$ref === undefined) return schema;
    const found = this.schemas[schema.$ref.replace('#/components/schemas/', '')];
    if (!found) throw new Error(`${schema.$ref} leads nowhere`);
    return found;
  }

  /** The schema of the body that an operation takes, if it takes one. */
  bodyOf(operation: Operation): Schema | null {
    const schema = operation.requestBody?.content[bodyTypeOf(operation)]?.schema;
    return schema ? this.resolve(schema) : null;
  }
}
