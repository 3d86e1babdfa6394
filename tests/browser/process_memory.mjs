// Memory of a process from /proc: now, and the most since a moment. Linux only. Owns the sampling;
// which process is asked about is profile.mjs's.
//   rss  resident pages, those shared with others too; its peak is the kernel's own and exact
//   pss  shared pages in equal parts; its peak is that of samples, SAMPLE_MS apart
import { readFileSync, writeFileSync } from 'node:fs'

const SAMPLE_MS = 20

function kb(pid, file, name) {
  try {
    const text = readFileSync(`/proc/${pid}/${file}`, 'utf8')
    return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024
  } catch {
    return 0 // it has just ended
  }
}
export const now = (pid) => ({
  rss_bytes: kb(pid, 'status', 'VmRSS'),
  pss_bytes: kb(pid, 'smaps_rollup', 'Pss'),
})

/** User and system time of a process so far; the clock's tick is 10 ms. */
export function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

// Watches processes by name ({renderer: pid, ...}) until peaks() is called, which gives each one's.
export function watch(pids) {
  const peaks = new Map(Object.keys(pids).map((name) => [name, 0]))
  for (const pid of Object.values(pids)) {
    try {
      writeFileSync(`/proc/${pid}/clear_refs`, '5') // VmHWM begins again at what it has now
    } catch (error) {
      throw new Error(`the peak of process ${pid} cannot be measured: ${error.message}`)
    }
  }
  const look = () => {
    for (const [name, pid] of Object.entries(pids)) {
      peaks.set(name, Math.max(peaks.get(name), kb(pid, 'smaps_rollup', 'Pss')))
    }
  }
  const timer = setInterval(look, SAMPLE_MS)
  return function stop() {
    clearInterval(timer)
    look()
    return Object.fromEntries(
      Object.entries(pids).map(([name, pid]) => [
        name,
        { rss_bytes: kb(pid, 'status', 'VmHWM'), pss_bytes: peaks.get(name) },
      ]),
    )
  }
}
