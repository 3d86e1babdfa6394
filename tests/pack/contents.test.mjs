// The tarball of `npm pack`: what it holds and weighs, that every export is there, and that its
// types hold by themselves however a compiler looks for them.
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { before, test } from 'node:test'
import { exportsOf, freshFolder, installPackage, typeErrors } from './package.mjs'

const LIMIT_BYTES = 400 * 1024
let root
let own
let files
let bytes

before(() => {
  root = freshFolder('contents')
  ;({ own, files, bytes } = installPackage(root, { private: true, type: 'module' }))
})

test('built files, licence, manual, within 400 KiB; nothing else is installed with it', (t) => {
  t.diagnostic(`${bytes} bytes, gzipped; the limit is ${LIMIT_BYTES}`)
  assert.ok(bytes <= LIMIT_BYTES, `${bytes} bytes`)
  const odd = files.filter((name) => !/^(dist\/|README\.md$|LICENSE$|package\.json$)/.test(name))
  assert.deepEqual(odd, [])
  assert.deepEqual(
    files.filter((name) => /test|fake|\.map$/.test(name)),
    [],
  )
  const { dependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(`${own}/package.json`, 'utf8'),
  )
  assert.equal(dependencies, undefined)
  for (const name of Object.keys(peerDependencies)) assert.ok(peerDependenciesMeta[name].optional)
  const installed = readdirSync(`${root}/node_modules`).filter((name) => !name.startsWith('.'))
  assert.deepEqual(installed, ['nearfield'])
})

test('every export is there, and so is every file that one names', () => {
  const named = Object.values(exportsOf(own)).flatMap((one) =>
    typeof one === 'string' ? [one] : Object.values(one),
  )
  assert.ok(named.length > 15, named.join(' '))
  for (const name of named) assert.ok(existsSync(path.join(own, name)), name)
  for (const name of files.filter((file) => file.endsWith('.js'))) {
    const code = readFileSync(path.join(own, name), 'utf8')
    const from = /(?:from|import\(|import|new URL\()\s*["'`](\.\/[^"'`]+)["'`]/g
    for (const [, other] of code.matchAll(from))
      assert.ok(existsSync(path.join(own, 'dist', other)), `${name}: ${other}`)
  }
})

const ENTRIES = ['nearfield', 'nearfield/web', 'nearfield/react', 'nearfield/ai-sdk']
const MAIN = `${ENTRIES.map((name, i) => `import * as e${i} from '${name}'`).join('\n')}
import { installed } from 'nearfield/polyfill'
import { Nearfield, type EditResult } from 'nearfield'
Object.assign(globalThis, { entries: [${ENTRIES.map((_, i) => `e${i}`)}], installed })
export const edit = async (text: string): Promise<EditResult> => {
  using nf = await Nearfield.open({ model: '/models/small/' })
  return nf.edit({ task: 'fix', text })
}
`
for (const [moduleResolution, module] of [
  ['bundler', 'ESNext'],
  ['node16', 'node16'],
  ['nodenext', 'nodenext'],
]) {
  test(`the types hold, found as ${moduleResolution} does`, () => {
    assert.equal(typeErrors(root, MAIN, { module, moduleResolution }), '')
  })
}

test('a wrong call is a type error: the types are found', () => {
  const wrong = "import { Nearfield } from 'nearfield'\nNearfield.open({ modle: 1 })\n"
  const said = typeErrors(root, wrong, { module: 'node16', moduleResolution: 'node16' })
  assert.match(said, /modle/)
})
