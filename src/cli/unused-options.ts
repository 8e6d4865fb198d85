import type { Command } from 'commander';

/**
 * Ends a command as one that was not understood when it was given options that would have no effect: who gives one means something by it.
 *
 * @param names of options, as `opts()` has them
 * @param needed the option without which they have no effect
 */
export function requireUnused(command: Command, names: readonly string[], needed: string): void {
  for (const option of command.options) {
    const name = option.attributeName();
    if (names.includes(name) && command.getOptionValueSource(name) === 'cli')
      command.error(`error: option '${option.flags}' has no effect without ${needed}`);
  }
}
