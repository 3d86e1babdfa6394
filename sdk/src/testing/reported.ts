/// <reference types="node" />
/**
 * What listeners of an EventTarget throw while work runs. A page reports that at its window, node
 * as an uncaught exception; vitest would take it for a fault of the test.
 */
export async function reported(work: () => Promise<unknown>): Promise<unknown[]> {
  const others = process.listeners('uncaughtException')
  const seen: unknown[] = []
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => seen.push(error))
  try {
    await work()
    await new Promise((done) => setTimeout(done)) // node reports them in a later turn
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const other of others) process.on('uncaughtException', other)
  }
  return seen
}
