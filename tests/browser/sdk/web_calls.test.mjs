// What every call of the W3C-shaped classes does, in Chromium over the real model: aborts, destroy(),
// streams, empty inputs, calls beside each other. What a session of LanguageModel remembers:
// web_session.test.mjs. docs/wpt.md says which test of the web platform's stands behind which.
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
    window.kept = await window.web.Writer.create() // the model stays open
  })
})
after(() => here?.close())

test(
  'a call that is aborted, before and while it runs, rejects with the reason',
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(async () => {
      const rows = []
      for (const { name, calls, create } of window.kinds) {
        const one = await create()
        for (const [call, run] of Object.entries(calls)) {
          const plain = new AbortController()
          const running = run(one, { signal: plain.signal })
          plain.abort()
          const names = [
            await window.nameOf(running),
            await window.nameOf(run(one, { signal: plain.signal })),
          ]
          const own = new AbortController()
          const reason = new Error('no longer wanted')
          const other = run(one, { signal: own.signal })
          own.abort(reason)
          const ends = [
            await window.ended(other),
            await window.ended(run(one, { signal: own.signal })),
          ]
          const same = ends.map(({ error }) => error === reason)
          rows.push([`${name}.${call}`, names, same])
        }
        const [[, first]] = Object.entries(calls)
        rows.push([name, await window.nameOf(first(one))]) // it is as good as before
        one.destroy()
      }
      return rows
    })
    assert.equal(seen.length, 12 + 5) // the last of each class: it is as good as before
    for (const [what, names, same] of seen) {
      if (same)
        assert.deepEqual(
          [names, same],
          [
            ['AbortError', 'AbortError'],
            [true, true],
          ],
          what,
        )
      else assert.equal(names, 'none', what)
    }
  },
)

test(
  'a stream that is aborted errors with the reason; one that is over does not',
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(async () => {
      const rows = []
      for (const { name, stream, create } of window.kinds) {
        if (!stream) continue
        const one = await create()
        const abort = new AbortController()
        const reason = new DOMException('of the page', 'VersionError')
        const given = stream(one, { signal: abort.signal })
        abort.abort(reason)
        const piped = await window.ended(given.pipeTo(new WritableStream()))
        const thrown = await window.ended(() => stream(one, { signal: abort.signal }))
        const plain = AbortSignal.abort()
        const plainly = await window.nameOf(() => stream(one, { signal: plain }))
        const late = new AbortController()
        const whole = stream(one, { signal: late.signal })
        const reader = whole.getReader()
        let text = ''
        for (let i = 0; ; i++) {
          const { value, done } = await reader.read()
          if (done) break
          text += value
          if (name === 'Writer' && i > 2) await reader.cancel() // its texts are long
        }
        late.abort()
        const after = await window.nameOf(reader.closed)
        one.destroy()
        rows.push({
          name,
          tag: `${given}`,
          same: [piped.error === reason, thrown.error === reason],
          plainly,
          text,
          after,
        })
      }
      return rows
    })
    assert.equal(seen.length, 4)
    for (const { name, tag, same, plainly, text, after: closed } of seen) {
      assert.equal(tag, '[object ReadableStream]', name)
      assert.deepEqual([same, plainly, closed], [[true, true], 'AbortError', 'none'], name)
      assert.ok(text.length > 0, name)
    }
  },
)

test('destroy() ends what runs and what comes; the second changes nothing', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const rows = []
    for (const { name, calls, stream, create } of window.kinds) {
      const one = await create()
      const runs = Object.values(calls).filter((run) => run !== calls.clone)
      const running = runs.map((run) => window.nameOf(run(one)))
      const given = stream?.(one)
      const returned = [one.destroy(), one.destroy()]
      const names = await Promise.all([...running, ...runs.map((run) => window.nameOf(run(one)))])
      if (calls.clone) names.push(await window.nameOf(calls.clone(one)))
      if (stream) {
        names.push(await window.nameOf(given.pipeTo(new WritableStream())))
        names.push(await window.nameOf(() => stream(one)))
      }
      const read = ['inputQuota', 'contextUsage', 'topK', 'length'].map((at) => typeof one[at])
      rows.push({ name, returned, names, read })
    }
    return rows
  })
  for (const { name, returned, names } of seen) {
    assert.deepEqual(new Set(names), new Set(['AbortError']), name)
    assert.deepEqual(returned, [undefined, undefined], name)
  }
  const { LanguageModel, Writer } = Object.fromEntries(seen.map(({ name, read }) => [name, read]))
  assert.deepEqual(LanguageModel.slice(0, 3), ['number', 'number', 'number'])
  assert.deepEqual([Writer[0], Writer[3]], ['number', 'string'])
})

test(
  "the signal of create() ends the object as destroy(), with the signal's reason",
  TIMEOUT,
  async () => {
    const seen = await page.evaluate(async () => {
      const rows = []
      for (const { name, calls, stream, create } of window.kinds) {
        const abort = new AbortController()
        const reason = new Error('the page is left')
        const one = await create({ signal: abort.signal })
        const running = Object.values(calls).map((run) => window.ended(run(one)))
        const given = stream?.(one)
        abort.abort(reason)
        // what clone() gave before is a session of its own, and stays
        const [first, ...more] = await Promise.all(running)
        const ends = [
          first,
          ...more.filter(({ value }) => !(value instanceof window.web.LanguageModel)),
        ]
        ends.push(...(await Promise.all(Object.values(calls).map((run) => window.ended(run(one))))))
        if (given) ends.push(await window.ended(given.pipeTo(new WritableStream())))
        rows.push([name, ends.map(({ error }) => error === reason)])
      }
      return rows
    })
    for (const [name, same] of seen)
      assert.ok(same.length >= 2 && same.every(Boolean), `${name}: ${same}`)
  },
)

test('an empty input needs no model: the same text and no piece', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const { Proofreader, Rewriter, Summarizer, Writer } = window.web
    const [proofreader, rewriter, summarizer, writer] = await Promise.all(
      [Proofreader, Rewriter, Summarizer, Writer].map((one) => one.create()),
    )
    const texts = {
      writer: [await writer.write(''), await writer.write(' ')],
      summarizer: [await summarizer.summarize(''), await summarizer.summarize(' \n')],
      rewriter: [await rewriter.rewrite(''), await rewriter.rewrite(' ')],
      proofreader: [await proofreader.proofread(''), await proofreader.proofread(' ')],
    }
    const first = (stream) => stream.getReader().read()
    const pieces = await Promise.all([
      first(writer.writeStreaming('')),
      first(summarizer.summarizeStreaming('')),
      first(rewriter.rewriteStreaming('')),
    ])
    const context = await summarizer.summarize('The harbour was closed on Monday.', {
      context: ' ',
    })
    const usages = await Promise.all([
      writer.measureInputUsage('a word'),
      summarizer.measureInputUsage('a word'),
      rewriter.measureInputUsage('a word'),
    ])
    const quotas = [writer, summarizer, rewriter].map((one) => one.inputQuota)
    for (const one of [proofreader, rewriter, summarizer, writer]) one.destroy()
    return { texts, pieces, context, usages, infinite: quotas.map((n) => n === Infinity), quotas }
  })
  assert.deepEqual(seen.texts.writer, ['', ''])
  assert.deepEqual(seen.texts.summarizer, ['', ''])
  assert.deepEqual(seen.texts.rewriter, ['', ' '])
  assert.deepEqual(seen.texts.proofreader, [
    { correctedInput: '', corrections: [] },
    { correctedInput: ' ', corrections: [] },
  ])
  for (const { value, done } of seen.pieces) assert.deepEqual([value, done], [undefined, true])
  assert.ok(seen.context.length > 0)
  assert.ok(seen.usages[0] > 0 && seen.usages[1] > 0 && seen.usages[2] === 0, `${seen.usages}`)
  assert.deepEqual(seen.infinite, [false, false, true])
  assert.ok(seen.quotas[0] > 100 && seen.quotas[1] > 100)
})

test('a text that is too long is a QuotaExceededError with both numbers', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const rows = []
    for (const [name, call, stream] of [
      ['Writer', 'write', 'writeStreaming'],
      ['Summarizer', 'summarize', 'summarizeStreaming'],
    ]) {
      const one = await window.web[name].create()
      const long = 'a word and another one '.repeat(one.inputQuota)
      const usage = await one.measureInputUsage(long)
      const whole = await window.ended(one[call](long))
      const streamed = await window.ended(one[stream](long).pipeTo(new WritableStream()))
      const sharedContext = long
      const created = await window.ended(window.web[name].create({ sharedContext }))
      const isClass =
        typeof QuotaExceededError === 'undefined' || whole.error instanceof QuotaExceededError
      const quota = one.inputQuota
      one.destroy()
      for (const end of [whole, streamed, created]) delete end.error
      rows.push({ name, usage, quota, whole, streamed, created, isClass })
    }
    return rows
  })
  for (const { name, usage, quota, whole, streamed, created, isClass } of seen) {
    const numbers = { name: 'QuotaExceededError', requested: usage, quota }
    for (const end of [whole, streamed])
      assert.deepEqual({ ...end, message: '' }, { ...numbers, message: '' }, name)
    assert.equal(created.name, 'QuotaExceededError', name)
    assert.ok(created.requested > created.quota && isClass, name)
  }
})

test('calls beside each other, alike and not: each its own whole answer', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const { LanguageModel, Proofreader, Rewriter, Summarizer } = window.web
    const texts = ['she go to the libary', 'i has two cats']
    const pairs = async (make, call, stream) => {
      const one = await make()
      const alone = [await call(one, texts[0]), await call(one, texts[1])]
      const both = await Promise.all(texts.map((text) => call(one, text)))
      const alike = await Promise.all([call(one, texts[0]), call(one, texts[0])])
      const streamed = stream
        ? await Promise.all(
            texts.map(async (text) => (await window.all(stream(one, text))).join('')),
          )
        : alone
      one.destroy()
      return { alone, both, alike, streamed }
    }
    const session = await LanguageModel.create()
    const answers = await Promise.all([
      session.prompt('Hello', { maxTokens: 3 }),
      session.prompt('Hello', { maxTokens: 3 }),
      window.all(session.promptStreaming('Bye', { maxTokens: 3 })),
    ])
    session.destroy()
    return {
      answers,
      pairs: [
        await pairs(
          () => Rewriter.create(),
          (one, text) => one.rewrite(text),
          (one, text) => one.rewriteStreaming(text),
        ),
        await pairs(
          () => Summarizer.create({ type: 'headline' }),
          (one, text) => one.summarize(text),
          (one, text) => one.summarizeStreaming(text),
        ),
        await pairs(
          () => Proofreader.create(),
          async (one, text) => (await one.proofread(text)).correctedInput,
        ),
      ],
    }
  })
  for (const { alone, both, alike, streamed } of seen.pairs) {
    assert.deepEqual(both, alone)
    assert.deepEqual(alike, [alone[0], alone[0]])
    assert.deepEqual(streamed, alone)
  }
  assert.ok(seen.answers.every((answer) => answer.length > 0))
})

test('pieces add up to the whole, through collections of garbage', TIMEOUT, async () => {
  const whole = await page.evaluate(async () => {
    const { LanguageModel } = window.web
    const options = { samplingMode: 'most-predictable' }
    const first = await LanguageModel.create(options)
    const text = await first.prompt('Tell me of the sea.', { maxTokens: 24 })
    first.destroy()
    // nothing but the reader is kept: neither the session nor the stream
    const session = await LanguageModel.create(options)
    window.reader = session.promptStreaming('Tell me of the sea.', { maxTokens: 24 }).getReader()
    return text
  })
  const cdp = await page.context().newCDPSession(page)
  const pieces = []
  for (;;) {
    if (pieces.length % 8 === 0) await cdp.send('HeapProfiler.collectGarbage')
    const { value, done } = await page.evaluate(() => window.reader.read())
    if (done) break
    pieces.push(value)
  }
  assert.equal(pieces.join(''), whole)
  assert.ok(pieces.length > 8, `${pieces.length} pieces`)
})

test('Proofreader: corrections are where the text was changed', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const proofreader = await window.web.Proofreader.create()
    const input = 'she go to the libary'
    const result = await proofreader.proofread(input)
    proofreader.destroy()
    return { input, ...result }
  })
  assert.notEqual(seen.correctedInput, seen.input)
  assert.ok(seen.corrections.length > 0)
  let end = 0
  for (const correction of seen.corrections) {
    assert.ok(correction.startIndex >= end && correction.endIndex >= correction.startIndex)
    end = correction.endIndex
  }
})

test('the page complained of nothing', () => assert.deepEqual(here.problems, []))
