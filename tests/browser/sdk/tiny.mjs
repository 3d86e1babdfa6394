// A model of a few kilobytes, as pages of serve(): /models/tiny/, with an adapter beside it.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

export const TINY = '/models/tiny/'

/** Made by build/native/tests/make_tiny; it knows no end: ask it for short texts. */
export function tinyPages() {
  const made = mkdtempSync(path.join(os.tmpdir(), 'nearfield-tiny-'))
  execFileSync('build/native/tests/make_tiny', [made])
  const file = readFileSync(path.join(made, 'tiny_edit.gguf'))
  const adapter = readFileSync(path.join(made, 'tiny_adapter_all.gguf'))
  rmSync(made, { recursive: true })
  const sha256 = createHash('sha256').update(file).digest('hex')
  const manifest = { name: 'tiny', file: 'tiny.gguf', bytes: file.length, sha256 }
  return {
    [`${TINY}adapter.gguf`]: adapter,
    [`${TINY}tiny.gguf`]: file,
    [`${TINY}manifest.json`]: JSON.stringify({
      ...manifest,
      chunk_bytes: 8 << 20,
      chunks: [sha256],
    }),
  }
}
