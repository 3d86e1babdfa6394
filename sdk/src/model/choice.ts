/**
 * Which backend was found best for a model, and which kernels of a GPU, in the browser's own storage
 * beside its models:
 *   nearfield/choices/SHA256.json, SHA256.kernels.json    {key, choice}
 * A choice stands as long as its key does (browser, GPU, threads, engine). Never fails: where there is
 * no storage it is found out again. How long a choice is good for is worker/backend.ts's.
 */
import { readJson, writeJson } from './folder.ts'

/** What a choice of the backend depends on. */
export interface ChoiceFacts {
  /** Its name, as the browser tells it. */
  gpu: string
  userAgent: string
  threads: number
  /** SHA-256 of the wasm module. */
  engine: string
}
export const choiceKey = ({ gpu, userAgent, threads, engine }: ChoiceFacts): string =>
  JSON.stringify([gpu, userAgent, threads, engine])

interface Kept<T> {
  key: string
  choice: T
}

export async function keptChoice<T>(sha256: string, key: string): Promise<T | null> {
  const kept = (await readJson('choices', `${sha256}.json`)) as Kept<T> | null
  return kept?.key === key ? kept.choice : null
}

export async function keepChoice<T>(sha256: string, key: string, choice: T): Promise<void> {
  await writeJson('choices', `${sha256}.json`, { key, choice }).catch(() => {})
}
