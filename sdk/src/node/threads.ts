/**
 * Node 20's first compiler gets the engine's threads wrong: an edit on two never ends (with
 * --no-liftoff it does). One thread, then.
 */
export const hasThreads = Number(process.versions.node.split('.')[0]) >= 22
