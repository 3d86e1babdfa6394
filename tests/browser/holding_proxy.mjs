// A proxy in front of a server, at which the page is the server's own: passes every request on,
// notes of each PATCH that reaches the server where it begins and how much of its body went through
// (a browser sends one again by itself when a kept connection breaks, to nobody while the server is
// away), and holds one of them after so many bytes for as long as its connection lasts, or all
// requests below a path until they are let go. What breaks behind it breaks in front of it.
import { once } from 'node:events'
import http from 'node:http'

/**
 * port: of the server, asked for each request; null: it is away. A killed server is to be away
 * before: its connections may break a moment before it listens no more, and what the browser sends
 * again by itself would be taken by the kernel, and read by nobody.
 */
export async function holdingProxy(port) {
  const patches = []
  let hold = null
  /** { below, reached, over }: requests below it say so, and wait for that promise. */
  let wait = null
  const proxy = http.createServer(async (request, response) => {
    const { method, url: path } = request
    if (wait && path.startsWith(wait.below)) {
      wait.reached()
      await wait.over
    }
    const onwardPort = port()
    if (onwardPort === null) return request.socket.destroy()
    const host = `127.0.0.1:${onwardPort}`
    const headers = { ...request.headers, host }
    if (headers.origin) headers.origin = `http://${host}`
    const patch = { offset: Number(headers['upload-offset']), sent: 0 }
    const held = method === 'PATCH' ? hold : null
    if (held) hold = null
    const to = { host: '127.0.0.1', port: onwardPort, agent: false }
    const onward = http.request({ ...to, method, path, headers })
    onward.on('socket', (socket) => {
      socket.once('connect', () => method === 'PATCH' && patches.push(patch))
    })
    onward.on('error', () => request.socket.destroy())
    onward.on('response', (reply) => {
      response.writeHead(reply.statusCode, reply.headers)
      response.flushHeaders()
      reply.pipe(response)
      reply.on('error', () => request.socket.destroy())
    })
    response.on('close', () => onward.destroy())
    request.on('data', (bytes) => {
      const room = held ? held.bytes - patch.sent : Number.POSITIVE_INFINITY
      const piece = bytes.subarray(0, Math.min(bytes.length, room))
      patch.sent += piece.length
      const more = onward.write(piece)
      if (held && patch.sent === held.bytes) {
        request.pause()
        held.reached()
      } else if (!more) {
        request.pause()
        onward.once('drain', () => request.resume())
      }
    })
    request.on('end', () => onward.end())
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return {
    host: `127.0.0.1:${proxy.address().port}`,
    patches,
    /** The next PATCH stops after so many bytes; resolves when it has. */
    hold: (bytes) =>
      new Promise((reached) => {
        hold = { bytes, reached }
      }),
    /** `first` resolves when the first of them waits; release() lets all go. */
    holdPath(below) {
      const over = Promise.withResolvers()
      const first = Promise.withResolvers()
      wait = { below, reached: first.resolve, over: over.promise }
      const release = () => {
        wait = null
        over.resolve()
      }
      return { first: first.promise, release }
    },
    async close() {
      proxy.closeAllConnections()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
