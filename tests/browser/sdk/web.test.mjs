// The classes of the W3C's drafts (nearfield/web, nearfield/polyfill) and chat.completions in
// Chromium over the real model: one download for all of them, texts streamed from the worker. What
// the texts say is not judged here, only that they are what was asked for.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { load, modelRequests } from './page.mjs'
import { openWebPage } from './web_page.mjs'

const TIMEOUT = { timeout: 240_000 }
const TEXT =
  'The harbour was closed on Monday after a storm. Two ferries were damaged, and the repairs will ' +
  'take three weeks. Until then, buses will carry passengers to the next port.'

let here
let server
let page
before(async () => {
  here = await openWebPage()
  server = here.server
  page = here.page
})
after(() => here?.close())

test('create downloads once for all of them, and tells 0 to 1', TIMEOUT, async () => {
  const { before, during, after, loaded, names } = await page.evaluate(async () => {
    const { LanguageModel, Proofreader, Rewriter, Summarizer, Writer } = window.web
    const classes = [LanguageModel, Proofreader, Rewriter, Summarizer, Writer]
    const before = await LanguageModel.availability()
    const loaded = []
    const monitor = (m) => m.addEventListener('downloadprogress', (e) => loaded.push(e.loaded))
    const creating = Promise.all(classes.map((one) => one.create({ monitor })))
    let during = before
    while (during === 'downloadable') during = await Writer.availability()
    window.own = await creating
    const after = await Summarizer.availability()
    return { before, during, after, loaded, names: window.own.map((one) => one.constructor.name) }
  })
  assert.equal(before, 'downloadable')
  assert.ok(['downloading', 'available'].includes(during), during)
  assert.equal(after, 'available')
  assert.equal(modelRequests(server).length, 1)
  assert.equal(names.length, 5)
  assert.equal(loaded.filter((at) => at === 0).length, 5)
  assert.equal(loaded.filter((at) => at === 1).length, 5)
  assert.ok(loaded.every((at) => at >= 0 && at <= 1) && loaded.length > 20)
})

test('Rewriter and Proofreader: edits, passage by passage', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const [, proofreader, rewriter] = window.own
    const input = 'she go to the libary\n\n  i has two cats and they is cute'
    const pieces = await window.all(rewriter.rewriteStreaming(input))
    const { correctedInput, corrections } = await proofreader.proofread(input)
    const applied = corrections
      .toReversed()
      .reduce((text, { startIndex, endIndex, correction }) => {
        return text.slice(0, startIndex) + correction + text.slice(endIndex)
      }, input)
    return { input, pieces, correctedInput, applied }
  })
  assert.ok(seen.pieces.length >= 2, JSON.stringify(seen.pieces))
  assert.equal(seen.pieces.join(''), seen.correctedInput)
  assert.equal(seen.applied, seen.correctedInput)
  assert.equal(
    seen.correctedInput,
    "She went to the library.\n\n  I have two cats, and they're cute.",
  )
})

test('Summarizer and Writer: a stream adds up, within the length', TIMEOUT, async () => {
  const seen = await page.evaluate(async (text) => {
    const [, , , summarizer, writer] = window.own
    const points = await window.all(summarizer.summarizeStreaming(text))
    const headliner = await window.web.Summarizer.create({ type: 'headline' })
    const headline = await headliner.summarize(text)
    const pieces = await window.all(headliner.summarizeStreaming(text))
    headliner.destroy()
    const letter = writer.writeStreaming('a note to a neighbour about a cat').getReader()
    let written = ''
    while (written.length < 40) written += (await letter.read()).value
    await letter.cancel()
    const usage = await summarizer.measureInputUsage(text)
    const { inputQuota } = summarizer
    const { name, requested, quota } = await summarizer.summarize(text.repeat(40)).catch((e) => e)
    return { points, headline, pieces, usage, inputQuota, error: { name, requested, quota } }
  }, TEXT)
  const { points, headline, usage, error } = seen
  console.log(`# points: ${JSON.stringify(points.join(''))}; headline: ${JSON.stringify(headline)}`)
  assert.ok(points.length > 5)
  const lines = points.join('').split('\n')
  assert.ok(lines.length <= 3 && lines.every((line) => line.startsWith('- ')), lines.join('|'))
  assert.equal(seen.pieces.join(''), headline)
  assert.ok(/^[^\n]+$/.test(headline) && headline.split(/\s+/).length <= 12)
  assert.ok(usage > 30 && usage < 60, `${usage} tokens`)
  assert.equal(error.name, 'QuotaExceededError')
  assert.equal(error.quota, seen.inputQuota)
  assert.ok(error.requested > seen.inputQuota)
})

test('LanguageModel: prompts, usage, clone, abort and destroy', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const { LanguageModel } = window.web
    const options = {
      samplingMode: 'most-predictable',
      initialPrompts: [{ role: 'system', content: 'You answer in one short sentence.' }],
    }
    const session = await LanguageModel.create(options)
    const empty = session.contextUsage
    const measured = await session.measureContextUsage('What is a harbour?')
    const pieces = await window.all(
      session.promptStreaming('What is a harbour?', { maxTokens: 16 }),
    )
    const clone = await session.clone()
    const [again, same] = await Promise.all(
      [session, clone].map((one) => one.prompt('And a port?', { maxTokens: 12 })),
    )
    const abort = new AbortController()
    const usage = session.contextUsage
    const reader = session.promptStreaming('Tell me more.', { signal: abort.signal }).getReader()
    await reader.read()
    abort.abort()
    // in the same turn: whatever needs the worker, or a timer, comes after
    const later = new Promise((r) => setTimeout(r, 0, 'another turn'))
    const aborted = await Promise.race([later, reader.read().catch((e) => e.name)])
    const kept = session.contextUsage === usage
    const constraint = await session
      .prompt('yes?', { responseConstraint: /yes|no/ })
      .catch((e) => e.name)
    const long = session.prompt('Tell me a story.')
    session.destroy()
    const destroyed = await long.catch((e) => e.name)
    const afterwards = await session.prompt('x').catch((e) => e.name)
    const alive = await clone.prompt('Hello', { maxTokens: 4 })
    clone.destroy()
    const { contextWindow } = clone
    const ended = { aborted, kept, constraint, destroyed, afterwards }
    return { empty, measured, usage, contextWindow, pieces, again, same, alive, ...ended }
  })
  console.log(`# prompt: ${JSON.stringify(seen.pieces.join(''))}`)
  assert.ok(seen.empty > 5 && seen.measured > 5)
  assert.ok(seen.pieces.length > 5)
  assert.ok(seen.usage > seen.empty + seen.measured && seen.usage < seen.contextWindow)
  assert.equal(seen.same, seen.again)
  assert.equal(seen.aborted, 'AbortError')
  assert.ok(seen.kept)
  assert.equal(seen.constraint, 'NotSupportedError')
  assert.deepEqual([seen.destroyed, seen.afterwards], ['AbortError', 'AbortError'])
  assert.ok(seen.alive.length > 0)
})

test('LanguageModel: a full context drops the oldest turns and says so', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const session = await window.web.LanguageModel.create()
    let overflows = 0
    session.addEventListener('contextoverflow', () => overflows++)
    await session.append(`One. ${'word '.repeat(900)}`)
    const before = [session.contextUsage, overflows]
    await session.append(`Two. ${'word '.repeat(150)}`)
    const after = [session.contextUsage, overflows]
    const error = await session.append('word '.repeat(1100)).catch((e) => e)
    const { name, requested, quota } = error
    const answer = await session.prompt('Well?', { maxTokens: 3 })
    session.destroy()
    return { before, after, error: { name, requested, quota }, answer }
  })
  assert.ok(seen.before[0] > 900 && seen.before[1] === 0, `${seen.before}`)
  assert.ok(seen.after[0] > 150 && seen.after[0] < 250 && seen.after[1] === 1, `${seen.after}`)
  assert.equal(seen.error.name, 'QuotaExceededError')
  assert.equal(seen.error.quota, 1023)
  assert.ok(seen.error.requested > 1100)
  assert.ok(seen.answer.length > 0)
})

test('chat.completions: whole, as a stream, beside edits; leaving ends it', TIMEOUT, async () => {
  const seen = await page.evaluate(async () => {
    const model = '/models/smollm2-135m-instruct.q4_1/'
    const nf = await window.sdk.Nearfield.open({ model })
    const params = {
      model: nf.status.model.id,
      messages: [{ role: 'user', content: 'Say something about the sea.' }],
      max_tokens: 10,
      seed: 3,
    }
    const whole = await nf.chat.completions.create(params)
    const stream = await nf.chat.completions.create({
      ...params,
      stream: true,
      stream_options: { include_usage: true },
    })
    const edit = nf.edit({ task: 'fix', text: 'she go to the libary' })
    const chunks = await window.all(stream)
    const { verdict } = await edit
    const left = await nf.chat.completions.create({ ...params, max_tokens: 500, stream: true })
    for await (const { choices } of left) if (choices[0].delta.content) break
    const start = performance.now()
    await nf.edit({ task: 'fix', text: 'she go home' })
    const afterMs = performance.now() - start
    const error = await nf.chat.completions.create({ ...params, tools: [{}] }).catch((e) => e)
    const typed = error instanceof window.sdk.NearfieldError && error.code
    nf.close()
    return { whole, chunks, verdict, afterMs, typed }
  })
  const { whole, chunks } = seen
  const streamed = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')
  assert.equal(streamed, whole.choices[0].message.content)
  assert.equal(whole.choices[0].finish_reason, 'length')
  assert.equal(whole.usage.completion_tokens, 10)
  assert.deepEqual(chunks.at(-1).usage.total_tokens, whole.usage.total_tokens)
  assert.ok(chunks.length > 6)
  assert.equal(seen.verdict, 'changed')
  assert.ok(seen.afterMs < 10_000, `${seen.afterMs} ms`) // 500 tokens would have taken longer
  assert.equal(seen.typed, 'unsupported')
})

test('the polyfill: globals where there are none, found by name alone', TIMEOUT, async () => {
  await page.evaluate(() => {
    for (const one of window.own) one.destroy()
  })
  server.pages['/test.js'] = `
    class Theirs {}
    globalThis.Summarizer = Theirs
    const names = ['LanguageModel', 'Proofreader', 'Rewriter', 'Summarizer', 'Writer']
    window.lacking = names.filter((name) => !(name in globalThis)) // this browser may have some
    const { installed } = await import('/sdk/polyfill.js')
    window.kept = globalThis.Summarizer === Theirs
    window.installed = installed
    window.sdk = {}`
  await load(page, server)
  const seen = await page.evaluate(async () => {
    const rewriter = await window.Rewriter.create({ tone: 'more-formal' })
    const text = await rewriter.rewrite("we can't come")
    rewriter.destroy()
    return { installed: window.installed, lacking: window.lacking, kept: window.kept, text }
  })
  assert.deepEqual(seen.installed, seen.lacking)
  assert.ok(seen.installed.includes('Rewriter') && !seen.installed.includes('Summarizer'))
  assert.ok(seen.kept)
  assert.equal(seen.text, 'we cannot come')
})

test('the page complained of nothing', () => assert.deepEqual(here.problems, []))
