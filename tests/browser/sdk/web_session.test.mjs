// What a session of LanguageModel takes, counts and remembers, in Chromium over the real model:
// inputs, roles, usage, overflow, clones, sampling. Aborts and destroy(): web_calls.test.mjs.
// docs/wpt.md says which test of the web platform's stands behind which of ours.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openWebPage } from './web_page.mjs'

const TIMEOUT = { timeout: 240_000 }
let here
let page
before(async () => {
  here = await openWebPage()
  page = here.page
  await page.evaluate(async () => {
    window.kept = await window.web.LanguageModel.create() // the model stays open
  })
})
after(() => here?.close())

test('inputs that are empty or no string are taken as Web IDL takes them', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const { LanguageModel } = window.web
    const rows = []
    for (const input of [
      '',
      undefined,
      null,
      {},
      [],
      [{ role: 'user', content: [] }],
      [{ role: 'user', content: '' }],
      [{ role: 'user', content: [{ type: 'text', value: '' }] }],
      { role: 'system', content: 'of no list' },
    ]) {
      const session = await LanguageModel.create()
      const ends = [
        await window.ended(session.prompt(input, { maxTokens: 2 })),
        await window.ended(window.all(session.promptStreaming(input, { maxTokens: 2 }))),
        await window.ended(session.append(input)),
      ]
      session.destroy()
      rows.push([
        JSON.stringify(input) ?? 'undefined',
        ends.map((end) => end.name ?? typeof end.value),
      ])
    }
    return rows
  })
  for (const [what, ends] of seen) assert.deepEqual(ends, ['string', 'object', 'undefined'], what)
})

test(
  'roles, prefixes and types: what no session can hold is refused, and it stays as it was',
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(async () => {
      const { LanguageModel } = window.web
      const user = { role: 'user', content: 'foo' }
      const system = { role: 'system', content: 'bar' }
      const begin = { role: 'assistant', content: 'So', prefix: true }
      const rows = []
      for (const [input, error] of [
        [[user, system], 'TypeError'],
        [[system, system], 'TypeError'],
        [[{ role: 'narrator', content: 'x' }], 'TypeError'],
        [[{ role: 'user' }], 'TypeError'],
        [[null], 'TypeError'],
        [[{ ...user, prefix: true }], 'SyntaxError'],
        [[begin, user], 'SyntaxError'],
        [[{ role: 'user', content: [{ type: 'soup', value: 'x' }] }], 'TypeError'],
        [[{ role: 'user', content: [{ type: 'image', value: 'x' }] }], 'NotSupportedError'],
      ]) {
        const session = await LanguageModel.create()
        const ends = [
          await window.nameOf(session.prompt(input)),
          await window.nameOf(window.all(session.promptStreaming(input))),
          await window.nameOf(session.append(input)),
          session.contextUsage,
        ]
        session.destroy()
        rows.push([JSON.stringify(input), error, ends])
      }
      const begun = await LanguageModel.create({ initialPrompts: [user] })
      const late = await window.nameOf(begun.prompt([system]))
      begun.destroy()
      const fresh = await LanguageModel.create()
      await fresh.append([system])
      const second = await window.nameOf(fresh.append([system]))
      fresh.destroy()
      const initial = []
      for (const initialPrompts of [
        [],
        [system, user, { role: 'assistant', content: 'hello' }],
        [user, { role: 'assistant', content: 'hello' }],
        [user, system],
        [system, system, user],
        [user, begin],
      ]) {
        const end = await window.ended(LanguageModel.create({ initialPrompts }))
        end.value?.destroy()
        initial.push(end.name ?? 'none')
      }
      const open = await LanguageModel.create({ samplingMode: 'most-predictable' })
      const answer = await open.prompt(
        [
          { role: 'user', content: 'Say the days of the week.' },
          { role: 'assistant', content: 'Monday,', prefix: true },
        ],
        { maxTokens: 3 },
      )
      open.destroy()
      return { rows, late, second, initial, answer }
    })
    for (const [what, error, ends] of seen.rows)
      assert.deepEqual(ends, [error, error, error, 0], what)
    assert.deepEqual([seen.late, seen.second], ['TypeError', 'TypeError'])
    assert.deepEqual(seen.initial, [
      'none',
      'none',
      'none',
      'TypeError',
      'TypeError',
      'SyntaxError',
    ])
    assert.match(seen.answer, /^ ?Tuesday/)
  },
)

test(
  'usage: nothing at first, what is said, what is answered, and initial prompts',
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(async () => {
      const { LanguageModel } = window.web
      const session = await LanguageModel.create()
      const empty = session.contextUsage
      const text = 'Please name a port.'
      const measured = await session.measureContextUsage(text)
      const measuredTwice = await session.measureInputUsage(text)
      const unchanged = session.contextUsage
      const appended = await session.append(text)
      const said = session.contextUsage
      const answered = await LanguageModel.create()
      const answer = await answered.prompt(text, { maxTokens: 5 })
      const after = answered.contextUsage
      const initialPrompts = [
        { role: 'system', content: 'The word of the day is regurgitation.' },
        { role: 'user', content: 'bar' },
      ]
      const begun = await LanguageModel.create({ initialPrompts })
      const initial = [begun.contextUsage, await begun.measureContextUsage(initialPrompts)]
      const { contextUsage, contextWindow, inputUsage, inputQuota } = begun
      for (const one of [session, answered, begun]) one.destroy()
      const older = [inputUsage === contextUsage, inputQuota === contextWindow]
      return {
        empty,
        measured,
        measuredTwice,
        unchanged,
        appended,
        said,
        answer,
        after,
        initial,
        older,
      }
    })
    assert.deepEqual([seen.empty, seen.unchanged, seen.appended], [0, 0, undefined])
    assert.ok(seen.measured > 4)
    assert.deepEqual([seen.measuredTwice, seen.said], [seen.measured, seen.measured])
    assert.equal(seen.after, seen.measured + 5) // tokens of the answer, and no marks of a turn
    assert.ok(seen.initial[0] > 10)
    assert.equal(seen.initial[0], seen.initial[1])
    assert.deepEqual(seen.older, [true, true])
  },
)

test(
  'more than the window: QuotaExceededError with what was measured, and nothing is lost',
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(async () => {
      const { LanguageModel } = window.web
      const session = await LanguageModel.create()
      const window_ = session.contextWindow
      const long = 'Please write a line of prose. '.repeat(window_)
      const measured = await session.measureContextUsage(long)
      const content = long
      const ends = [
        await window.ended(session.prompt(long)),
        await window.ended(window.all(session.promptStreaming(long))),
        await window.ended(session.append(long)),
        await window.ended(LanguageModel.create({ initialPrompts: [{ role: 'user', content }] })),
      ]
      const isClass =
        typeof QuotaExceededError === 'undefined' || ends[0].error instanceof QuotaExceededError
      const isException = ends[0].error instanceof DOMException
      const usage = session.contextUsage
      session.destroy()
      const rows = ends.map(({ name, requested, quota }) => [name, requested, quota])
      return { window: window_, measured, rows, usage, isClass, isException }
    })
    assert.ok(seen.measured > 5 * seen.window, `${seen.measured} tokens`)
    for (const row of seen.rows)
      assert.deepEqual(row, ['QuotaExceededError', seen.measured, seen.window])
    assert.deepEqual([seen.usage, seen.isClass, seen.isException], [0, true, true])
  },
)

test(
  'a prompt that fits by itself drops older turns and fires contextoverflow',
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(async () => {
      const session = await window.web.LanguageModel.create()
      const fired = []
      session.addEventListener('contextoverflow', ({ type }) => fired.push(type))
      session.oncontextoverflow = function ({ type }) {
        fired.push(`${this === session ? 'on' : '?'}${type}`)
      }
      session.onquotaoverflow = 'no function'
      const none = session.onquotaoverflow
      await session.append('word '.repeat(900))
      const answer = await session.prompt('word '.repeat(150), { maxTokens: 2 })
      const { contextUsage } = session
      session.destroy()
      return { fired, none, answer, contextUsage }
    })
    assert.deepEqual(seen.fired.sort(), ['contextoverflow', 'oncontextoverflow'])
    assert.equal(seen.none, null)
    assert.equal(typeof seen.answer, 'string')
    assert.ok(seen.contextUsage > 150 && seen.contextUsage < 250, `${seen.contextUsage}`)
  },
)

test('a clone begins as its original is, and both go on by themselves', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const session = await window.web.LanguageModel.create({ samplingMode: 'most-predictable' })
    await session.prompt('Name a port.', { maxTokens: 4 })
    const clone = await session.clone()
    const of = (one) =>
      ['contextUsage', 'contextWindow', 'topK', 'temperature', 'samplingMode'].map((at) => one[at])
    const before = [of(session), of(clone)]
    await clone.prompt('And another one.', { maxTokens: 4 })
    const after = [session.contextUsage, clone.contextUsage]
    session.destroy()
    const alive = await clone.prompt('Thanks.', { maxTokens: 2 })
    clone.destroy()
    return { before, after, alive: typeof alive, different: session !== clone }
  })
  assert.deepEqual(seen.before[0], seen.before[1])
  assert.equal(seen.after[0], seen.before[0][0])
  assert.ok(seen.after[1] > seen.after[0])
  assert.deepEqual([seen.alive, seen.different], ['string', true])
})

test('sampling: seven modes, kept by clones; numbers within their ranges', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const { LanguageModel } = window.web
    const modes = []
    for (const samplingMode of [
      undefined,
      'most-predictable',
      'predictable',
      'slightly-predictable',
      'balanced',
      'slightly-creative',
      'creative',
      'most-creative',
    ]) {
      const session = await LanguageModel.create(samplingMode && { samplingMode })
      const clone = await session.clone()
      const answer = await window.nameOf(clone.prompt('Hello', { maxTokens: 1 }))
      modes.push([samplingMode ?? 'balanced', session.samplingMode, clone.samplingMode, answer])
      for (const one of [session, clone]) one.destroy()
    }
    const numbers = []
    for (const [options, expected] of [
      [{ topK: 3, temperature: 0.6 }, [3, 0.6, null]],
      [{ topK: 1.5, temperature: 0.5 }, [1, 0.5, null]],
      [{ topK: 0, temperature: 0.5 }, 'RangeError'],
      [{ topK: -2, temperature: 0.5 }, 'RangeError'],
      [{ topK: 3, temperature: -0.5 }, 'RangeError'],
    ]) {
      const { value, name } = await window.ended(LanguageModel.create(options))
      numbers.push([value ? [value.topK, value.temperature, value.samplingMode] : name, expected])
      value?.destroy()
    }
    return { modes, numbers, params: await LanguageModel.params() }
  })
  for (const [mode, ...is] of seen.modes) assert.deepEqual(is, [mode, mode, 'none'], mode)
  for (const [is, expected] of seen.numbers) assert.deepEqual(is, expected)
  assert.ok(Object.values(seen.params).every((value) => value > 0))
})

test('the model answers a question that it can answer', TIMEOUT, async () => {
  const answer = await page.evaluate(async () => {
    const session = await window.web.LanguageModel.create({ samplingMode: 'most-predictable' })
    return session.prompt('What is the capital of France?', { maxTokens: 16 })
  })
  assert.match(answer, /Paris/)
})

test('the page complained of nothing', () => assert.deepEqual(here.problems, []))
