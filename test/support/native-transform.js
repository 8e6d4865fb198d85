import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';

/** Makes of a module one that exports what Node's own import of it exports. See `native-environment.js`. */
export default {
  async processAsync(_source, path) {
    const names = Object.keys(await import(pathToFileURL(path).href));
    return {
      code: [
        `const native = await importNatively(${JSON.stringify(path)});`,
        ...names.map((name, n) => `const native${n} = native[${JSON.stringify(name)}];`),
        `export { ${names.map((name, n) => `native${n} as ${name}`).join(', ')} };`,
      ].join('\n'),
    };
  },
  /** No module re-exports all that another one exports, so that its own text tells what it exports. */
  getCacheKey(source, path) {
    return createHash('sha256').update(`1\n${path}\n${source}`).digest('hex');
  },
};
