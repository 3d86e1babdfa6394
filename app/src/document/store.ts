/**
 * The smallest observable value: React reads it with useSyncExternalStore (shell/use.ts),
 * tests read it directly. Owns no state of its own; listeners run after every real change.
 */
export interface Store<T> {
  get(): T
  /** Merges; does nothing when every given key already has the value. */
  set(patch: Partial<T>): void
  subscribe(listener: () => void): () => void
}

export function createStore<T extends object>(initial: T): Store<T> {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set(patch) {
      const keys = Object.keys(patch) as (keyof T)[]
      if (keys.every((key) => Object.is(value[key], patch[key]))) return
      value = { ...value, ...patch }
      for (const listener of [...listeners]) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
