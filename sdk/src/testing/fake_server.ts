/** A model on a fake server: fetch with Range, a log of what was sent, faults on demand. */
import { hashHex } from '../model/hash.ts'
import type { Manifest } from '../model/manifest.ts'

export async function modelOf(
  nBytes: number,
  chunkBytes: number,
): Promise<{ file: Uint8Array<ArrayBuffer>; manifest: Manifest }> {
  const file = new Uint8Array(nBytes)
  for (let i = 0; i < nBytes; i++) file[i] = (i * 2654435761) >>> 24
  const chunks: string[] = []
  for (let at = 0; at < nBytes; at += chunkBytes)
    chunks.push(await hashHex(file.subarray(at, at + chunkBytes)))
  return {
    file,
    manifest: {
      name: 'tiny',
      file: 'tiny.gguf',
      bytes: nBytes,
      sha256: await hashHex(file),
      chunk_bytes: chunkBytes,
      chunks,
    },
  }
}

export class FakeServer {
  file: Uint8Array<ArrayBuffer>
  /** Bytes sent so far, over all requests. */
  sent = 0
  ranges: string[] = []
  /** The connection breaks when this many bytes were sent in all. */
  cutAt = Number.POSITIVE_INFINITY
  /** A cut that closes the stream instead of failing it. */
  cutSilently = false
  honoursRange = true
  pieceBytes = 7
  onPiece: () => void = () => {}

  constructor(file: Uint8Array<ArrayBuffer>) {
    this.file = file
  }

  fetch = async (_url: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const range = new Headers(init?.headers).get('range') ?? ''
    this.ranges.push(range)
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
    const partial = this.honoursRange && from !== undefined
    let at = partial ? Number(from) : 0
    const end = partial ? Number(to) + 1 : this.file.length
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        this.onPiece()
        if (init?.signal?.aborted) return controller.error(init.signal.reason)
        const stop = Math.min(end, at + this.pieceBytes, at + Math.max(0, this.cutAt - this.sent))
        if (stop > at) {
          controller.enqueue(this.file.slice(at, stop))
          this.sent += stop - at
          at = stop
        } else if (at < end && !this.cutSilently) controller.error(new TypeError('network error'))
        else controller.close()
      },
    })
    const headers: Record<string, string> = partial
      ? { 'content-range': `bytes ${from}-${to}/${this.file.length}` }
      : {}
    return new Response(body, { status: partial ? 206 : 200, headers })
  }
}
