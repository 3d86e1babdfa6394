/// <reference types="node" />
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fetch } from './files.ts'

/** What reading below a file fails with: ENOTDIR, or ENOENT on Windows. */
let below: string
vi.mock('node:fs/promises', async (original) => {
  const fs = await original<typeof import('node:fs/promises')>()
  const readFile = (...args: Parameters<typeof fs.readFile>) =>
    fs.readFile(...args).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'ENOTDIR' ? Object.assign(error, { code: below }) : error
    })
  return { ...fs, readFile }
})

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'nearfield-'))
  await writeFile(path.join(folder, 'Tiny.gguf'), 'abc')
})
afterAll(() => rm(folder, { recursive: true }))
const read = (name: string) => fetch(pathToFileURL(path.join(folder, name)))

test.each(['ENOTDIR', 'ENOENT'])(
  'a manifest is made of a file that has none (%s)',
  async (code) => {
    below = code
    const manifest = await (await read('Tiny.gguf/manifest.json')).json()
    expect(manifest).toMatchObject({ name: 'tiny', file: '../Tiny.gguf', bytes: 3, adapters: [] })
    expect(manifest.chunks).toEqual([manifest.sha256])
    await expect(read('Tiny.gguf/other.json')).rejects.toMatchObject({ code })
    await expect(read('none.gguf/manifest.json')).rejects.toMatchObject({ code: 'ENOENT' })
  },
)
