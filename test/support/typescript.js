import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { transform } from '@swc/core';
import jestConfig from '../../jest.config.js';

// Lets plain Node run this repository's TypeScript, compiled as Jest compiles it: `node --import ./test/support/typescript.js file.ts`.
// For processes that tests start, and kill. Node loads the hooks below on a thread of their own.
if (isMainThread) register(import.meta.url);

const [{ transform: transforms, moduleNameMapper }] = jestConfig.projects;
const [, compilerOptions] = transforms['^.+\\.ts$'];
const VERIFIER = '@portcullis/verifier';
const sourceOf = (path) => new URL(path.replace('<rootDir>', '../..'), import.meta.url).href;
const verifierSource = sourceOf(moduleNameMapper[`^${VERIFIER}$`]);
const pathSource = moduleNameMapper[`^${VERIFIER}/(.*)$`];

export async function resolve(specifier, context, next) {
  if (specifier === VERIFIER) return next(verifierSource, context);
  // One copy of it, whichever of its doors is used.
  if (specifier.startsWith(`${VERIFIER}/`)) {
    return next(sourceOf(pathSource.replace('$1', specifier.slice(VERIFIER.length + 1))), context);
  }
  try {
    return await next(specifier, context);
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !/^\.{1,2}\/.*\.js$/.test(specifier)) throw error;
    return next(specifier.replace(/\.js$/, '.ts'), context);
  }
}

export async function load(url, context, next) {
  if (!url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  const { code } = await transform(await readFile(filename, 'utf8'), {
    ...compilerOptions,
    filename,
    sourceMaps: 'inline',
    swcrc: false,
  });
  return { format: 'module', source: code, shortCircuit: true };
}
