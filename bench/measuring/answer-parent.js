/**
 * In a process that `Child` started: answers its questions with the function of the same name, and ends when it is let go.
 *
 * @param last what to do before the process ends
 */
export function answerParent(answers, last = () => undefined) {
  const all = { usage, ...answers };
  process.on('message', async ({ id, question, details }) => {
    try {
      process.send({ id, answer: await all[question](details) });
    } catch (error) {
      process.send({ id, error: error.message });
    }
  });
  process.on('disconnect', async () => {
    await last();
    process.exit();
  });
}

/** CPU time of all threads since the start (µs), and resident memory (bytes). */
function usage() {
  const { user, system } = process.cpuUsage();
  return { cpu: user + system, memory: process.memoryUsage.rss() };
}
