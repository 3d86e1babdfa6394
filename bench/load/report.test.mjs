// The arithmetic of the report and the reading of a trace, on numbers made by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longestTask } from '../../tests/browser/main_thread.mjs'
import { goals, ratios, spread, summary } from './report.mjs'

const visit = (load_ms) => ({
  load_ms,
  since_navigation_ms: load_ms + 40,
  cpu_ms: load_ms + 100,
  first_edit_ms: 50,
  first_edit_cpu_ms: 60,
  first_edit_new_tokens: 17,
})
const process = (n) => ({ rss_bytes: n, pss_bytes: n / 2 })
const memory = (peak) => ({
  blank: { renderer: process(100), gpu: process(10) },
  ready: { renderer: process(peak - 10), gpu: process(10) },
  edited: { renderer: process(peak), gpu: process(12) },
  settled: { renderer: process(peak - 20), gpu: process(10) },
  js_heap_bytes: 7,
})
const tasks = (ms) => ({
  loading: { n: 3, wall_ms: 2 * ms, cpu_ms: ms },
  editing: { n: 3, wall_ms: 1, cpu_ms: 1 },
})
const round = (load_ms, peak) => ({
  cold: { ...visit(load_ms + 500), download_ms: 400, version: 'v' },
  reload: visit(load_ms),
  second_tab: visit(load_ms),
  restart: visit(load_ms + 10),
  memory: memory(peak),
  tasks: tasks(5),
})

test('medians and the least of the rounds', () => {
  assert.deepEqual(spread([4, 1, 3]), { median: 3, min: 1, all: [4, 1, 3] })
  assert.equal(spread([4, 1]).median, 2.5)
  const s = summary([round(200, 1100), round(220, 1300), round(260, 1200)], 1000)
  assert.equal(s.reload.load_ms.median, 220)
  assert.equal(s.reload.ready_and_edited_ms.min, 250)
  assert.equal(s.cold.above_download_ms.median, 320)
  assert.equal(s.memory.renderer.rss_bytes.peak_until_first_edit, 1100)
  assert.equal(s.memory.renderer.pss_bytes.settled, 540)
})

test('a goal is reached or not, and by how much', () => {
  const g = goals(summary([round(290, 2 ** 26 + 1100)], 1000))
  assert.deepEqual(g.ready_after_reload_ms, { value: 290, goal: 300, reached: true })
  assert.deepEqual(g.ready_after_restart_ms, { value: 300, goal: 300, reached: true })
  assert.equal(g.cold_above_download_ms.reached, false)
  assert.equal(g.renderer_above_file_bytes.value, 2 ** 26)
  assert.equal(g.renderer_above_file_bytes.reached, false)
  assert.equal(g.main_thread_held_cpu_ms.value, 5)
})

test('ratios are ours over theirs', () => {
  const r = ratios(summary([round(200, 1100)], 1000), summary([round(400, 2100)], 1000))
  assert.equal(r.reload_ready, 0.5)
  assert.equal(r.renderer_peak, 0.5)
})

test('the longest task is the main thread of that process alone', () => {
  const task = (pid, tid, dur, tdur, name = 'ThreadControllerImpl::RunTask') => ({
    ph: 'X',
    name,
    pid,
    tid,
    dur,
    tdur,
  })
  const traceEvents = [
    { ph: 'M', name: 'thread_name', pid: 7, tid: 1, args: { name: 'CrRendererMain' } },
    { ph: 'M', name: 'thread_name', pid: 8, tid: 1, args: { name: 'CrRendererMain' } },
    task(7, 1, 2500, 1500),
    task(7, 1, 1000, 900),
    task(7, 2, 9000, 9000),
    task(8, 1, 9000, 9000),
    task(7, 1, 9000, 9000, 'FunctionCall'),
  ]
  const trace = JSON.stringify({ traceEvents })
  assert.deepEqual(longestTask(trace, 7), { n: 2, wall_ms: 2.5, cpu_ms: 1.5 })
  assert.throws(() => longestTask(trace, 9), /no main thread of process 9/)
})
