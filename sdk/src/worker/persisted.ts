/**
 * Is what this origin keeps safe from being cleared by the browser? Read here; only a page can ask
 * for it (channel.ts), and says so when it was granted meanwhile.
 */

let granted = false

/** Never rejects. */
export async function lookWhetherPersisted(): Promise<void> {
  const storage = navigator.storage as Partial<StorageManager> | undefined
  const told = await storage?.persisted?.().catch(() => false)
  if (told) granted = true // the page may have said so meanwhile
}

/** The page was granted it. */
export function markPersisted(): void {
  granted = true
}

export const isPersisted = (): boolean => granted
