// What the SDK weighs when it travels: gzipped bytes of every .js and .wasm of sdk/dist. A browser
// takes the JS, the router and one of the two engines, which must stay within the limit; the sum is
// printed.
//   node tools/size_gate.mjs [--json]
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const LIMIT_BYTES = 300 * 1024
const dist = new URL('../sdk/dist/', import.meta.url)
const files = readdirSync(dist)
  .filter((name) => /\.(js|wasm)$/.test(name))
  .map((name) => ({ name, gzip: gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length }))
const sum = (list) => list.reduce((n, file) => n + file.gzip, 0)
const engines = files.filter(({ name }) => /^nearfield(-relaxed)?\.wasm$/.test(name))
if (engines.length !== 2) throw new Error('sdk/dist lacks an engine: run ./dev build sdk first')
const travels = sum(files) - sum(engines) + Math.max(...engines.map((file) => file.gzip))

if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ files, travels, limit: LIMIT_BYTES }))
} else {
  for (const { name, gzip } of files) console.log(`${String(gzip).padStart(8)}  ${name}`)
  console.log(`${String(sum(files)).padStart(8)}  all of it`)
  console.log(`${String(travels).padStart(8)}  a browser takes; the limit is ${LIMIT_BYTES}`)
}
process.exit(travels <= LIMIT_BYTES ? 0 : 1)
