// A static server for browser tests: built files, the real model with its manifest, a log of
// what was asked, and faults on demand. Owns no test; not a model of the product's server
// (tests/server has that one), only of the contract the SDK relies on.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import os from 'node:os'
import path from 'node:path'

const CHUNK_BYTES = 512 << 10
const TYPES = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.map': 'application/json',
}
const SECURITY = {
  'Content-Security-Policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
    "style-src 'self'; object-src 'none'; base-uri 'none'; require-trusted-types-for 'script'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
}

export const modelPath =
  process.env.NEARFIELD_MODEL ??
  path.join(os.homedir(), '.cache/nearfield/models/SmolLM2-135M-Instruct.Q4_1.gguf')

let manifestCache
export function manifestOf(file = modelPath) {
  if (manifestCache?.path === file) return manifestCache.manifest
  const bytes = readFileSync(file)
  const hash = (part) => createHash('sha256').update(part).digest('hex')
  const chunks = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    chunks.push(hash(bytes.subarray(at, at + CHUNK_BYTES)))
  const manifest = {
    name: path.basename(file, '.gguf').toLowerCase(),
    file: path.basename(file),
    bytes: bytes.length,
    sha256: hash(bytes),
    chunk_bytes: CHUNK_BYTES,
    chunks,
  }
  manifestCache = { path: file, manifest }
  return manifest
}

// roots: { '/url/prefix/': folder }; pages: by path, bytes or a function that answers.
// Returns { origin, log, faults, headers, close }.
//   headers put here go over the server's own
//   log     [{ path, range, sent }] in order
//   faults  { cutAfter: bytes of the model file after which the next reply's socket is destroyed,
//             once; models: false refuses every connection for /models/, a promise holds them until it
//             is kept }
// handlers: { '/url/prefix/': (request, response) => ... }, which a test gives.
// scripts: a source that script-src allows beside the page's own files.
export async function serve({
  isolated = true,
  roots = {},
  pages = {},
  handlers = {},
  scripts = '',
} = {}) {
  const log = []
  const faults = { cutAfter: null, models: true }
  const headers = {}
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, 'http://host')
    const entry = { path: url.pathname, range: request.headers.range ?? null, sent: 0 }
    log.push(entry)
    const ofModels = url.pathname.startsWith('/models/')
    if (ofModels) await faults.models
    if (!faults.models && ofModels) return request.socket.destroy()
    const own = Object.keys(handlers).find((prefix) => url.pathname.startsWith(prefix))
    if (own) return handlers[own](request, response)
    const sent = { ...SECURITY, ...(isolated && ISOLATION), ...headers }
    for (const [name, value] of Object.entries(sent))
      response.setHeader(name, value.replace("script-src 'self'", `script-src 'self' ${scripts}`))
    const manifest = ofModels ? manifestOf() : null
    if (manifest && url.pathname === `/models/${manifest.name}/manifest.json`) {
      response.setHeader('Content-Type', 'application/json')
      return response.end(JSON.stringify(manifest))
    }
    if (manifest && url.pathname === `/models/${manifest.name}/${manifest.file}`) {
      return sendFile(modelPath, request, response, entry, faults)
    }
    if (typeof pages[url.pathname] === 'function') return pages[url.pathname](request, response)
    if (pages[url.pathname] !== undefined) {
      response.setHeader('Content-Type', TYPES[path.extname(url.pathname)] ?? 'text/html')
      return response.end(pages[url.pathname])
    }
    for (const [prefix, folder] of Object.entries(roots)) {
      if (!url.pathname.startsWith(prefix)) continue
      const file = path.join(folder, path.normalize(`/${url.pathname.slice(prefix.length)}`))
      if (existsSync(file) && statSync(file).isFile())
        return sendFile(file, request, response, entry, {})
    }
    response.statusCode = 404
    response.end('not found')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    log,
    faults,
    headers,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function sendFile(file, request, response, entry, faults) {
  const { size } = statSync(file)
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const start = range ? Number(range[1]) : 0
  const end = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1
  response.setHeader('Content-Type', TYPES[path.extname(file)] ?? 'application/octet-stream')
  response.setHeader('Content-Length', end - start + 1)
  if (range) {
    response.statusCode = 206
    response.setHeader('Content-Range', `bytes ${start}-${end}/${size}`)
  }
  const cutAfter = faults.cutAfter
  faults.cutAfter = null
  const stream = createReadStream(file, { start, end })
  stream.on('data', (piece) => {
    if (cutAfter !== null && entry.sent + piece.length > cutAfter) {
      stream.destroy()
      response.write(piece.subarray(0, cutAfter - entry.sent), () => request.socket.destroy())
      entry.sent = cutAfter
      return
    }
    entry.sent += piece.length
    if (!response.write(piece)) {
      stream.pause()
      response.once('drain', () => stream.resume())
    }
  })
  stream.on('end', () => response.end())
  response.on('close', () => stream.destroy())
}
