// Builds sdk/dist: an ES module for each entry of the package and for the worker, the same again for
// node (node*.js), types, and the wasm modules. An entry that imports another one leaves it outside:
// a page that uses two of them has one Nearfield, and whoever uses only the first pays for no other.
// `new URL('./x', import.meta.url)` is left as it is: every bundler and the browser know it.
// Owns nothing of the wasm build: build/wasm/ must exist (./dev build wasm).
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { rolldown } from 'rolldown'
import { markRelaxed } from './relaxed.mjs'

process.chdir(import.meta.dirname)
const tsc = createRequire(import.meta.url)
  .resolve('typescript/package.json')
  .replace('package.json', 'bin/tsc')
const check = (...args) => execFileSync(process.execPath, [tsc, ...args], { stdio: 'inherit' })

const modules = ['nearfield.wasm', 'nearfield-route.wasm']
for (const name of modules) {
  if (existsSync(`../build/wasm/${name}`)) continue
  console.error(`build/wasm/${name} is missing: run ./dev build wasm first`)
  process.exit(1)
}
rmSync('dist', { recursive: true, force: true }) // first: a failure leaves nothing stale behind
check('-p', 'tsconfig.worker.json')
check('-p', 'tsconfig.json')
check('-p', 'tsconfig.node.json')
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
    codeSplitting: false,
  })
  await bundle.close()
}

// For node, from the same sources: the files that speak to the browser are replaced, and the names
// of a browser that the others use come from src/node, not from globalThis.
const src = (file) => path.resolve('src', file)
const inPlaceOf = (replaced) => ({
  name: 'in-place-of',
  resolveId(source, importer) {
    if (!importer || !source.startsWith('.') || importer.startsWith(src('node'))) return null
    const file = replaced[path.relative('src', path.resolve(path.dirname(importer), source))]
    return file ? src(file) : null
  },
})
const namesOf = (file, names) => Object.fromEntries(names.map((name) => [name, [src(file), name]]))
async function buildForNode(input, { names, replaced, codeSplitting }) {
  const bundle = await rolldown({
    input,
    platform: 'node',
    external: (id) => !id.startsWith('.') && !path.isAbsolute(id),
    plugins: [inPlaceOf(replaced)],
    transform: { inject: names },
  })
  await bundle.write({
    dir: 'dist',
    format: 'es',
    entryFileNames: '[name].js',
    chunkFileNames: 'node-[name].js',
    minify: named,
    codeSplitting,
  })
  await bundle.close()
}
await buildForNode(
  {
    node: src('index.ts'),
    'node-web': src('web.ts'),
    'node-polyfill': src('polyfill.ts'),
    'node-react': src('react.ts'),
    'node-ai-sdk': src('ai_sdk.ts'),
  },
  {
    names: namesOf('node/page.ts', ['document', 'fetch', 'ProgressEvent']),
    replaced: {
      'worker_start.ts': 'node/worker_start.ts',
      'availability.ts': 'node/availability.ts',
      'report/machine.ts': 'node/machine.ts',
    },
    codeSplitting: true,
  },
)
await buildForNode(
  { 'node-worker': src('engine.worker.ts') },
  {
    names: namesOf('node/worker_scope.ts', ['self', 'Worker', 'navigator', 'fetch']),
    replaced: { 'worker/store.ts': 'node/store.ts', 'gpu/device.ts': 'node/no_gpu.ts' },
    codeSplitting: false,
  },
)
writeFileSync('dist/nearfield.wasm', markRelaxed(readFileSync('../build/wasm/nearfield.wasm')))
copyFileSync('../build/wasm/nearfield-route.wasm', 'dist/nearfield-route.wasm')
