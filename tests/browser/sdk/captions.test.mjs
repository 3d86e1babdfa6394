// captions.* of the built SDK in Chromium: a real file parsed and written back, no model.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from '../chromium.mjs'
import { openPage, serveSdk } from './page.mjs'

const talk = readFileSync(path.join(import.meta.dirname, '../../data/talk.srt'))
let browser
let server
let tab
before(async () => {
  browser = await launch()
  server = await serveSdk(false)
  tab = await openPage(browser, server)
})
after(async () => {
  await browser?.close()
  await server?.close()
})

/** Runs `act(captions, file, given)` on the page. */
const onPage = (act, given) =>
  tab.page.evaluate(
    async ([source, bytes, argument]) => {
      const act = new Function(`return (${source})`)()
      return act(window.sdk.captions, Uint8Array.from(bytes), argument)
    },
    [act.toString(), [...talk], given],
  )

test('an untouched file is written byte for byte', async () => {
  const written = await onPage(async (captions, file) => {
    const { cues, format } = await captions.parse(file)
    return Array.from(await captions.write(file, cues, format))
  })
  assert.deepEqual(Buffer.from(written), talk)
})

test('a changed cue changes its own lines only', async () => {
  const { before, written } = await onPage(async (captions, file) => {
    const { cues, format } = await captions.parse(file)
    const before = cues[1].text
    cues[1].text = 'A new line.'
    return { before, written: new TextDecoder().decode(await captions.write(file, cues, format)) }
  })
  assert.equal(written, talk.toString().replace(before, 'A new line.'))
})

test('WebVTT from SRT, lint and measure', async () => {
  const { vtt, findings, measures, n } = await onPage(async (captions, file) => {
    const { cues } = await captions.parse(file)
    const vtt = await captions.parse(await captions.write(file, cues, 'vtt'))
    const texts = cues.map((c) => c.text)
    return {
      vtt,
      findings: await captions.lint(cues, 'srt'),
      measures: await captions.measure(texts, 'srt'),
      n: cues.length,
    }
  })
  assert.equal(vtt.format, 'vtt')
  assert.equal(vtt.cues.length, n)
  assert.equal(measures.length, n)
  assert.ok(measures.every((m) => m.chars > 0 && m.lines >= 1))
  assert.ok(findings.every((f) => f.cue >= 0 && f.cue < n && f.rule.length > 0))
})

test('damage is one line of a NearfieldError', async () => {
  const error = await onPage((captions) =>
    captions
      .parse(new Uint8Array([0, 1, 2, 3]))
      .catch(({ name, code, message }) => ({ name, code, message })),
  )
  assert.equal(error.name, 'NearfieldError')
  assert.equal(error.code, 'bad_input')
  assert.match(error.message, /^[^\n]+$/)
})

test('no model is fetched and the page complained of nothing', () => {
  assert.deepEqual(
    server.log.filter((entry) => entry.path.startsWith('/models/')),
    [],
  )
  assert.deepEqual(tab.problems, [])
})
