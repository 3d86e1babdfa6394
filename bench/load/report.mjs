// From the rounds of one engine to its numbers, and what they are held to (targets of the design:
// docs/performance.md, "Opening a stored model"). Pure; tested by report.test.mjs.

const MIB = 2 ** 20
// Ready above the download, and from the browser's storage, ms; memory above the file, bytes.
const GOALS = { ready_ms: 300, memory_bytes: 60 * MIB, task_ms: 8 }

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}
const round = (x) => Number(x.toFixed(1))
export const spread = (values) => ({
  median: round(median(values)),
  min: round(Math.min(...values)),
  all: values.map(round),
})

const TIMED = ['load_ms', 'since_navigation_ms', 'cpu_ms', 'first_edit_ms', 'first_edit_cpu_ms']
function timedCase(visits) {
  const times = TIMED.map((field) => [field, spread(visits.map((v) => v[field]))])
  const ready_and_edited_ms = spread(visits.map((v) => v.load_ms + v.first_edit_ms))
  const { first_edit_new_tokens } = visits[0]
  return { ...Object.fromEntries(times), ready_and_edited_ms, first_edit_new_tokens }
}

// Above the blank page's: median over the rounds, bytes.
function memoryCase(visits) {
  const above = (process, when, what) =>
    median(visits.map((v) => v[when][process][what] - v.blank[process][what]))
  const of = (process) =>
    Object.fromEntries(
      ['rss_bytes', 'pss_bytes'].map((what) => [
        what,
        {
          blank: median(visits.map((v) => v.blank[process][what])),
          peak_until_ready: above(process, 'ready', what),
          peak_until_first_edit: above(process, 'edited', what),
          settled: above(process, 'settled', what),
        },
      ]),
    )
  return {
    renderer: of('renderer'),
    gpu_process: of('gpu'),
    page_heap_bytes: median(visits.map((v) => v.js_heap_bytes)),
  }
}

const tasksCase = (visits) =>
  Object.fromEntries(
    ['loading', 'editing'].map((part) => [
      part,
      {
        longest_wall_ms: spread(visits.map((v) => v[part].wall_ms)),
        longest_cpu_ms: spread(visits.map((v) => v[part].cpu_ms)),
      },
    ]),
  )

/** rounds: of one engine, as visits.mjs gives them; fileBytes: what it keeps in memory. */
export function summary(rounds, fileBytes) {
  const of = (name) => rounds.map((r) => r[name])
  const timed = ['cold', 'reload', 'second_tab', 'restart'].map((name) => [
    name,
    timedCase(of(name)),
  ])
  const cases = Object.fromEntries(timed)
  const over = rounds.map(({ cold }) => cold.load_ms - cold.download_ms)
  cases.cold.download_ms = spread(of('cold').map((v) => v.download_ms))
  cases.cold.above_download_ms = spread(over)
  return {
    version: rounds[0].cold.version,
    file_bytes: fileBytes,
    ...cases,
    memory: memoryCase(of('memory')),
    tasks: tasksCase(of('tasks')),
  }
}

/** What is reached, by goal: [figure, goal, reached]. */
export function goals({ cold, reload, restart, memory, tasks, file_bytes }) {
  const at = (value, goal) => ({ value: round(value), goal, reached: value <= goal })
  const above = memory.renderer.rss_bytes.peak_until_first_edit - file_bytes
  const held = Math.max(tasks.loading.longest_cpu_ms.median, tasks.editing.longest_cpu_ms.median)
  return {
    ready_after_reload_ms: at(reload.load_ms.median, GOALS.ready_ms),
    ready_after_restart_ms: at(restart.load_ms.median, GOALS.ready_ms),
    cold_above_download_ms: at(cold.above_download_ms.median, GOALS.ready_ms),
    renderer_above_file_bytes: at(above, GOALS.memory_bytes),
    main_thread_held_cpu_ms: at(held, GOALS.task_ms),
  }
}

/** The first's times over the second's, of the same run. */
export function ratios(a, b) {
  const of = (name, field) => Number((a[name][field].median / b[name][field].median).toFixed(3))
  const peak = ({ memory }) => memory.renderer.rss_bytes.peak_until_first_edit
  return {
    reload_ready: of('reload', 'load_ms'),
    reload_cpu: of('reload', 'cpu_ms'),
    cold_ready: of('cold', 'load_ms'),
    cold_cpu: of('cold', 'cpu_ms'),
    reload_ready_and_edited: of('reload', 'ready_and_edited_ms'),
    restart_ready: of('restart', 'load_ms'),
    restart_ready_and_edited: of('restart', 'ready_and_edited_ms'),
    renderer_peak: Number((peak(a) / peak(b)).toFixed(3)),
  }
}
