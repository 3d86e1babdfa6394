/**
 * A static server with the headers nearfield-server sends (isolation, CSP, trusted types), for
 * browser tests only. Owns no caching and no ranges beyond what a test needs.
 */

import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

export const HEADERS = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; " +
    "connect-src 'self'; worker-src 'self'; media-src 'self' blob:; font-src 'self'; " +
    "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
    "require-trusted-types-for 'script'",
}

/** What can be asked of a server's jobs; nothing here does them. */
const JOBS = JSON.stringify({
  kinds: ['transcribe', 'render'].map((kind) => ({ kind, ready: true, mend: null })),
  upload_bytes_max: 1 << 30,
  jobs: [],
})

/**
 * Serves `folder` at /, and each extra folder at its prefix. edits: the server says that it edits
 * too (only the stand-in for the SDK does). Resolves to {url, close}.
 */
export async function serve(folder, extra = {}, { edits = false } = {}) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://x').pathname))
    if (path === '/v1/jobs') {
      response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/json' }).end(JOBS)
      return
    }
    if (path === '/v1/models') {
      const data = edits ? [{ id: 'smollm2-135m-instruct.q4_1', object: 'model' }] : []
      response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/json' })
      response.end(JSON.stringify({ object: 'list', data, nearfield: { edits } }))
      return
    }
    const prefix = Object.keys(extra).find((name) => path.startsWith(name))
    const file = prefix
      ? join(extra[prefix], path.slice(prefix.length))
      : join(folder, path === '/' ? 'index.html' : path.endsWith('/') ? `${path}index.json` : path)
    try {
      const { size } = await stat(file)
      const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
      const start = range ? Number(range[1]) : 0
      const end = range?.[2] ? Number(range[2]) : size - 1
      response.writeHead(range ? 206 : 200, {
        ...HEADERS,
        'Content-Type': TYPES[extname(file)] ?? 'application/octet-stream',
        'Content-Length': end - start + 1,
        ...(range && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
      })
      createReadStream(file, { start, end }).pipe(response)
    } catch {
      response.writeHead(404, HEADERS).end('not found')
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() }
}
