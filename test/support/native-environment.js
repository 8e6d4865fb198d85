import { pathToFileURL } from 'node:url';
import { TestEnvironment } from 'jest-environment-node';
import './typescript.js';

/**
 * Jest's environment for Node, with a way out of its module system: what `native-transform.js` replaces is imported by Node itself, once for all test
 * files that a worker runs, as a service imports it once. In Jest's own each file would load Nest and TypeORM anew, 4 s of work.
 */
export default class NativeEnvironment extends TestEnvironment {
  async setup() {
    await super.setup();
    process.setSourceMapsEnabled(true);
    // What is thrown there is to be an instance of what a test names here.
    Object.assign(this.global, { Error, TypeError, RangeError });
    this.global.importNatively = (path) => import(pathToFileURL(path).href);
  }
}
