// A static server for the benchmark's pages: cross-origin isolated (so that wasm threads work),
// byte ranges, several folders, and a manifest.json for the model as nearfield-server gives one.
// Owns its port on 127.0.0.1. Not for anything but bench/: it trusts its caller.
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync, statSync } from 'node:fs'
import http from 'node:http'
import path from 'node:path'

const CHUNK_BYTES = 512 * 2 ** 10
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

// docs/architecture.md, model folders; the same shape as the SDK's manifest.ts reads.
export function modelManifest(file) {
  const bytes = readFileSync(file)
  const chunks = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    chunks.push(sha256(bytes.subarray(at, at + CHUNK_BYTES)))
  return {
    name: path.basename(file, '.gguf'),
    file: path.basename(file),
    bytes: bytes.length,
    sha256: sha256(bytes),
    chunk_bytes: CHUNK_BYTES,
    chunks,
  }
}

function send(request, response, file) {
  const size = statSync(file).size
  const headers = {
    'Content-Type': types[path.extname(file)] ?? 'application/octet-stream',
    'Accept-Ranges': 'bytes',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cache-Control': 'no-store',
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
  const from = range ? Number(range[1]) : 0
  const to = range?.[2] ? Math.min(Number(range[2]), size - 1) : size - 1
  if (range && from > to) {
    response.writeHead(416, { 'Content-Range': `bytes */${size}` }).end()
    return
  }
  if (range) headers['Content-Range'] = `bytes ${from}-${to}/${size}`
  headers['Content-Length'] = to - from + 1
  response.writeHead(range ? 206 : 200, headers)
  if (request.method === 'HEAD' || size === 0) response.end()
  else createReadStream(file, { start: from, end: to }).pipe(response)
}

// mounts: {'/page/': folder, ...}; text: {'/model/manifest.json': string}. -> {url, close}
export function serve(mounts, text) {
  const server = http.createServer((request, response) => {
    const at = decodeURIComponent(new URL(request.url, 'http://x').pathname)
    try {
      if (at in text) {
        response
          .writeHead(200, {
            'Content-Type': 'application/json',
            'Cross-Origin-Resource-Policy': 'same-origin',
          })
          .end(text[at])
        return
      }
      const mount = Object.keys(mounts).find((m) => at.startsWith(m))
      if (!mount || at.includes('..')) throw new Error('not served')
      send(request, response, path.join(mounts[mount], at.slice(mount.length)))
    } catch {
      response.writeHead(404).end()
    }
  })
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve({
        url: `http://127.0.0.1:${server.address().port}`,
        close: () => {
          server.closeAllConnections()
          server.close()
        },
      }),
    )
  })
}
