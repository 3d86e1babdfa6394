/**
 * A model's file on disk in the place of the browser's storage (worker/store.ts): read where it
 * lies and never written. Every chunk is hashed on its way, as there (worker/load.ts).
 */
import { closeSync, openSync, readSync } from 'node:fs'
import type { Manifest } from '../model/manifest.ts'
import type { ModelStore } from '../worker/store.ts'

/** Who only reads a file needs no turn. */
export const sharesFiles = (): boolean => true

/** null: it is not a file here. */
export async function openStore(_: Manifest, fileUrl: string): Promise<ModelStore | null> {
  const url = new URL(fileUrl)
  if (url.protocol !== 'file:') return null
  let file: number
  try {
    file = openSync(url, 'r')
  } catch {
    return null // fetch() says why
  }
  const wrong = new Set<number>()
  const close = () => closeSync(file)
  return {
    has: ({ index }) => !wrong.has(index),
    read: (offset, into) => void readSync(file, into, 0, into.length, offset),
    write: () => {
      throw new Error('a model on disk is not written')
    },
    forget: ({ index }) => wrong.add(index),
    refresh() {},
    close,
    remove: async () => close(),
  }
}
