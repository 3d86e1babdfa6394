/**
 * Writes FILE.br and FILE.gz beside every compressible file of a finished build, for a server
 * that sends them as they are. Does not compress what is compressed already.
 */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Plugin } from 'vite'

const TEXT = /\.(html|js|css|svg|json|wasm|srt|vtt|txt|webmanifest)$/
const BYTES_MIN = 1024

const br = promisify(brotliCompress)
const gz = promisify(gzip)

export async function precompressFolder(folder: string): Promise<number> {
  let written = 0
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name)
    if (!TEXT.test(name) || (await stat(path)).size < BYTES_MIN) continue
    const bytes = await readFile(path)
    const params = {
      [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    }
    await writeFile(`${path}.br`, await br(bytes, { params }))
    await writeFile(`${path}.gz`, await gz(bytes, { level: constants.Z_BEST_COMPRESSION }))
    written += 2
  }
  return written
}

export function precompress(): Plugin {
  let outDir = 'dist'
  return {
    name: 'nearfield:precompress',
    apply: 'build',
    configResolved(config) {
      outDir = resolve(config.root, config.build.outDir)
    },
    async closeBundle() {
      await precompressFolder(outDir)
    },
  }
}
