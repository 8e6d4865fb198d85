import { ValidationPipe, type ValidationError } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { Matches, ValidateIf, type ValidationOptions } from 'class-validator';
import { invalidFields, type FieldError } from './problem.js';

/** One entry per message, the field as a path: `roles.0`. Values are never repeated, since they may be secrets. */
export function fieldErrors(errors: ValidationError[], path = ''): FieldError[] {
  return errors.flatMap((error) => {
    const field = path === '' ? error.property : `${path}.${error.property}`;
    const own = Object.values(error.constraints ?? {}).map((message) => ({
      field,
      message: message.startsWith(`${error.property} `) ? message.slice(error.property.length + 1) : message,
    }));
    return [...own, ...fieldErrors(error.children ?? [], field)];
  });
}

/** Enough to mend a request by; more would be an amplifier. */
const MOST_ERRORS = 50;

/** Unknown fields are refused rather than dropped: a misspelt field must not look as if it had worked. */
export const validationPipe = (): ValidationPipe =>
  new ValidationPipe({
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    transform: true,
    stopAtFirstError: false,
    validationError: { target: false, value: false },
    exceptionFactory: (errors) => invalidFields(fieldErrors(errors).slice(0, MOST_ERRORS)),
  });

/** May be left out. Unlike class-validator's IsOptional it does not let null pass, which code that asks for undefined would take for a value. */
export const Optional = (): PropertyDecorator => ValidateIf((_, value) => value !== undefined);

/** For what is looked for. Postgres cannot store NUL, and no control character has a place in a name or an address. */
export const NoControlCharacters = (options: ValidationOptions = {}): PropertyDecorator =>
  Matches(/^\P{Cc}*$/u, { message: '$property must not contain control characters', ...options });

/**
 * Text without control characters, separators of lines, and what is not seen itself but changes what is seen: characters that turn the direction of
 * text (CVE-2021-42574), invisible ones. Joiners stay, which scripts and emoji need, and so do tags, of which flags are made.
 */
const PLAIN_TEXT = /^[^\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]*$/u;

/** For names and other text that is stored for people to read. */
export const PlainText = (): PropertyDecorator =>
  Matches(PLAIN_TEXT, { message: '$property must not contain control characters, nor invisible ones' });

/** The value as it was sent, for what is looked through by hand: class-transformer leaves out members that are named like methods. */
export const AsSent = (): PropertyDecorator =>
  Transform(({ obj, key }) => (obj as Record<string, unknown>)[key], { toClassOnly: true });
