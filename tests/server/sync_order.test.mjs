// What is acknowledged survives a loss of power, files too: from the calls that the server makes
// (sync_preload.c) it is known at each moment what the disk may forget - bytes of a file that is not
// synced, a name in a folder that is not. Nothing of an upload may be among it when the upload is
// answered, nothing of a result when the store commits it. The store's own file: test_power.c.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { client, place } from './jobs_harness.mjs'

let here
let server
let log
before(async () => {
  here = place('sqlite')
  log = here.at('log')
  const library = here.at('sync_preload.so')
  const source = 'tests/server/sync_preload.c'
  execFileSync('clang-19', ['-D_GNU_SOURCE', '-O1', '-shared', '-fPIC', '-o', library, source])
  writeFileSync(log, '')
  mkdirSync(here.at('data'))
  const options = `${process.env.ASAN_OPTIONS ?? ''}:verify_asan_link_order=0`
  const env = { LD_PRELOAD: library, SYNC_LOG: log, ASAN_OPTIONS: options }
  server = await here.serverIn(env, '--job-slots', '1')
})
after(() => here.remove())

/** What the disk may forget after the first n lines: Set of paths. */
class Disk {
  bytes = new Set() // files whose bytes are not synced
  names = new Map() // path -> its folder, which is not
  take(line) {
    const [what, a, b] = line.split(' ')
    if (what === 'write') this.bytes.add(a)
    if (what === 'name' || what === 'gone') this.names.set(a, path.dirname(a))
    if (what === 'gone') this.bytes.delete(a)
    if (what === 'move') {
      // a worker's file was written by another process: dirty until it is seen to be synced
      if (this.bytes.delete(a) || !this.synced.has(a)) this.bytes.add(b)
      this.names.delete(a)
      this.names.set(b, path.dirname(b))
    }
    if (what !== 'sync') return
    this.bytes.delete(a)
    this.synced.add(a)
    for (const [name, folder] of this.names) if (folder === a) this.names.delete(name)
  }
  synced = new Set()
  below(folder) {
    const all = [...this.bytes, ...this.names.keys()]
    return all.filter((p) => p === folder || p.startsWith(`${folder}/`))
  }
}
const lines = () => readFileSync(log, 'utf8').split('\n').filter(Boolean)

/** Run `work`; the disk as it was at the first line behind its beginning that `when` names. */
async function diskWhen(work, when) {
  const from = lines().length
  const found = await work()
  const all = lines()
  const at = all.findIndex((l, i) => i >= from && when(l, i, all))
  assert.ok(at >= 0, all.slice(from).join('\n'))
  const disk = new Disk()
  for (const line of all.slice(0, at)) disk.take(line)
  return { disk, found, seen: all.slice(from, at) }
}
const answered = (status) => (line) => line.startsWith(`send HTTP/1.1 ${status}`)
const uploads = () => here.at('data/uploads')
const tus = { 'Tus-Resumable': '1.0.0' }

test('an upload in one body is synced, and its name, before it is answered', async () => {
  const { disk, seen } = await diskWhen(() => client(server).upload('ok 1\n'), answered(200))
  assert.ok(seen.some((l) => l.startsWith('write ')) && seen.some((l) => l.startsWith('move ')))
  assert.deepEqual(disk.below(uploads()), [])
})

test('so is each step of a resumable one', async () => {
  const url = `http://${server.host}/v1/uploads`
  const headers = { ...tus, 'Upload-Length': '5' }
  const made = await diskWhen(() => fetch(url, { method: 'POST', headers }), answered(201))
  assert.ok(made.seen.some((l) => l.startsWith('name ') && l.endsWith('.part')))
  assert.deepEqual(made.disk.below(uploads()), [])
  const at = made.found.headers.get('location')
  for (const [offset, body] of Object.entries({ 0: 'ok ', 3: '1\n' })) {
    const { disk, seen } = await diskWhen(
      () =>
        fetch(`http://${server.host}${at}`, {
          method: 'PATCH',
          headers: {
            ...tus,
            'Upload-Offset': offset,
            'Content-Type': 'application/offset+octet-stream',
          },
          body,
        }),
      answered(204),
    )
    assert.ok(seen.some((l) => l.startsWith('write ')))
    assert.deepEqual(disk.below(uploads()), [])
  }
})

test('a result is synced, and every folder above it, before the store commits it', async () => {
  const api = client(server)
  const { disk, found, seen } = await diskWhen(
    async () => {
      const { id } = await api.add('ok 2')
      await api.ended(id)
      return id
    },
    // the last of the commits seen behind the move of the last of its files; a report may be one too
    (line, i, all) =>
      line.startsWith('sync ') &&
      line.endsWith('nearfield.db-wal') &&
      !all.slice(i + 1).some((l) => l.endsWith('nearfield.db-wal')) &&
      all.slice(0, i).some((l) => l.startsWith('move ') && l.includes('/results/')),
  )
  assert.equal(
    seen.filter((l) => l.startsWith('move ') && l.includes(`/results/${found}/`)).length,
    2,
  )
  assert.deepEqual(disk.below(here.at('data/results')), [])
  // and the folders that all of this lies in were made to last when the server began
  assert.deepEqual(
    [...disk.names].filter(([, folder]) => folder === here.at('data')),
    [],
  )
  await server.stop()
})
