#!/usr/bin/env node
// Runs the command of the Dockerfile's HEALTHCHECK, so that what the image asks is what is tried here.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const dockerfile = readFileSync(new URL('../Dockerfile', import.meta.url), 'utf8').replaceAll('\\\n', ' ');
const [, command] = /^HEALTHCHECK .*?CMD (\[.*\])$/m.exec(dockerfile);
const [program, ...args] = JSON.parse(command);
process.exitCode = spawnSync(program, args, { stdio: 'inherit' }).status ?? 1;
