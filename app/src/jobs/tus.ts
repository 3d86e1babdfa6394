/**
 * Resumable uploads as the page speaks them: tus 1.0.0 with creation and termination, PATCH in one
 * body. Owns one request each and tries nothing twice: that is send.ts. Not tus-js-client, which
 * the tests use against the server: it is 19.9 kB gzipped in a bundle, and its retries and its
 * list of uploads are other than ours (patience.ts, project/store.ts).
 * source tus resumable upload protocol 1.0.0, tus.io/protocols/resumable-upload
 */
import { errorLine, JobError } from './problem'

/** What sending asks of a server; tests hold one in memory. */
export interface Tus {
  /** A new upload of so many bytes; resolves to its id. */
  create(bytes: number): Promise<string>
  /** So many bytes are on the server's disk. Ends what this server still reads for the upload. */
  offset(id: string, signal: AbortSignal): Promise<number>
  /** The bytes from `offset` on; resolves to where it ends then. progress: bytes, from the start. */
  append(
    id: string,
    body: Blob,
    offset: number,
    progress: (sent: number) => void,
    signal: AbortSignal,
  ): Promise<number>
  /** Takes it off the server. */
  drop(id: string): Promise<void>
}

/**
 * A connection over which nothing goes for so long is as good as lost. Breaking one that was only
 * slow costs little: what has arrived is kept.
 */
const SILENCE_MS = 60_000

const VERSION = { 'Tus-Resumable': '1.0.0' }
const address = (id: string) => `/v1/uploads/${id}`

export class HttpTus implements Tus {
  readonly #ask: (url: string, init: RequestInit) => Promise<Response>
  readonly #headers: () => Record<string, string>

  /** ask: rejects with a JobError where the reply is no success; headers: of who asks. */
  constructor(
    ask: (url: string, init: RequestInit) => Promise<Response>,
    headers: () => Record<string, string>,
  ) {
    this.#ask = ask
    this.#headers = headers
  }

  async create(bytes: number): Promise<string> {
    const headers = { ...VERSION, 'Upload-Length': String(bytes) }
    const reply = await this.#ask('/v1/uploads', { method: 'POST', headers })
    const id = /\/([0-9a-f]+)$/.exec(reply.headers.get('Location') ?? '')?.[1]
    if (!id) throw new JobError(502, 'the server did not say where the upload goes')
    return id
  }

  async offset(id: string, signal: AbortSignal): Promise<number> {
    const reply = await this.#ask(address(id), { method: 'HEAD', headers: VERSION, signal })
    return offsetOf(reply.headers.get('Upload-Offset'))
  }

  async drop(id: string): Promise<void> {
    await this.#ask(address(id), { method: 'DELETE', headers: VERSION })
  }

  /** XMLHttpRequest, because fetch does not tell how much was sent. */
  append(
    id: string,
    body: Blob,
    offset: number,
    progress: (sent: number) => void,
    signal: AbortSignal,
  ): Promise<number> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const request = new XMLHttpRequest()
      let timer: ReturnType<typeof setTimeout> | undefined
      const abort = () => request.abort()
      const alive = () => {
        clearTimeout(timer)
        timer = setTimeout(abort, SILENCE_MS)
      }
      const lost = () => reject(new JobError(0, 'the connection was lost while uploading'))
      request.open('PATCH', address(id))
      const type = 'application/offset+octet-stream'
      const headers = { ...this.#headers(), ...VERSION, 'Content-Type': type }
      for (const [name, value] of Object.entries({ ...headers, 'Upload-Offset': String(offset) })) {
        request.setRequestHeader(name, value)
      }
      request.upload.onprogress = (event) => {
        alive()
        progress(offset + event.loaded)
      }
      request.onload = () => {
        try {
          resolve(endOf(request))
        } catch (error) {
          reject(error)
        }
      }
      request.onerror = lost
      request.onabort = () => (signal.aborted ? reject(signal.reason) : lost())
      request.onloadend = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
      }
      signal.addEventListener('abort', abort)
      alive()
      request.send(body.slice(offset))
    })
  }
}

function endOf(request: XMLHttpRequest): number {
  const { status, responseText } = request
  if (status === 204) return offsetOf(request.getResponseHeader('Upload-Offset'))
  const wait = Number(request.getResponseHeader('Retry-After')) * 1000 || 0
  throw new JobError(status, errorLine(status, responseText), wait)
}

function offsetOf(field: string | null): number {
  if (field === null || !/^\d+$/.test(field)) {
    throw new JobError(502, 'the server did not say how much it has')
  }
  return Number(field)
}
