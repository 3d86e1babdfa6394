// A small real model in many chunks, for tests of loading: its file is sent as the test lets it, and
// every byte that is sent is counted. Owns what is served below /models/NAME/; no test.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const PIECE_BYTES = 256
const hash = (bytes) => createHash('sha256').update(bytes).digest('hex')

let made = null
function tinyFile() {
  if (made) return made
  const folder = mkdtempSync(path.join(os.tmpdir(), 'nearfield-tiny-'))
  execFileSync('build/native/tests/make_tiny', [folder])
  made = readFileSync(path.join(folder, 'tiny_edit.gguf'))
  rmSync(folder, { recursive: true })
  return made
}

export class SmallModel {
  chunkBytes
  file = tinyFile()
  manifest
  /** How often each byte was sent. */
  counts
  /** [{ from, end, sent, closed }], in order; closed: its connection or the answer has ended. */
  requests = []
  #holdAt = Number.POSITIVE_INFINITY
  #changed = []

  /** tail: bytes behind the model's own, which no tensor claims: another file, as long as wanted. */
  constructor(name, { chunkBytes = 1024, tail = Buffer.alloc(0) } = {}) {
    this.chunkBytes = chunkBytes
    this.file = Buffer.concat([this.file, tail])
    const chunks = []
    for (let at = 0; at < this.file.length; at += chunkBytes)
      chunks.push(hash(this.file.subarray(at, at + chunkBytes)))
    const { length: bytes } = this.file
    const sha256 = hash(this.file)
    this.manifest = { name, file: `${name}.gguf`, bytes, sha256, chunk_bytes: chunkBytes, chunks }
    this.counts = new Uint8Array(bytes)
  }

  /** Puts it on a server of serve.mjs. */
  serveFrom(pages) {
    const { name, file } = this.manifest
    pages[`/models/${name}/manifest.json`] = JSON.stringify(this.manifest)
    pages[`/models/${name}/${file}`] = (request, response) => this.#send(request, response)
  }

  /** Nothing from this byte on is sent until it is moved. */
  holdAt(at) {
    this.#holdAt = at
    this.#tell()
  }
  release() {
    this.holdAt(Number.POSITIVE_INFINITY)
  }
  forget() {
    this.counts.fill(0)
    this.requests.length = 0
  }

  /** Resolves when `holds()` does; asked whenever something was sent or a request has come. */
  async until(holds) {
    while (!holds()) await this.#change()
  }
  get sent() {
    return this.requests.reduce((sum, request) => sum + request.sent, 0)
  }
  /** Chunks of which a byte was sent, and whole ones that were sent once. */
  get chunksSent() {
    const touched = new Set()
    for (let at = 0; at < this.counts.length; at++)
      if (this.counts[at] > 0) touched.add(Math.floor(at / this.chunkBytes))
    return [...touched]
  }

  #change() {
    return new Promise((done) => this.#changed.push(done))
  }
  #tell() {
    for (const done of this.#changed.splice(0)) done()
  }

  async #send(request, response) {
    const { length } = this.file
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '')
    const from = range ? Number(range[1]) : 0
    const end = range ? Number(range[2]) + 1 : length
    const entry = { from, end, sent: 0, closed: false }
    this.requests.push(entry)
    response.writeHead(range ? 206 : 200, {
      'Content-Length': end - from,
      ...(range && { 'Content-Range': `bytes ${from}-${end - 1}/${length}` }),
    })
    response.flushHeaders()
    let gone = false
    response.on('close', () => {
      gone = entry.closed = true
      this.#tell()
    })
    this.#tell()
    for (let at = from; at < end && !gone; ) {
      const stop = Math.min(end, at + PIECE_BYTES, this.#holdAt)
      if (stop <= at) {
        await this.#change()
        continue
      }
      response.write(this.file.subarray(at, stop))
      for (let i = at; i < stop; i++) this.counts[i]++
      entry.sent += stop - at
      at = stop
      this.#tell()
    }
    if (!gone) response.end()
  }
}
