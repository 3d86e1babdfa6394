// What the tests of loading share: pages over one storage, how a small model is opened on one of
// them, and what lies in storage. Owns no test. The model is small_model.mjs's.
import { load } from './page.mjs'

/** Of a test; ./dev soak takes longer. */
export const TIMEOUT = { timeout: Number(process.env.NEARFIELD_LOADING_MS ?? 240_000) }

export async function newPage(context, server) {
  const page = await context.newPage()
  await load(page, server)
  return page
}

/** The SDK in a frame of the page, which dies like a tab when it is removed. */
export async function newFrame(page) {
  const element = await page.evaluateHandle(() => {
    const frame = document.createElement('iframe')
    frame.src = '/'
    document.body.append(frame)
    return frame
  })
  const frame = await element.contentFrame()
  await frame.waitForFunction(() => window.sdk !== undefined)
  return { frame, remove: () => element.evaluate((frame) => frame.remove()) }
}

/** Begins to open the model; window.loaded: the bytes told of so far, window.asked: consents. */
export const begin = (page, { manifest }, options = {}) =>
  page.evaluate(
    ([name, { consent, ...given }]) => {
      window.loaded = -1
      window.asked = []
      const ask = (need) => {
        window.asked.push(need)
        return consent
      }
      window.opening = window.sdk.Nearfield.open({
        model: `/models/${name}/`,
        backend: 'wasm',
        onProgress: (p) => {
          window.loaded = p.loaded
        },
        ...(consent !== undefined && { consent: ask }),
        ...given,
      }).then(
        (nf) => {
          window.nf = nf
          return { state: nf.status.state, cached: nf.status.cached }
        },
        ({ name, code, message }) => ({ name, code, message }),
      )
    },
    [manifest.name, options],
  )

export const outcome = (page) => page.evaluate(() => window.opening)
export const READY = { state: 'ready', cached: true }

/** Opens it to the end, and closes it again. */
export async function openOnce(page, model, options) {
  await begin(page, model, options)
  const result = await outcome(page)
  await page.evaluate(() => window.nf?.close())
  return result
}

/** The chunks of a model that are marked as kept, one number each; [] when nothing is there. */
export const marksOf = (page, { manifest }) =>
  page.evaluate(
    async ([sha256, n]) => {
      try {
        let at = await navigator.storage.getDirectory()
        for (const name of ['nearfield', 'models', sha256]) at = await at.getDirectoryHandle(name)
        const file = await (await at.getFileHandle('chunks')).getFile()
        return [...new Uint8Array(await file.arrayBuffer())].slice(0, n)
      } catch {
        return []
      }
    },
    [manifest.sha256, manifest.chunks.length],
  )

/** Until so many chunks are marked. */
export async function untilKept(page, model, n) {
  for (;;) {
    const marks = await marksOf(page, model)
    if (marks.reduce((sum, mark) => sum + mark, 0) >= n) return
  }
}

export const clearStorage = (page) =>
  page.evaluate(async () => {
    const root = await navigator.storage.getDirectory()
    await root.removeEntry('nearfield', { recursive: true }).catch(({ name }) => {
      if (name !== 'NotFoundError') throw new Error(name)
    })
  })

/** Sets the origin's quota for as long as the page is open; undefined: the browser's own again. */
export async function quotaOf(context, page, { origin }) {
  const session = await context.newCDPSession(page)
  return (quotaSize) => session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize })
}
