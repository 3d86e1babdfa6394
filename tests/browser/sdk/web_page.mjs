// What the tests of the W3C-shaped classes share: a page with them on `window.web`, and what is
// called on each. Owns no assertion.
import { launch } from '../chromium.mjs'
import { openPage, serveSdk } from './page.mjs'

const script = `
  import * as sdk from '/sdk/index.js'
  import * as web from '/sdk/web.js'
  window.sdk = sdk
  window.web = web
  window.all = async (stream) => {
    const given = []
    for await (const one of stream) given.push(one)
    return given
  }
  // what a promise, or a function that gives one or throws, ends with; error: itself, to compare
  window.ended = async (what) => {
    try {
      return { value: await (typeof what === 'function' ? what() : what) }
    } catch (error) {
      const { name, message, requested, quota } = error
      return { name, message, requested, quota, error }
    }
  }
  window.nameOf = async (what) => (await window.ended(what)).name ?? 'none'
  // the calls of each class: short ones
  const text = 'she go to the libary'
  const calls = {
    LanguageModel: {
      prompt: (one, o) => one.prompt('Hello', { maxTokens: 3, ...o }),
      append: (one, o) => one.append('Hello', o),
      measureContextUsage: (one, o) => one.measureContextUsage('Hello', o),
      measureInputUsage: (one, o) => one.measureInputUsage('Hello', o),
      clone: (one, o) => one.clone(o),
    },
    Proofreader: { proofread: (one, o) => one.proofread(text, o) },
    Rewriter: {
      rewrite: (one, o) => one.rewrite(text, o),
      measureInputUsage: (one, o) => one.measureInputUsage(text, o),
    },
    Summarizer: {
      summarize: (one, o) => one.summarize('The harbour was closed on Monday after a storm.', o),
      measureInputUsage: (one, o) => one.measureInputUsage(text, o),
    },
    Writer: {
      write: (one, o) => one.write('a note to a neighbour', o),
      measureInputUsage: (one, o) => one.measureInputUsage(text, o),
    },
  }
  const streams = {
    LanguageModel: (one, o) => one.promptStreaming('Hello', { maxTokens: 3, ...o }),
    Rewriter: (one, o) => one.rewriteStreaming(text, o),
    Summarizer: (one, o) => one.summarizeStreaming('The harbour was closed on Monday.', o),
    Writer: (one, o) => one.writeStreaming('a note to a neighbour', o),
  }
  const options = { Summarizer: { type: 'headline' }, LanguageModel: { samplingMode: 'most-predictable' } }
  window.kinds = Object.keys(calls).map((name) => ({
    name,
    calls: calls[name],
    stream: streams[name],
    create: (more) => web[name].create({ ...options[name], ...more }),
  }))`

/** A fresh profile: nothing is downloaded yet. close() ends all of it. */
export async function openWebPage() {
  const browser = await launch()
  const server = await serveSdk(true)
  server.pages['/test.js'] = script
  const { context, page, problems } = await openPage(browser, server)
  const close = async () => {
    await context.close()
    await browser.close()
    await server.close()
  }
  return { server, context, page, problems, close }
}
