// The client's side of connections.mjs, a process of its own so that its work is not the
// measurement's: opens many connections, tells its parent when each has its first answer, and holds
// them. Prints nothing. fork(client.mjs, [PORT, N, PATH]); it answers {ready} and to 'events' with
// the spread of what came since.
import net from 'node:net'

const [port, n, path] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]]
const OPENING = 200 // at a time
let opened = 0
let ready = 0
let broken = 0
let events = [] // ms (of the wall clock) of each event of each stream
function open() {
  if (opened === n) return
  opened++
  let first = true
  const socket = net.connect(port, '127.0.0.1', () => {
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`)
  })
  socket.on('data', (data) => {
    let at = -1
    // biome-ignore lint/suspicious/noAssignInExpressions: the shortest way to count
    while ((at = data.indexOf('event: segment', at + 1)) >= 0) events.push(performance.now())
    if (!first) return
    first = false
    ready++
    if (ready + broken === n) process.send({ ready, broken })
    else open()
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    if (!first) return
    broken++
    if (ready + broken === n) process.send({ ready, broken })
    else open()
  })
}
for (let i = 0; i < Math.min(OPENING, n); i++) open()
process.on('message', () => {
  process.send({ events })
  events = []
})
process.on('disconnect', () => process.exit())
