// Jobs a second through both stores (store_bench), each call one durable transaction: by one
// connection, as one server has it, and by four. Beside it what a synced write of one page costs on
// this disk, which is what a commit waits for.
import { execFileSync } from 'node:child_process'
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const jobs = 2000

function syncsPerSecond(dir) {
  const fd = openSync(path.join(dir, 'sync'), 'w')
  const page = Buffer.alloc(4096, 7)
  const begun = performance.now()
  let n = 0
  while (performance.now() - begun < 1000) {
    writeSync(fd, page)
    fsyncSync(fd)
    n++
  }
  closeSync(fd)
  return Math.round(n / ((performance.now() - begun) / 1000))
}

export function storesMeasure(program) {
  const dir = mkdtempSync(path.join(os.tmpdir(), 'nearfield-bench-'))
  execFileSync('chmod', ['755', dir])
  const pg = path.join(dir, 'pg')
  const database = (verb) =>
    execFileSync('tests/server/postgresql.sh', [verb, pg], { stdio: 'ignore' })
  const bench = (url, threads) =>
    JSON.parse(execFileSync(program, [url, String(jobs), String(threads)], { encoding: 'utf8' }))
  database('start')
  try {
    const url = `postgresql:///postgres?host=${pg}&user=postgres`
    const result = { synced_writes_s: syncsPerSecond(dir), sqlite: [], postgresql: [] }
    for (const threads of [1, 4]) {
      result.sqlite.push(bench(path.join(dir, `jobs-${threads}.db`), threads))
      result.postgresql.push(bench(url, threads))
    }
    return result
  } finally {
    database('stop')
    rmSync(dir, { recursive: true, force: true })
  }
}
