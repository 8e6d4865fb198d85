import { parseArgs } from 'node:util';
import { firstSight } from './first-sight.js';
import { guard } from './guard.js';
import { workers } from './workers.js';

const BENCHMARKS = { guard, 'first-sight': firstSight, workers };

const USAGE = `npm run bench -- <${Object.keys(BENCHMARKS).join(' | ')}> [options]
  --seconds <n>      how long to measure, warm-up included (40)
  --connections <n>  requests in flight (64)
  --semi-space <n>   --max-semi-space-size of the servers, in MiB; 0 leaves it to Node (64)`;

try {
  const { benchmark, options } = readArguments();
  await benchmark(options);
  process.exit();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '40' },
      connections: { type: 'string', default: '64' },
      'semi-space': { type: 'string', default: '64' },
    },
  });
  const options = {
    seconds: Number(values.seconds),
    connections: Number(values.connections),
    semiSpace: Number(values['semi-space']),
  };
  const benchmark = BENCHMARKS[positionals[0]];
  const sound = options.seconds >= 1 && options.connections >= 1 && options.semiSpace >= 0;
  if (benchmark === undefined || positionals.length > 1 || !sound) throw new Error(USAGE);
  return { benchmark, options };
}
