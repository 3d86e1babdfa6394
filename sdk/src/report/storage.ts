/** The browser's storage for this page, and which models lie in it. Changes nothing. */
import { folder, keptChunks } from '../model/folder.ts'
import { type Fact, megabytes } from './lines.ts'
import { within } from './within.ts'

export async function storageFacts(): Promise<Fact[]> {
  const storage = navigator.storage as StorageManager | undefined
  if (!storage) return [['storage', 'none: the page is not secure']]
  const [opfs, room, persisted, models] = await Promise.all([
    within(async () => {
      await storage.getDirectory()
      return 'yes'
    }),
    within(async () => {
      const { usage = 0, quota = 0 } = await storage.estimate()
      return `${megabytes(usage)} of ${megabytes(quota)}`
    }),
    within(async () => ((await storage.persisted()) ? 'yes' : 'no: it may be cleared')),
    within(storedModels),
  ])
  return [
    ['private file system', opfs],
    ['used', room],
    ['persisted', persisted],
    ['locks', navigator.locks ? 'yes' : 'no'],
    ...(typeof models === 'string' ? [['models', models] as const] : models),
  ]
}

async function storedModels(): Promise<Fact[]> {
  const facts: Fact[] = []
  for await (const sha256 of (await folder(false, 'models'))?.keys() ?? []) {
    const file = await (await folder(false, 'models', sha256))?.getFileHandle('file')
    const bytes = file ? (await file.getFile()).size : 0
    const chunks = await keptChunks(sha256)
    facts.push([`model ${sha256.slice(0, 12)}`, `${megabytes(bytes)}, ${chunks} chunks whole`])
  }
  return facts.length > 0 ? facts : [['models', 'none']]
}
