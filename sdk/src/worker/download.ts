/**
 * Fetches a run of chunks with one Range request and hands on each chunk when it is whole.
 * Owns HTTP only; whether the bytes are right is load.ts's question.
 */
import { NearfieldError } from '../error.ts'
import type { ChunkPlace } from '../model/chunks.ts'
import { unlessAborted } from '../unless_aborted.ts'

/** A connection that brings nothing for so long is taken for dead. */
const SILENT_MS = 30_000

export interface DownloadOptions {
  signal: AbortSignal
  /** Called for every piece of the run that arrives. */
  onBytes(n: number): void
}

/** The buffer a chunk comes in is used again for the next one. */
export async function* fetchRun(
  url: string,
  run: ChunkPlace[],
  { signal, onBytes }: DownloadOptions,
): AsyncGenerator<{ chunk: ChunkPlace; bytes: Uint8Array<ArrayBuffer> }> {
  const last = run[run.length - 1]!
  const end = last.offset + last.length
  const patience = new Patience(signal)
  const reader = await openAt(url, run[0]!.offset, end, patience)
  const buffer = new Uint8Array(Math.max(...run.map((c) => c.length)))
  let rest: Uint8Array = new Uint8Array(0)
  try {
    for (const chunk of run) {
      let have = 0
      while (have < chunk.length) {
        if (rest.length === 0)
          rest = await nextPiece(reader, url, chunk.offset + have, end, patience)
        const n = Math.min(rest.length, chunk.length - have)
        buffer.set(rest.subarray(0, n), have)
        rest = rest.subarray(n)
        have += n
        onBytes(n)
      }
      yield { chunk, bytes: buffer.subarray(0, chunk.length) }
    }
  } finally {
    reader.cancel().catch(() => {}) // nothing to tell: the run is over
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/** Waits for a server, and ends the connection when nothing has come for SILENT_MS. */
class Patience {
  readonly #asked: AbortSignal
  readonly #silent = new AbortController()
  /** For fetch(): ends the connection as asked, or when nothing has come for so long. */
  readonly signal: AbortSignal

  constructor(asked: AbortSignal) {
    this.#asked = asked
    this.signal = AbortSignal.any([asked, this.#silent.signal])
  }

  /**
   * Rejects as aborted, or with a NearfieldError 'network': `failed`, and that nothing came, if so.
   * Whoever takes his time between two of these has all of it.
   */
  async for<T>(work: Promise<T>, failed: string): Promise<T> {
    const timer = setTimeout(() => this.#silent.abort(), SILENT_MS)
    try {
      return await unlessAborted(work, this.#silent.signal)
    } catch (error) {
      this.#asked.throwIfAborted()
      const why = this.#silent.signal.aborted ? `: no byte for ${SILENT_MS / 1000} s` : ''
      throw new NearfieldError('network', failed + why, { cause: error })
    } finally {
      clearTimeout(timer)
    }
  }
}

/** A reader whose first byte is byte `start` of the file. */
async function openAt(
  url: string,
  start: number,
  end: number,
  patience: Patience,
): Promise<Reader> {
  const { signal } = patience
  const headers = { range: `bytes=${start}-${end - 1}` }
  const answer = fetch(url, { headers, cache: 'no-store', signal })
  const response = await patience.for(answer, `${url} could not be fetched`)
  if (!response.ok || !response.body) {
    throw new NearfieldError('network', `${url}: the server answered ${response.status}`)
  }
  const reader: Reader = response.body.getReader()
  if (response.status === 206) {
    const from = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]
    if (from !== undefined && Number(from) !== start) {
      reader.cancel().catch(() => {})
      throw new NearfieldError(
        'network',
        `${url}: asked for byte ${start}, the server sent byte ${from}`,
      )
    }
    return reader
  }
  // A server without ranges sends the whole file: what comes before the run is thrown away.
  return start === 0 ? reader : skipping(reader, start, url, end, patience)
}

async function skipping(
  reader: Reader,
  skip: number,
  url: string,
  end: number,
  patience: Patience,
): Promise<Reader> {
  let at = 0
  while (at < skip) {
    const piece = await nextPiece(reader, url, at, end, patience)
    at += piece.length
    if (at > skip) return readerAfter(piece.subarray(piece.length - (at - skip)), reader)
  }
  return reader
}

function readerAfter(first: Uint8Array, reader: Reader): Reader {
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(first),
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: () => reader.cancel(),
  }).getReader()
}

async function nextPiece(
  reader: Reader,
  url: string,
  at: number,
  end: number,
  patience: Patience,
): Promise<Uint8Array> {
  const brokeOff = `the download of ${url} broke off at byte ${at} of ${end}`
  const { done, value } = await patience.for(reader.read(), brokeOff)
  if (done) throw new NearfieldError('network', brokeOff)
  return value
}
