// Every @example of the SDK's doc comments: type-checked against the built package, and those of
// `nearfield` and `nearfield/web` run in one page over the real model. In an example without an
// `nf` of its own, `nf` is an open Nearfield.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { openModel } from './page.mjs'
import { openWebPage } from './web_page.mjs'

const root = path.join(import.meta.dirname, '../../..')
const src = path.join(root, 'sdk/src')
const out = path.join(root, 'build/doc-examples')

/** { name, extension, code }: name is that of what the comment stands in front of. */
function examplesOf(file) {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*@example[\s\S]*?)\*\/\s*([^\n]*)/g)].flatMap(
    ([, comment, declaration]) => {
      const lines = comment.split('\n').map((line) => line.replace(/^\s*\* ?/, ''))
      const fences = lines.join('\n').matchAll(/@example\n```(tsx?)\n([\s\S]*?)\n```/g)
      const words = /^(?:export |static |async |readonly |const |function |class |\*)*(\w+)/
      const name = declaration.trim().match(words)[1]
      return [...fences].map(([, extension, code]) => ({ name, extension, code }))
    },
  )
}

const examples = readdirSync(src, { recursive: true })
  .map(String)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .sort()
  .flatMap((file) => examplesOf(path.join(src, file)))
const ownNf = ({ code }) => /\bconst nf\b/.test(code)
const importsOf = ({ code }) => [...code.matchAll(/ from '([^']+)'/g)].map(([, from]) => from)
const runs = examples.filter((one) =>
  importsOf(one).every((from) => from === 'nearfield' || from === 'nearfield/web'),
)

test('what a person looks up first has an example', () => {
  const names = new Set(examples.map(({ name }) => name))
  for (const wanted of [
    ...['open', 'edit', 'variants', 'prefetch', 'chat', 'captions'],
    ...['useNearfield', 'useEdit', 'useVariants', 'createNearfield'],
    ...['LanguageModel', 'Proofreader', 'Rewriter', 'Summarizer', 'Writer'],
  ]) {
    assert.ok(names.has(wanted), `${wanted} has no @example`)
  }
  assert.ok(runs.length >= 11, `${runs.length} of them run`)
})

test('every example type-checks', { timeout: 120_000 }, () => {
  rmSync(out, { recursive: true, force: true })
  mkdirSync(out, { recursive: true })
  for (const [i, one] of examples.entries()) {
    const given = ownNf(one) ? '' : "declare const nf: import('nearfield').Nearfield\n"
    const file = `${i}-${one.name}.${one.extension}`
    writeFileSync(path.join(out, file), `${given}${one.code}\nexport {}\n`)
  }
  writeFileSync(
    path.join(out, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../examples/tsconfig.json',
      compilerOptions: { noUnusedLocals: false },
      include: ['*'],
    }),
  )
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json')
  try {
    execFileSync(process.execPath, [tsc.replace('package.json', 'bin/tsc'), '-p', out])
  } catch (error) {
    assert.fail(`${error.stdout}`)
  }
})

let here
before(async () => {
  here = await openWebPage()
  for (const { name, code } of runs) {
    const js = stripTypeScriptTypes(code)
      .replaceAll("from 'nearfield'", "from '/sdk/index.js'")
      .replaceAll("from 'nearfield/web'", "from '/sdk/web.js'")
    here.server.pages[`/examples/${name}.js`] = js
  }
  await openModel(here.page) // nf, and the model in the page's storage
  await here.page.evaluate(async () => {
    window.kept = await window.web.Rewriter.create() // one model for all classes
  })
})
after(() => here?.close())

for (const { name } of runs) {
  test(`the example of ${name} runs`, { timeout: 120_000 }, async () => {
    await here.page.evaluate((url) => import(url), `/examples/${name}.js`)
  })
}

test('the page complained of nothing', () => assert.deepEqual(here.problems, []))
