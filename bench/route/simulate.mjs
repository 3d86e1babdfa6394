// One policy in one scenario: edits come, are answered or not, and are counted.
import { draw, VirtualClock } from './clock.mjs'
import { Device, editOf, Server } from './world.mjs'

/** An edit with no answer by then has none, and counts as that long. */
export const NO_ANSWER_MS = 30_000
const ARRIVAL_MS = 4000

export const quantile = (sorted, share) =>
  sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]

export async function simulate(scenario, start, { edits, seed, deadlineMs }) {
  const clock = new VirtualClock()
  const device = new Device(clock, scenario, seed)
  const server = new Server(clock, scenario, seed)
  const world = { clock, device, server }
  const policy = await start(world)
  const latencies = new Float64Array(edits)
  const used = { deviceMs: 0, usd: 0, device: 0, server: 0, failed: 0 }
  const why = {}

  async function one(i) {
    const from = clock.now()
    try {
      const got = await policy(world, editOf(seed, i))
      latencies[i] = Math.min(NO_ANSWER_MS, clock.now() - from)
      used[got.value]++
      used.deviceMs += got.ownMs ?? 0
      used.usd += got.usd ?? 0
      if (got.why) why[got.why] = (why[got.why] ?? 0) + 1
    } catch {
      latencies[i] = NO_ANSWER_MS
      used.failed++
    }
  }
  function arrive(i) {
    void one(i)
    const gap = -ARRIVAL_MS * Math.log(1 - draw(seed, i, 'gap'))
    if (i + 1 < edits) clock.after(gap, () => arrive(i + 1))
  }
  arrive(0)
  await clock.run()

  const sorted = latencies.toSorted()
  const round = (x, digits = 0) => Number(x.toFixed(digits))
  return {
    p50_ms: round(quantile(sorted, 0.5), 1),
    p95_ms: round(quantile(sorted, 0.95), 1),
    p99_ms: round(quantile(sorted, 0.99), 1),
    missed: latencies.reduce((n, ms) => n + (ms > deadlineMs ? 1 : 0), 0),
    failed: used.failed,
    on_device: used.device,
    usd: round(server.usd, 4),
    wasted_usd: round(server.usd - used.usd, 4),
    device_s: round(device.ms / 1000),
    wasted_device_s: round((device.ms - used.deviceMs) / 1000),
    ...(Object.keys(why).length > 0 ? { why } : {}),
  }
}
