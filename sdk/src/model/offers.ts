/** What a server's model folder holds, as its index says. Owns fetching and checking it. */
import { NearfieldError } from '../error.ts'
import { fetchWhenReady } from './fetch.ts'
import { loadManifest } from './manifest.ts'

/** A model to be had; its folder is NAME under the folder that was asked. */
export interface ModelOffer {
  name: string
  /** What a download costs. */
  bytes: number
}

export async function offeredModels(folder: URL): Promise<ModelOffer[]> {
  const url = folder.href
  let response: Response
  try {
    response = await fetchWhenReady(url)
  } catch (error) {
    throw new NearfieldError('network', `${url} could not be fetched`, { cause: error })
  }
  if (!response.ok) {
    throw new NearfieldError('network', `${url}: the server answered ${response.status}`)
  }
  const list = await response.json().catch(() => null)
  const models: unknown = list?.models
  if (!Array.isArray(models) || !models.every((m) => typeof m?.name === 'string')) {
    throw new NearfieldError('bad_input', `${url}: expected {"models": [{"name": ...}]}`)
  }
  const base = url.endsWith('/') ? url : `${url}/`
  return Promise.all(models.map((model) => offerOf(model, base)))
}

/** A server that has just started lists a model before it knows its size; its manifest waits. */
async function offerOf(
  model: { name: string; bytes?: unknown },
  base: string,
): Promise<ModelOffer> {
  const { name, bytes } = model
  if (typeof bytes === 'number') return { name, bytes }
  return { name, bytes: (await loadManifest(`${base}${encodeURIComponent(name)}/`)).bytes }
}
