// What the SDK weighs when it travels: gzipped bytes of every .js and .wasm of sdk/dist. A page that
// edits takes the package's entry, the worker, the router and the engine, which must stay within the
// limit; so must the entry by itself, which the other entries (web.js, react.js, ...) are not to make
// heavier: who uses one of them takes it too. The sum is printed; node*.js are no page's.
//   node tools/size_gate.mjs [--json]
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const LIMIT_BYTES = 300 * 1024
const ENTRY_LIMIT_BYTES = 6.5 * 1024
const dist = new URL('../sdk/dist/', import.meta.url)
const files = readdirSync(dist)
  .filter((name) => /\.(js|wasm)$/.test(name))
  .map((name) => ({ name, gzip: gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length }))
const sum = (list) => list.reduce((n, file) => n + file.gzip, 0)
const sizeOf = (name) => sum(files.filter((file) => file.name === name))
const engine = sizeOf('nearfield.wasm')
if (engine === 0) throw new Error('sdk/dist lacks the engine: run ./dev build sdk first')
const entry = sizeOf('index.js')
const router = sizeOf('routed.js') + sizeOf('nearfield-route.wasm')
const travels = entry + sizeOf('engine.worker.js') + router + engine

if (process.argv.includes('--json')) {
  const limits = { limit: LIMIT_BYTES, entryLimit: ENTRY_LIMIT_BYTES }
  console.log(JSON.stringify({ files, entry, travels, ...limits }))
} else {
  for (const { name, gzip } of files) console.log(`${String(gzip).padStart(8)}  ${name}`)
  console.log(`${String(sum(files)).padStart(8)}  all of it`)
  console.log(`${String(entry).padStart(8)}  the entry; the limit is ${ENTRY_LIMIT_BYTES}`)
  console.log(
    `${String(travels).padStart(8)}  a page that edits takes; the limit is ${LIMIT_BYTES}`,
  )
}
process.exit(travels <= LIMIT_BYTES && entry <= ENTRY_LIMIT_BYTES ? 0 : 1)
