import { EnvError, readEnv, type Env } from '../config/env.js';

// Everything else takes seconds to load, for which nobody is to wait who has mistyped a variable.
const env = configuration();
const { ServingProcess } = await import('./serving-process.js');
await new ServingProcess(env).run();

function configuration(): Env {
  try {
    return readEnv();
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}
