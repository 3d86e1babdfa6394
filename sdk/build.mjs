// Builds sdk/dist: an ES module for each entry of the package and for the worker, types, and the
// wasm modules. An entry that imports another one leaves it outside: a page that uses two of them
// has one Nearfield, and whoever uses only the first pays for no other.
// `new URL('./x', import.meta.url)` is left as it is: every bundler and the browser know it.
// Owns nothing of the wasm build: build/wasm/ must exist (./dev build wasm).
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { rolldown } from 'rolldown'

process.chdir(import.meta.dirname)
const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc')
const check = (...args) => execFileSync(process.execPath, [tsc, ...args], { stdio: 'inherit' })

const modules = ['nearfield.wasm', 'nearfield-relaxed.wasm', 'nearfield-route.wasm']
for (const name of modules) {
  if (existsSync(`../build/wasm/${name}`)) continue
  console.error(`build/wasm/${name} is missing: run ./dev build wasm first`)
  process.exit(1)
}
rmSync('dist', { recursive: true, force: true }) // first: a failure leaves nothing stale behind
check('-p', 'tsconfig.worker.json')
check('-p', 'tsconfig.json')
check('-p', 'tsconfig.ai.json') // ai's own types do not hold under our flags
mkdirSync('dist')
check('-p', 'tsconfig.types.json')
const entries = new Map(
  Object.entries({
    'src/index.ts': 'index.js',
    'src/chat.ts': 'chat.js',
    'src/routed.ts': 'routed.js',
    'src/report.ts': 'report.js',
    'src/consent.ts': 'consent.js',
    'src/web.ts': 'web.js',
    'src/polyfill.ts': 'polyfill.js',
    'src/react.ts': 'react.js',
    'src/ai_sdk.ts': 'ai-sdk.js',
    'src/engine.worker.ts': 'engine.worker.js',
  }).map(([input, file]) => [path.resolve(input), file]),
)
// error.ts has one class, which index.js exports: everything of the page takes it from there.
const errors = path.resolve('src/error.ts')
const withIt = ['index.js', 'engine.worker.js']
const otherEntries = (own) => ({
  name: 'other-entries',
  resolveId(source, importer) {
    if (!importer) return null
    if (!source.startsWith('.')) return { id: source, external: true }
    const resolved = path.resolve(path.dirname(importer), source)
    if (resolved === errors && !withIt.includes(own)) return { id: './index.js', external: true }
    const file = entries.get(resolved)
    return file ? { id: `./${file}`, external: true } : null
  },
})
// the platform's classes are known by their names
const named = { mangle: { keepNames: { function: false, class: true } } }
for (const [input, file] of entries) {
  const bundle = await rolldown({ input, platform: 'browser', plugins: [otherEntries(file)] })
  await bundle.write({
    file: `dist/${file}`,
    format: 'es',
    minify: file === 'web.js' ? named : true,
    sourcemap: true,
    codeSplitting: false,
  })
  await bundle.close()
}
for (const name of modules) copyFileSync(`../build/wasm/${name}`, `dist/${name}`)
