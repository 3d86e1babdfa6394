// The two places of the simulation: a device that does one edit at a time and a server behind a
// network, both as a scenario says they are at each moment. Owns what truly happens; what a policy
// may know of it is in `state()` alone.
import { NearfieldError } from '../../sdk/src/error.ts'
import { around, draw } from './clock.mjs'

/** Prices of a small cloud model, USD a million tokens. */
export const PRICE = { inputUsd: 0.15, outputUsd: 0.6 }
const PROMPT_TOKENS = 200
const TOKEN_SHARE = 0.16 // of a pass, to read a prompt token: docs/performance.md

/** What edit number i is: the same for every policy. */
export function editOf(seed, i) {
  const outputTokens = Math.round(Math.min(60, Math.max(4, around(14, 0.4, seed, i, 'tokens'))))
  const passes = Math.max(1, Math.round(outputTokens * around(0.5, 0.25, seed, i, 'passes')))
  const readTokens = outputTokens + 10
  return { i, outputTokens, passes, readTokens, inputTokens: PROMPT_TOKENS + readTokens }
}

function failure(code, what) {
  return new NearfieldError(code, what)
}

export class Device {
  ms = 0 // computed, in all
  #clock
  #scenario
  #seed
  #jobs = []
  #tick = null

  constructor(clock, scenario, seed) {
    this.#clock = clock
    this.#scenario = scenario
    this.#seed = seed
    for (const at of scenario.lostAt ?? []) clock.after(at, () => this.#lose())
  }
  #at() {
    return this.#scenario.device(this.#clock.now())
  }
  state() {
    const { state, loadingMs, progress } = this.#at()
    const running = this.#jobs[0]?.from !== undefined ? this.#clock.now() - this.#jobs[0].from : 0
    if (state === 'ready' && this.#jobs.length > 0)
      return { state: 'busy', waiting: this.#jobs.length, runningMs: running }
    return { state, loadingMs, progress }
  }
  #lose() {
    for (const job of this.#jobs.splice(0)) this.#end(job, failure('lost', 'the GPU was lost'))
    this.#tick?.()
  }
  #end(job, error) {
    if (job.from !== undefined) this.ms += this.#clock.now() - job.from
    if (error) job.reject(error)
  }
  #next() {
    this.#tick?.()
    const job = this.#jobs[0]
    if (!job) return
    const { state, readyMs = 0, slow = 1 } = this.#at()
    if (state === 'loading') {
      this.#tick = this.#clock.after(readyMs, () => this.#next())
      return
    }
    job.from = this.#clock.now()
    const { passes, readTokens, i } = job.edit
    const units = passes + TOKEN_SHARE * readTokens
    const ms = units * this.#scenario.passMs * slow * around(1, 0.12, this.#seed, i, 'device')
    this.#tick = this.#clock.after(ms, () => {
      this.#jobs.shift()
      this.#end(job)
      job.resolve({ value: 'device', ownMs: ms, work: job.edit })
      this.#next()
    })
  }
  ask(edit, signal) {
    if (this.#at().state === 'lost') return Promise.reject(failure('lost', 'the GPU is lost'))
    return new Promise((resolve, reject) => {
      const job = { edit, resolve, reject }
      this.#jobs.push(job)
      signal?.addEventListener('abort', () => {
        const at = this.#jobs.indexOf(job)
        if (at < 0) return
        this.#jobs.splice(at, 1)
        this.#end(job, signal.reason)
        if (at === 0) this.#next()
      })
      if (this.#jobs.length === 1) this.#next()
    })
  }
}

export class Server {
  usd = 0 // charged, in all
  #tries = new Map()
  #clock
  #scenario
  #seed

  constructor(clock, scenario, seed) {
    this.#clock = clock
    this.#scenario = scenario
    this.#seed = seed
  }
  ask(edit, signal) {
    const {
      rtt,
      serviceMs,
      loss = 0,
      busy = 0,
      dead,
      refused,
    } = this.#scenario.server(this.#clock.now())
    const tries = (this.#tries.get(edit.i) ?? 0) + 1 // each has its own luck
    this.#tries.set(edit.i, tries)
    const way = around(rtt, 0.1, this.#seed, edit.i, 'rtt')
    let lost = 0
    for (let k = 0; k < 4; k++) if (draw(this.#seed, edit.i, 'loss', k) < loss) lost++
    const wait = lost > 0 ? Math.max(200, 2 * rtt) * (2 ** lost - 1) : 0 // RFC 6298: doubled
    const isBusy = busy > 0 && draw(this.#seed, edit.i, 'busy', tries) < busy
    const share = 0.5 + edit.outputTokens / 28
    const service = serviceMs * share * around(1, 0.35, this.#seed, edit.i, 'service')
    return new Promise((resolve, reject) => {
      const stops = []
      signal?.addEventListener('abort', () => {
        for (const stop of stops) stop()
        reject(signal.reason)
      })
      const later = (ms, call) => stops.push(this.#clock.after(ms, call))
      if (dead) return
      if (refused) later(way, () => reject(failure('network', 'refused')))
      else if (isBusy) later(way + wait, () => reject(failure('network', '429')))
      else {
        const cost = (edit.inputTokens * PRICE.inputUsd + edit.outputTokens * PRICE.outputUsd) / 1e6
        later(way / 2, () => {
          this.usd += cost
        })
        later(way + wait + service, () => resolve({ value: 'server', usd: cost }))
      }
    })
  }
}
