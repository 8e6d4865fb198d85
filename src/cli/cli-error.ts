/** Something that the operator can do something about; the message says what. */
export class CliError extends Error {
  override readonly name = 'CliError';
}
