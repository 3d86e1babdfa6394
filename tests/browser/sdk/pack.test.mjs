// What `npm pack` makes of the SDK, as somebody who installs it sees it: its contents, a fresh
// Vite app that imports every entry, and their types under a strict compiler.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { before, test } from 'node:test'
import { build } from 'vite'

const sdk = path.join(import.meta.dirname, '../../../sdk')
const root = path.join(sdk, '../build/test-pack') // inside the tree: react is found, as a peer
const own = path.join(root, 'node_modules/nearfield')
const npm = (args, cwd) => execFileSync('npm', args, { cwd, encoding: 'utf8' })
let files

before(() => {
  rmSync(root, { recursive: true, force: true })
  mkdirSync(root, { recursive: true })
  const packed = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', root], sdk)
  const [{ filename, files: list }] = Object.values(JSON.parse(packed))
  files = list.map((file) => file.path)
  writeFileSync(`${root}/package.json`, '{"name": "fresh", "private": true, "type": "module"}')
  const quiet = ['--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--no-package-lock']
  npm(['install', ...quiet, `./${filename}`], root)
})

test('the tarball: built files, licence, manual; every export is there, nothing is needed', () => {
  const { exports, dependencies, peerDependenciesMeta, peerDependencies } = JSON.parse(
    readFileSync(`${own}/package.json`, 'utf8'),
  )
  const named = Object.values(exports).flatMap((one) =>
    typeof one === 'string' ? [one] : Object.values(one),
  )
  for (const name of named) assert.ok(existsSync(path.join(own, name)), name)
  const odd = files.filter((name) => !/^(dist\/|README\.md$|LICENSE$|package\.json$)/.test(name))
  assert.deepEqual(odd, [])
  assert.deepEqual(
    files.filter((name) => /test|fake/.test(name)),
    [],
  )
  assert.equal(dependencies, undefined)
  for (const name of Object.keys(peerDependencies)) assert.ok(peerDependenciesMeta[name].optional)
  assert.ok(!existsSync(path.join(root, 'node_modules/react')))
})

const ENTRIES = ['nearfield', 'nearfield/web', 'nearfield/react', 'nearfield/ai-sdk']
const MAIN = `${ENTRIES.map((name, i) => `import * as e${i} from '${name}'`).join('\n')}
import { installed } from 'nearfield/polyfill'
Object.assign(globalThis, { entries: [${ENTRIES.map((_, i) => `e${i}`)}], installed })
`

test('a fresh Vite app builds with every entry; the polyfill is not shaken away', async () => {
  writeFileSync(`${root}/index.html`, '<script type="module" src="/main.js"></script>')
  writeFileSync(`${root}/main.js`, MAIN)
  const { output } = await build({ root, logLevel: 'error' })
  const code = output.map((chunk) => chunk.code ?? '').join('\n')
  for (const word of ['contextoverflow', 'defineProperty', 'useSyncExternalStore', 'text-delta'])
    assert.ok(code.includes(word), word)
  writeFileSync(`${root}/main.js`, "import 'nearfield/polyfill'\n")
  const alone = await build({ root, logLevel: 'error' })
  assert.ok(alone.output.some((chunk) => chunk.code?.includes('contextoverflow')))
  writeFileSync(`${root}/main.js`, "import 'nearfield/web'\n")
  const unused = await build({ root, logLevel: 'error' })
  assert.ok(!unused.output.some((chunk) => chunk.code?.includes('contextoverflow')))
})

test('the types hold by themselves', () => {
  writeFileSync(`${root}/main.ts`, MAIN)
  writeFileSync(
    `${root}/tsconfig.json`,
    JSON.stringify({
      compilerOptions: {
        ...{ strict: true, noEmit: true, module: 'ESNext', moduleResolution: 'bundler' },
        ...{ target: 'ES2024', types: [], exactOptionalPropertyTypes: true },
        lib: ['ES2024', 'ESNext.Disposable', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
      },
      include: ['main.ts'],
    }),
  )
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json')
  const args = [tsc.replace('package.json', 'bin/tsc'), '-p', root]
  try {
    execFileSync(process.execPath, args, { encoding: 'utf8' })
  } catch (error) {
    assert.fail(error.stdout)
  }
})
