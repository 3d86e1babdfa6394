// The page's main thread in a trace of Chromium: how long it was held at a time. A trace, not
// PerformanceObserver's 'longtask', which sees nothing under 50 ms. Owns the reading of the trace.
//   wall  includes the time in which the machine ran something else
//   cpu   what the task itself took

export const CATEGORIES = ['toplevel', 'disabled-by-default-devtools.timeline']

// trace: Chromium's JSON; pid: the page's renderer. -> {n, wall_ms, cpu_ms}: the longest of n tasks.
export function longestTask(trace, pid) {
  const { traceEvents } = JSON.parse(trace)
  const main = traceEvents.find(
    (e) => e.pid === pid && e.name === 'thread_name' && e.args.name === 'CrRendererMain',
  )
  if (!main) throw new Error(`the trace has no main thread of process ${pid}`)
  const tasks = traceEvents.filter(
    (e) =>
      e.pid === pid &&
      e.tid === main.tid &&
      e.ph === 'X' &&
      /^(RunTask|ThreadControllerImpl::RunTask)$/.test(e.name),
  )
  if (tasks.length === 0) throw new Error('the trace has no task of the main thread')
  const longest = (field) => Math.max(...tasks.map((e) => (e[field] ?? 0) / 1e3))
  return { n: tasks.length, wall_ms: longest('dur'), cpu_ms: longest('tdur') }
}
