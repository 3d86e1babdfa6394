// Worlds: how device and server are at each moment, ms from the start. `changes`: what is quick now is
// not so later, and nothing says so beforehand; there the router must be better than each of the
// three policies, elsewhere no worse. (A device that says it is cold or lost, before a server that is
// well, is no such case: to go by availability is as good as can be.) Edits come every four seconds,
// so 10,000 are eleven hours.

const seconds = (n) => 1000 * n
/** Is it in the first `on` seconds of each `every`, `from` seconds into it? */
const during = (t, { every = 600, on, from = 300 }) =>
  (t + seconds(every - from)) % seconds(every) < seconds(on)

const FAST_MS = 10 // a pass; an edit is some 110 ms: wasm with two threads
const SLOW_MS = 100
const CLOUD_MS = 300 // a model of a provider, for a line of text
const NEAR_MS = 30 // our own server with the same small model

const ready = () => ({ state: 'ready' })
const server =
  (rtt, more = {}) =>
  () => ({ rtt, serviceMs: CLOUD_MS, ...more })

/** Loads for the first `load` seconds of each `every`: a visit, with a model that is not kept. */
function cold(t, { every, load }) {
  const passed = t % seconds(every)
  if (passed >= seconds(load)) return { state: 'ready' }
  const progress = passed / seconds(load)
  return { state: 'loading', loadingMs: passed, progress, readyMs: seconds(load) - passed }
}
const COLD = { every: 400, load: 40 }
const LOST = { every: 300, on: 12, from: 150 }
const losses = (hours) =>
  Array.from({ length: hours * 12 }, (_, i) => seconds(LOST.every * i + LOST.from))

export const scenarios = [
  { name: 'rtt 20', server: server(20), device: ready, passMs: FAST_MS },
  { name: 'rtt 100', server: server(100), device: ready, passMs: FAST_MS },
  { name: 'rtt 300', server: server(300), device: ready, passMs: FAST_MS },
  { name: 'rtt 600', server: server(600), device: ready, passMs: FAST_MS },
  {
    name: 'rtt 20, near server',
    server: server(20, { serviceMs: NEAR_MS }),
    device: ready,
    passMs: FAST_MS,
  },
  {
    name: 'slow device, rtt 60',
    server: server(60),
    device: ready,
    passMs: SLOW_MS,
  },
  {
    name: 'slow device, 5 % loss',
    server: server(100, { loss: 0.05 }),
    device: ready,
    passMs: SLOW_MS,
  },
  {
    name: 'cold device',
    server: server(100),
    device: (t) => cold(t, COLD),
    passMs: FAST_MS,
  },
  {
    name: 'cold device, 5 % loss',
    server: server(100, { loss: 0.05 }),
    device: (t) => cold(t, COLD),
    passMs: FAST_MS,
  },
  {
    name: 'lost device',
    server: server(100),
    device: (t) => (during(t, LOST) ? { state: 'lost' } : { state: 'ready' }),
    lostAt: losses(16),
    passMs: FAST_MS,
  },
  {
    name: 'throttled device',
    server: server(100),
    device: (t) => ({ state: 'ready', slow: during(t, { on: 120 }) ? 10 : 1 }),
    passMs: FAST_MS,
    changes: true,
  },
  {
    name: '429 storms, slow device',
    server: (t) => ({ rtt: 60, serviceMs: CLOUD_MS, busy: during(t, { on: 90 }) ? 0.9 : 0 }),
    device: ready,
    passMs: SLOW_MS,
    changes: true,
  },
  {
    name: '429 storms, cold device',
    server: (t) => ({
      rtt: 60,
      serviceMs: CLOUD_MS,
      busy: during(t, { on: 300, from: 150 }) ? 0.9 : 0,
    }),
    device: (t) => cold(t, { every: 200, load: 20 }),
    passMs: FAST_MS,
    changes: true,
  },
  {
    name: 'outage (silence), slow device',
    server: (t) => ({ rtt: 60, serviceMs: CLOUD_MS, dead: during(t, { on: 60 }) }),
    device: ready,
    passMs: SLOW_MS,
    changes: true,
  },
  {
    name: 'outage (refused), slow device',
    server: (t) => ({ rtt: 60, serviceMs: CLOUD_MS, refused: during(t, { on: 60 }) }),
    device: ready,
    passMs: SLOW_MS,
    changes: true,
  },
  {
    name: 'rtt 20 to 600, near server',
    server: (t) => ({ rtt: during(t, { on: 120 }) ? 600 : 20, serviceMs: NEAR_MS }),
    device: ready,
    passMs: FAST_MS,
    changes: true,
  },
  {
    name: 'overloaded server, slow device',
    server: (t) => ({ rtt: 60, serviceMs: during(t, { on: 120 }) ? 10 * CLOUD_MS : CLOUD_MS }),
    device: ready,
    passMs: SLOW_MS,
    changes: true,
  },
  {
    name: 'everything',
    server: (t) => ({
      rtt: during(t, { every: 900, on: 200, from: 100 }) ? 400 : 60,
      serviceMs: during(t, { every: 1100, on: 100 }) ? 8 * CLOUD_MS : CLOUD_MS,
      loss: 0.01,
      busy: during(t, { every: 700, on: 60 }) ? 0.9 : 0,
      dead: during(t, { every: 1300, on: 45 }),
    }),
    device: (t) => {
      if (during(t, LOST)) return { state: 'lost' }
      const at = cold(t, { every: 1500, load: 40 })
      return { ...at, slow: during(t, { every: 500, on: 80 }) ? 10 : 1 }
    },
    lostAt: losses(16),
    passMs: 15,
    changes: true,
  },
]
