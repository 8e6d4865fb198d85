import 'reflect-metadata';
import { describe, expect, it, jest } from '@jest/globals';
import type { Command } from 'commander';
import { programFor } from './program.js';

// All rooms of the service are loaded, which takes long on a busy machine.
jest.setTimeout(120_000);

const program = await programFor(undefined);

function all(command: Command): Command[] {
  return [command, ...command.commands.flatMap(all)];
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  return text;
}

describe('the help', () => {
  const commands = all(program).map((command): [string, Command] => [pathOf(command), command]);

  it('is there for each command', () => {
    expect(commands.length).toBeGreaterThan(25);
  });

  it.each(commands)('of %s has an example, and tells of --json', (path, command) => {
    const help = helpOf(command);
    expect(help).toMatch(new RegExp(`\\nExamples?:\\n  (\\w+=\\S+ )?${path}`));
    expect(help).toContain('--json');
  });

  it('of all says what the status means', () => {
    expect(helpOf(program)).toContain('2 when the command was not understood');
  });
});
