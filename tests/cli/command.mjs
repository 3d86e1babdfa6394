// The command line as its tests use it: build/native/nearfield in a folder of its own, which is
// removed after the file's tests. Asserts nothing.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after } from 'node:test'

export const program = path.resolve('build/native/nearfield')
export const talk = path.resolve('tests/data/talk.srt')
export const folder = mkdtempSync(path.join(tmpdir(), 'nearfield-cli-'))
after(() => rmSync(folder, { recursive: true, force: true }))

// Runs the program in `folder`.
export function run(args, options = {}) {
  const r = spawnSync(program, args, {
    encoding: 'utf8',
    cwd: folder,
    timeout: 300_000,
    maxBuffer: 1 << 28,
    ...options,
  })
  return { code: r.status, out: r.stdout, err: r.stderr, signal: r.signal }
}
