/**
 * Server-sent events of one reply. By fetch and not by EventSource, which can carry neither a token
 * nor a Last-Event-ID of its own, and gives up for good at a 503. Coming back is jobs.ts' matter.
 * source WHATWG HTML, "Server-sent events"; the server writes id, event, data, each on one line.
 */
export interface JobEvent {
  readonly id: number
  readonly type: string
  readonly data: unknown
}

export interface EventSourceOptions {
  /** Events behind this one; 0: all. */
  readonly after: number
  readonly signal: AbortSignal
}

/** The server says something every 15 seconds, if only a comment. */
const SILENCE_MS = 45_000

/** Rejects when the connection breaks or falls silent. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<JobEvent> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await soon(reader.read())
      if (done) return // a block without its empty line is not whole: it is sent again
      text += decoder.decode(value, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) {
        const event = parseEvent(block)
        if (event) yield event
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

function soon<T>(reading: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('silence')), SILENCE_MS)
  })
  return Promise.race([reading, silence]).finally(() => clearTimeout(timer))
}

/** Null: a comment, or nothing of ours. */
export function parseEvent(block: string): JobEvent | null {
  const field = (name: string): string | undefined => {
    const line = block.split('\n').find((one) => one.startsWith(`${name}:`))
    return line?.slice(name.length + 1).replace(/^ /, '')
  }
  const id = Number(field('id'))
  const data = field('data')
  if (!Number.isInteger(id) || data === undefined) return null
  try {
    return { id, type: field('event') ?? 'message', data: JSON.parse(data) }
  } catch {
    return null
  }
}
