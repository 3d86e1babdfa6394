// What the W3C-shaped classes are and what their create() and availability() take, in Chromium over
// the real model: the members that @types/dom-chromium-ai lists, options, languages, the monitor,
// aborts. docs/wpt.md says which test of the web platform's stands behind which of ours.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { openWebPage } from './web_page.mjs'

const TIMEOUT = { timeout: 240_000 }
/** Members of the types that are left out, and why. */
const LEFT_OUT = new Set(['Proofreader.correctionExplanationLanguage']) // there are no explanations

let here
let page
before(async () => {
  here = await openWebPage()
  page = here.page
})
after(() => here?.close())

test(
  'the monitor of each: 0 first, 1 last, ever more, and nothing afterwards',
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(() =>
      Promise.all(
        window.kinds.map(async ({ name, create }) => {
          const events = []
          const late = []
          const byHandler = []
          let created = false
          const monitor = (m) => {
            m.addEventListener('downloadprogress', (event) => {
              const { loaded, total, lengthComputable } = event
              ;(created ? late : events).push({ loaded, total, lengthComputable })
            })
            m.ondownloadprogress = ({ loaded }) => byHandler.push(loaded)
            m.tag = `${m}`
            window.monitors = { ...window.monitors, [name]: m }
          }
          const one = await create({ monitor })
          created = true
          await one.measureInputUsage?.('a word') // the worker has answered once more since
          one.destroy()
          return { name, events, late, byHandler, tag: window.monitors[name].tag }
        }),
      ),
    )
    for (const { name, events, late, byHandler, tag } of seen) {
      const loaded = events.map((event) => event.loaded)
      assert.ok(loaded.length >= 2, name)
      assert.deepEqual([loaded[0], loaded.at(-1)], [0, 1], name)
      for (const [i, event] of events.entries()) {
        assert.deepEqual([event.total, event.lengthComputable], [1, true], name)
        assert.equal((event.loaded * 65_536) % 1, 0, `${name}: ${event.loaded}`)
        assert.ok(i === 0 || event.loaded > loaded[i - 1], `${name}: ${loaded}`)
      }
      assert.deepEqual(late, [], name)
      assert.deepEqual(byHandler, loaded, name)
      assert.equal(tag, '[object CreateMonitor]')
    }
    assert.ok(seen.some(({ events }) => events.length > 10)) // of a download, not of one step
  },
)

test('a monitor that throws ends create() with its error, and hears nothing', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const rows = []
    for (const { name, create } of window.kinds) {
      const error = new Error('of the monitor')
      const events = []
      const monitor = (m) => {
        m.addEventListener('downloadprogress', (event) => events.push(event))
        throw error
      }
      const end = await window.ended(create({ monitor }))
      rows.push([name, end.error === error, events.length])
    }
    return rows
  })
  for (const [name, same, events] of seen) assert.deepEqual([same, events], [true, 0], name)
})

test('create() that is aborted: before, at the first event, at once', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const rows = []
    for (const { name, create } of window.kinds) {
      const reason = new Error('no longer wanted')
      const abort = new AbortController()
      let events = 0
      const monitor = (m) => {
        m.ondownloadprogress = () => {
          events++
          abort.abort(reason)
        }
      }
      const atFirst = await window.ended(create({ monitor, signal: abort.signal }))
      const again = await window.ended(create({ signal: abort.signal }))
      const plain = new AbortController()
      const creating = create({ signal: plain.signal })
      plain.abort()
      const names = [
        await window.nameOf(creating),
        await window.nameOf(create({ signal: plain.signal })),
      ]
      rows.push([name, atFirst.error === reason, events, again.error === reason, names])
    }
    window.kept = await window.web.Writer.create() // the model stays open for what follows
    return rows
  })
  for (const [name, ...row] of seen) {
    assert.deepEqual(row, [true, 1, true, ['AbortError', 'AbortError']], name)
  }
})

/** Of @types/dom-chromium-ai: { name, kind, required } of a class's members. */
function membersOf(types, name) {
  const body = types.split(`declare abstract class ${name} `)[1].split('\n}')[0]
  const members = body.matchAll(/^ {4}(static )?(readonly )?(\w+)(?:\(([^)]*)\)|\??): [^;]*;/gm)
  return [...members].map(([, isStatic, readonly, member, args]) => {
    if (args === undefined) return { name: member, kind: readonly ? 'readonly' : 'handler' }
    const required = args.split(',').filter((arg) => arg.trim() && !arg.includes('?:')).length
    return { name: member, kind: isStatic ? 'static' : 'method', required }
  })
}

test('every member that the types list is of its kind and in its place', TIMEOUT, async () => {
  const types = readFileSync(
    createRequire(path.resolve('sdk/package.json'))
      .resolve('@types/dom-chromium-ai/package.json')
      .replace('package.json', 'index.d.ts'),
    'utf8',
  )
  const seen = await page.evaluate(async () => {
    const rows = {}
    for (const { name, create } of window.kinds) {
      const one = await create()
      const Class = window.web[name]
      const found = (member) => {
        for (let at = Class.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
          const it = Object.getOwnPropertyDescriptor(at, member)
          if (it)
            return { get: !!it.get, set: !!it.set, length: it.value?.length, type: typeof it.value }
        }
        return null
      }
      const names = Object.getOwnPropertyNames
      const prototypes = new Set(names(Class.prototype))
      for (let at = Class.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
        for (const member of names(at)) prototypes.add(member)
      }
      rows[name] = {
        own: names(one),
        tag: `${one}`,
        named: Class.name,
        constructed: await window.nameOf(() => new Class()),
        instance: one instanceof Class,
        members: Object.fromEntries([...prototypes].map((member) => [member, found(member)])),
        statics: Object.fromEntries(
          ['create', 'availability', 'params'].map((member) => [member, Class[member]?.length]),
        ),
      }
      one.destroy()
    }
    return rows
  })
  let checked = 0
  for (const [name, { own, tag, named, constructed, instance, members, statics }] of Object.entries(
    seen,
  )) {
    assert.deepEqual(own, [], `${name} keeps nothing on the object`)
    assert.deepEqual([tag, named], [`[object ${name}]`, name])
    assert.equal(constructed, 'TypeError', `new ${name}()`)
    assert.ok(instance)
    for (const { name: member, kind, required } of membersOf(types, name)) {
      const where = `${name}.${member}`
      if (LEFT_OUT.has(where)) continue
      const it = members[member]
      if (kind === 'static') assert.equal(statics[member], required, where)
      else if (kind === 'method')
        assert.deepEqual([it?.type, it?.length], ['function', required], where)
      else assert.deepEqual([it?.get, it?.set], [true, kind === 'handler'], where)
      checked++
    }
  }
  assert.ok(checked > 50, `${checked} members`)
})

test(
  'options that are given are what the object has; those of the draft otherwise',
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(async () => {
      const read = async (name, options, names) => {
        const one = await window.web[name].create(options)
        const values = names.map((member) => one[member])
        one.destroy()
        return values
      }
      const languages = ['expectedInputLanguages', 'expectedContextLanguages', 'outputLanguage']
      const given = {
        expectedInputLanguages: ['EN', 'en-gb'],
        expectedContextLanguages: ['en'],
        outputLanguage: 'en-US',
        sharedContext: 'of a diary',
      }
      const rows = {}
      for (const [name, members, values] of [
        [
          'Writer',
          ['tone', 'format', 'length'],
          [['formal', 'casual'], ['plain-text'], ['medium', 'long']],
        ],
        [
          'Rewriter',
          ['tone', 'format', 'length'],
          [['more-formal', 'more-casual'], ['as-is'], ['shorter']],
        ],
        [
          'Summarizer',
          ['type', 'format', 'length', 'preference'],
          [
            ['tldr', 'teaser', 'headline'],
            ['plain-text'],
            ['medium', 'long'],
            ['speed', 'capability'],
          ],
        ],
      ]) {
        const defaults = await read(name, {}, [...members, 'sharedContext', ...languages])
        const all = await read(name, given, ['sharedContext', ...languages])
        const each = []
        for (const [i, list] of values.entries()) {
          for (const value of list) {
            const [got] = await read(name, { [members[i]]: value }, [members[i]])
            each.push(got === value)
          }
        }
        rows[name] = { defaults, all, each }
      }
      const frozen = await window.web.Writer.create(given)
      rows.frozen = Object.isFrozen(frozen.expectedInputLanguages)
      frozen.destroy()
      return rows
    })
    const none = ['', undefined, undefined, undefined]
    assert.deepEqual(seen.Writer.defaults, ['neutral', 'markdown', 'short', ...none])
    assert.deepEqual(seen.Rewriter.defaults, ['as-is', 'as-is', 'as-is', ...none])
    assert.deepEqual(seen.Summarizer.defaults, ['key-points', 'markdown', 'short', 'auto', ...none])
    for (const name of ['Writer', 'Rewriter', 'Summarizer']) {
      assert.deepEqual(seen[name].all, ['of a diary', ['en', 'en-GB'], ['en'], 'en-US'], name)
      assert.ok(seen[name].each.every(Boolean), name)
    }
    assert.ok(seen.frozen)
  },
)

test('what is no value throws from both; what is not served is unavailable', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const bad = { expectedInputLanguages: ['en-abc-invalid'] }
    const zulu = { expectedInputLanguages: ['zu'] }
    const text = (languages) => ({ expectedInputs: [{ type: 'text', languages }] })
    const out = (languages) => ({ expectedOutputs: [{ type: 'text', languages }] })
    const rows = []
    for (const [name, options, expected] of [
      ...['Writer', 'Rewriter', 'Summarizer', 'Proofreader'].flatMap((name) => [
        [name, bad, 'RangeError'],
        [name, zulu, 'NotSupportedError'],
        [name, { expectedInputLanguages: ['en-GB'] }, 'available'],
      ]),
      ...['Writer', 'Rewriter', 'Summarizer'].flatMap((name) => [
        [name, { outputLanguage: 'es' }, 'NotSupportedError'],
        [name, { expectedContextLanguages: ['jp', 'fr'] }, 'NotSupportedError'],
        [name, { length: 'endless' }, 'TypeError'],
        [name, { format: 'html' }, 'TypeError'],
      ]),
      ['Writer', { tone: 'angry' }, 'TypeError'],
      ['Summarizer', { type: 'tl;dr' }, 'TypeError'],
      ['Rewriter', { length: 'longer' }, 'NotSupportedError'],
      ['Rewriter', { format: 'markdown' }, 'NotSupportedError'],
      ['Proofreader', { includeCorrectionTypes: true }, 'NotSupportedError'],
      ['Proofreader', { correctionExplanationLanguage: 'en-abc-invalid' }, 'RangeError'],
      ['LanguageModel', text(['en-abc-invalid']), 'RangeError'],
      ['LanguageModel', text(['EN']), 'available'],
      ['LanguageModel', text(['unk']), 'NotSupportedError'],
      ['LanguageModel', out(['unk']), 'NotSupportedError'],
      ['LanguageModel', { expectedOutputs: [{ type: 'image' }] }, 'NotSupportedError'],
      ['LanguageModel', { expectedInputs: [{ type: 'audio' }] }, 'NotSupportedError'],
      ['LanguageModel', { expectedInputs: [{ type: 'soup' }] }, 'TypeError'],
      ['LanguageModel', { expectedInputs: [{}] }, 'TypeError'],
      ['LanguageModel', { tools: [] }, 'available'],
      ['LanguageModel', { samplingMode: 'wild' }, 'TypeError'],
      ['LanguageModel', { samplingMode: 'balanced', temperature: 0.8 }, 'TypeError'],
      ['LanguageModel', { samplingMode: 'balanced', topK: 10 }, 'TypeError'],
    ]) {
      const creating = await window.ended(window.web[name].create(options))
      creating.value?.destroy()
      const available = await window.ended(window.web[name].availability(options))
      const created = creating.name ?? 'available'
      const said = available.value ?? available.name
      rows.push([`${name} ${JSON.stringify(options)}`, expected, created, said])
    }
    return rows
  })
  for (const [what, expected, created, said] of seen) {
    assert.equal(created, expected, what)
    assert.equal(said, expected === 'NotSupportedError' ? 'unavailable' : expected, what)
  }
})

test('plausible options of every combination are answered, not refused', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const combinations = (spec) =>
      Object.entries(spec).reduce(
        (rows, [name, values]) =>
          rows.flatMap((row) =>
            values.map((value) => (value === undefined ? row : { ...row, [name]: value })),
          ),
        [{}],
      )
    const tags = [undefined, [], ['en'], ['es'], ['jp', 'fr']]
    const inputs = [undefined, [], [{ type: 'text', languages: ['en', 'ja'] }], [{ type: 'image' }]]
    const specs = {
      Writer: {
        tone: [undefined, 'formal'],
        expectedInputLanguages: tags,
        outputLanguage: [undefined, 'en', 'es'],
      },
      Rewriter: {
        length: ['as-is', 'longer'],
        expectedContextLanguages: tags,
        outputLanguage: [undefined, 'en', 'fr'],
      },
      Summarizer: {
        type: ['tldr', 'teaser'],
        preference: ['speed', 'auto'],
        expectedInputLanguages: tags,
      },
      LanguageModel: {
        topK: [undefined, -2, 0, 1.5, 99],
        temperature: [undefined, -0.5, 0, 7],
        expectedInputs: inputs,
      },
    }
    const rows = []
    for (const [name, spec] of Object.entries(specs)) {
      for (const options of combinations(spec)) {
        const end = await window.ended(window.web[name].availability(options))
        rows.push([`${name} ${JSON.stringify(options)}`, end.value ?? end.name])
      }
    }
    return rows
  })
  assert.ok(seen.length > 150, `${seen.length}`)
  for (const [what, said] of seen)
    assert.ok(['available', 'unavailable'].includes(said), `${what}: ${said}`)
})

test('the page complained of nothing', () => assert.deepEqual(here.problems, []))
